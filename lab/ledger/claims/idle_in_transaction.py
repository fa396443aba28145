"""An idle transaction keeps VACUUM from removing dead rows only if it has written, or holds a snapshot."""

from collections.abc import Sequence

from lab.demonstrate import horizon
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, holders: Sequence[horizon.Holder] = horizon.HOLDERS) -> Finding:
    """Have rows die beside each kind of idle transaction, VACUUM, and count what had to stay."""
    found = horizon.blocked(bench, holders)
    blocking = [one.holder for one in found if one.not_removable]
    harmless = [one.holder for one in found if not one.not_removable]
    measured = f"of {horizon.ROWS} dead rows each, " + ", ".join(
        f"{one.not_removable} stayed ({one.holder})" for one in found
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
    mutation={"holders": horizon.HOLDERS[:1]},
    lesson="05_sessions_in_fastapi",
)
