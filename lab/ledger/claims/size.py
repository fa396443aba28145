"""``pool_size`` is what a pool keeps, not what it has open."""

from lab.demonstrate import filling
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding

DEMAND = (0, 1, 1, 4, 15, 15, 3, 0)  # connections wanted at once


def test(bench: Bench, size: int = 5, overflow: int = 10, warm: bool = False) -> Finding:
    """Follow a demand that comes and goes, and hold the server's backends against the size at every step."""
    levels = filling.follow(bench, DEMAND, size, overflow, warm)
    seen = [level.backends for level in levels]
    measured = (
        f"with pool_size {size} and max_overflow {overflow} the server showed {seen[0]} connections at the start, "
        f"{seen[2]} for requests one after the other, {max(seen)} at the peak, {seen[-1]} when all were back"
    )
    numbers = {"start": seen[0], "one_by_one": seen[2], "peak": max(seen), "end": seen[-1]}
    return Finding(HOLDS if set(seen) == {size} else NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="size",
    sentence="pool_size is the number of connections that are open at all times",
    folklore="pool_size = connections open",
    test=test,
    expected=(NOT_HERE,),
    mutation={"warm": True, "overflow": 0},
    lesson="03_pool_settings",
)
