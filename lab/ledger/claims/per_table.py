"""A smaller scale factor keeps fewer dead rows and a smaller table, down to what dies between two visits."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lab.demonstrate import churn
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import ground
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding

ROUNDS = 4  # the default comes in the fourth


def test(bench: Bench, factors: Sequence[str] = ("0.2", "0.05", "0.01")) -> Finding:
    """Replace the same rows in tables of three scale factors, and compare the most dead rows and the sizes."""
    treatments = [
        replace(one, options={churn.OPTION: factor})
        for one, factor in zip((churn.DEFAULT, churn.SMALLER, churn.SMALLEST), factors, strict=True)
    ]
    with ground(bench) as lent:
        season = churn.churned(bench, lent, treatments, ROUNDS)
    peaks = [one.peak for one in season.tables]
    sizes = [one.size_bytes for one in season.tables]
    seen = ", ".join(
        f"{peak:,} ({factor}; {size / 1e6:.2f} MB)" for peak, factor, size in zip(peaks, factors, sizes, strict=True)
    )
    measured = f"of {season.rows:,} rows, {season.count:,} replaced between visits: dead rows at most {seen}"
    numbers = {"peak_default": peaks[0], "peak_smallest": peaks[-1], "size_ratio": sizes[0] / sizes[-1]}
    if not all(more > less for more, less in (*pairwise(peaks), *pairwise(sizes))):
        return Finding(NOT_HERE, measured, numbers=numbers)
    least = 50 + float(factors[-1]) * season.rows
    if season.count <= least:
        return Finding(HOLDS, measured, numbers=numbers)
    condition = (
        f"down to what dies between two visits: {factors[-1]} means {least:,.0f}, and {season.count:,} were dead"
    )
    return Finding(IN_PART, measured, condition, numbers)


CLAIM = Claim(
    id="per-table",
    sentence="a hot table wants a scale factor of 0.05 (or 0.01) of its own",
    folklore="0.05, or 0.01",
    test=test,
    expected=(IN_PART,),
    mutation={"factors": ("0.2", "0.2", "0.2")},
    lesson="08_autovacuum",
)
