"""An idle transaction keeps VACUUM from removing dead rows only if it has written, or holds a snapshot."""

from collections.abc import Sequence

from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import ground
from lab.demonstrate.held import ROWS, held
from lab.demonstrate.horizon import HOLDERS, PREPARED, Holder
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, holders: Sequence[Holder] = (*HOLDERS, PREPARED)) -> Finding:
    """Have rows die beside each kind of idle transaction, let autovacuum come, and count what had to stay."""
    with ground(bench) as lent:
        found = held(bench, lent, holders)
    blocking = [one.holder for one in found if one.blocked]
    harmless = [one.holder for one in found if not one.blocked]
    measured = f"of {ROWS} dead rows each, " + ", ".join(
        f"{one.left} stayed through {one.runs} runs of autovacuum ({one.holder})" for one in found
    )
    numbers = {"blocking": float(len(blocking)), "harmless": float(len(harmless))}
    if blocking and harmless:
        return Finding(IN_PART, measured, f"blocks: {'; '.join(blocking)}. Does not: {'; '.join(harmless)}", numbers)
    return Finding(HOLDS if blocking else NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="idle-in-transaction",
    sentence="an idle transaction blocks vacuum",
    folklore="any session that is idle in transaction",
    test=test,
    expected=(IN_PART,),
    mutation={"holders": HOLDERS[:1]},
    lesson="08_autovacuum",
)
