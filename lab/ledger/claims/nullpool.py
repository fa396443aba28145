"""NullPool costs what it opens; behind a pooler of its own there is nothing left to cost."""

from lab.demonstrate import pairs
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, NOT_SHOWN, Claim, Finding

CLEARLY = 1.2  # times as many answers; below that the advice is not worth a rule


def test(bench: Bench, pool: str = "queue:size=10,overflow=0") -> Finding:
    """Load NullPool and a pool alike, and compare what they answer."""
    found = pairs.compare(bench, "null", pool)
    ratio = found.ratio
    if ratio is None:
        reasons = "; ".join(found.result.comparison.effect.reasons)
        return Finding(NOT_SHOWN, f"the comparison is invalid: {reasons}")
    opened = found.first.sessions_per_request or 0.0
    measured = (
        f"the pool answered {ratio:.2g} times as many requests of 16 users; NullPool opened {opened:.2g} sessions for "
        "each request"
    )
    return Finding(HOLDS if ratio >= CLEARLY else NOT_HERE, measured, numbers={"ratio": ratio, "opened": opened})


CLAIM = Claim(
    id="nullpool",
    sentence="NullPool is for tests, not for production",
    folklore="never in production",
    test=test,
    expected=(HOLDS,),
    mutation={"pool": "null"},
    lesson="02_nullpool_or_queuepool",
)
