"""Workers x pool_size is what an app needs only if nothing may overflow."""

from lab.demonstrate import ceiling
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, size: int = 10, overflow: int = 10) -> Finding:
    """Fill the pools of all workers, without overflow and with SQLAlchemy's default one, and count the backends."""
    workers = bench.scaled(ci=2, workshop=4)
    kept = ceiling.peak(bench, f"queue:size={size},overflow=0", workers)
    more = ceiling.peak(bench, f"queue:size={size},overflow={overflow}", workers)
    measured = (
        f"{workers} workers x pool_size {size} had {kept.backends} backends at once with max_overflow 0, and "
        f"{more.backends} with {overflow}"
    )
    numbers = {"workers": workers, "backends": kept.backends, "backends_with_overflow": more.backends}
    if (kept.backends, more.backends) != (workers * size, workers * (size + overflow)):
        return Finding(NOT_HERE, measured, numbers=numbers)
    if more.backends == kept.backends:
        return Finding(HOLDS, measured, numbers=numbers)
    condition = f"with max_overflow=0; max_overflow {overflow} made it {more.backends} instead of {kept.backends}"
    return Finding(IN_PART, measured, condition, numbers)


CLAIM = Claim(
    id="arithmetic",
    sentence="4 workers x pool_size 10 need max_connections of at least 40, plus headroom; 200 is a typical value",
    folklore="4 x 10 = 40; or (200 - 20) / 4 = 45 for each worker",
    test=test,
    expected=(IN_PART,),
    mutation={"overflow": 0},
    lesson="04_sizing_the_pool",
)
