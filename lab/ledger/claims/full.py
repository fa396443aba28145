"""VACUUM FULL writes the table anew under an ACCESS EXCLUSIVE lock: readers wait, and both copies take room."""

from lab.demonstrate import probing, quiet, rewriting
from lab.demonstrate.bench import Bench
from lab.demonstrate.probing import READS, WRITES, Holder
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding

STRONGEST = "AccessExclusiveLock"


def test(bench: Bench, stopped: Holder = probing.FULL, whole: Holder = rewriting.REWRITE) -> Finding:
    """Try statements while *stopped* stands still, look at the disk, and read beside *whole*, which nothing stops."""
    with quiet.server(bench) as there:
        (table,) = probing.waiting(there, [stopped], [*READS, *WRITES])
        disk = rewriting.disk(there, stopped)
        beside = rewriting.read_beside(there, whole)
    smaller, room = disk.after_bytes / disk.before_bytes, disk.beside_bytes / disk.before_bytes
    measured = (
        f"{table.waited()} of {len(table.met)} statements that read or write waited for its {table.mode}; a reader "
        f"waited for {'most' if beside.blocked >= 0.5 else 'little'} of the time that it took; the table came to "
        f"{100 * smaller:.0f} % and took {100 * room:.0f} % of its size beside it meanwhile"
    )
    numbers = {"waited": float(table.waited()), "blocked": beside.blocked, "smaller": smaller, "room": room}
    all_wait = table.waited() == len(table.met) and table.mode == STRONGEST and beside.blocked >= 0.5
    return Finding(HOLDS if all_wait and smaller < 0.9 and room > 0 else NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="full",
    sentence="VACUUM FULL rewrites under an exclusive lock: not in production",
    folklore="an exclusive lock; it is ACCESS EXCLUSIVE, and EXCLUSIVE would let a SELECT through",
    test=test,
    expected=(HOLDS,),
    mutation={"stopped": probing.VACUUM, "whole": rewriting.AS_AUTOVACUUM},
    lesson="07_dead_tuples_and_vacuum",
)
