"""Overflow is extra while busy; which connection is closed afterwards, and when, is another matter."""

from lab.demonstrate import filling
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, size: int = 5, overflow: int = 10) -> Finding:
    """Ask for more than size and overflow together, then for fewer than size, then for none."""
    busy = size - 2
    start, peak, few, none = filling.follow(bench, (0, size + overflow + 5, busy, 0), size, overflow)
    measured = (
        f"with pool_size {size} and max_overflow {overflow}, {peak.backends} connections were open at the peak, "
        f"{few.backends} when {few.out} were still in use, and {none.backends} when all were back"
    )
    numbers = {"peak": peak.backends, "few_in_use": few.backends, "none_in_use": none.backends}
    if not (start.backends == 0 and size < peak.backends == size + overflow and none.backends == size):
        return Finding(NOT_HERE, measured, numbers=numbers)
    if few.backends > size:
        condition = f"as many as pool_size stay idle beside those in use: {few.backends} with {few.out} in use"
        return Finding(IN_PART, measured, condition, numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="overflow",
    sentence="max_overflow connections are extra, above pool_size, while busy",
    folklore="open = pool_size, and more only while all of these are busy",
    test=test,
    expected=(IN_PART,),
    mutation={"overflow": 0},
    lesson="03_pool_settings",
)
