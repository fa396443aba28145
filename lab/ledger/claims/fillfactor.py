"""A lower fillfactor makes more updates HOT, up to where all are, and not where the changed column has an index."""

from collections.abc import Sequence

from lab.demonstrate import bloat, hot
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, fillfactors: Sequence[int] = hot.FILLFACTORS, indexed: bool = False) -> Finding:
    """Make the same updates in tables of several fillfactors, from the highest to the lowest, and count HOT ones."""
    with bloat.place(bench) as place:
        found = hot.swept(place, fillfactors, indexed)
    first, last = found[0], found[-1]
    best = max(found, key=lambda one: one.hot_pct)
    measured = "HOT updates: " + ", ".join(f"{one.hot_pct:.0f} % at {one.fillfactor}" for one in found)
    measured += (
        f"; the file at {last.fillfactor} was {last.after_bytes / best.after_bytes:.1f} times that at {best.fillfactor}"
    )
    numbers = {f"hot_pct_{one.fillfactor}": one.hot_pct for one in found}
    if best.hot_pct <= first.hot_pct:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if best.fillfactor > last.fillfactor:
        condition = f"down to {best.fillfactor}, where {best.hot_pct:.0f} % are HOT; lower only makes the file larger"
        return Finding(IN_PART, measured, condition, numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="fillfactor",
    sentence="a lower fillfactor makes more updates HOT",
    folklore="70 to 90 for tables that are updated much; the lower, the more",
    test=test,
    expected=(IN_PART,),
    mutation={"indexed": True},
    lesson="09_bloat",
)
