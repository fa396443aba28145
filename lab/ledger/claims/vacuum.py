"""VACUUM keeps no reader and no writer waiting; whatever changes the table or looks after it waits."""

from lab.demonstrate import probing, quiet, vacuuming
from lab.demonstrate.bench import Bench
from lab.demonstrate.probing import READS, WRITES, Holder
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, holder: Holder = probing.VACUUM) -> Finding:
    """Try statements one after the other beside *holder*, and look at the file before and after a VACUUM."""
    with quiet.server(bench) as there:
        (table,) = probing.waiting(there, [holder])
        stages = vacuuming.file(there)
    after = stages[vacuuming.VACUUMED]
    use = table.waited(*(one.name for one in (*READS, *WRITES)))
    waits = [one.probe for one in table.met if one.waited]
    kept = after.file_bytes / stages[vacuuming.FILLED].file_bytes
    measured = (
        f"{len(waits)} of {len(table.met)} statements waited for it, {use} of {len(READS) + len(WRITES)} that read or "
        f"write; {after.dead_pct:g} % dead afterwards, the file {100 * kept:.0f} % as long as before"
    )
    numbers = {"waited": float(len(waits)), "use_waited": float(use), "kept": kept}
    if use or after.dead_pct:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if waits:
        return Finding(IN_PART, measured, f"readers and writers do not wait; {', '.join(waits)} do", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="vacuum",
    sentence="VACUUM reclaims dead tuples without locking",
    folklore="non-locking; the space is reclaimed",
    test=test,
    expected=(IN_PART,),
    mutation={"holder": probing.EXCLUSIVE},
    lesson="07_dead_tuples_and_vacuum",
)
