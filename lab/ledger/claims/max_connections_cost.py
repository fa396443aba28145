"""A slot costs memory that nobody misses; a client that uses it makes all others wait."""

from lab.demonstrate import active
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding

_SLOT_BYTES = 256 * 1024  # a twentieth of the 5 MB that a connection is said to take
_IDLE = 50


def test(bench: Bench, many: int = 32) -> Finding:
    """Take the memory of a slot, then let few and many clients compute, and few beside idle ones."""
    seconds = bench.scaled(ci=0.6, workshop=3.0)
    slot_bytes = active.per_slot_bytes(active.slots(bench))
    few, most = active.at_work(bench, 2, seconds), active.at_work(bench, many, seconds)
    beside = active.at_work(bench, 2, seconds, idle=_IDLE)
    longer, idle_longer = most.mean_ms / few.mean_ms, beside.mean_ms / few.mean_ms
    measured = (
        f"a slot takes {slot_bytes / 1024:.0f} KiB of shared memory; a statement takes {few.mean_ms:.1f} ms with "
        f"{few.active} clients at work ({few.per_s:.0f}/s), {beside.mean_ms:.1f} ms with {_IDLE} idle ones beside "
        f"them, and {most.mean_ms:.1f} ms with {most.active} at work ({most.per_s:.0f}/s)"
    )
    numbers = {"slot_bytes": slot_bytes, "times_as_long": longer, "times_as_long_beside_idle": idle_longer}
    holds = slot_bytes < _SLOT_BYTES and longer >= 3 and idle_longer < longer / 2
    return Finding(HOLDS if holds else NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="max-connections-cost",
    sentence="a slot is nearly free, an active client is not",
    folklore="max_connections = 200 for typical deployments",
    test=test,
    expected=(HOLDS,),
    mutation={"many": 2},
    lesson="04_sizing_the_pool",
)
