"""What a request pays for a connection of its own, and does not pay for a session of a pooled engine."""

from lab.demonstrate import pairs
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, NOT_SHOWN, Claim, Finding

CLEARLY = 1.2  # times as many answers; below that the waste would not matter


def test(bench: Bench, pool: str = "queue:size=10,overflow=0") -> Finding:
    """Load the bare driver, which connects for each request, and a pool alike, and compare what they answer."""
    found = pairs.compare(bench, "connect", pool)
    ratio = found.ratio
    if ratio is None:
        reasons = "; ".join(found.result.comparison.effect.reasons)
        return Finding(NOT_SHOWN, f"the comparison is invalid: {reasons}")
    opened, kept = (side.sessions_per_request or 0.0 for side in found.both)
    measured = (
        f"the pool answered {ratio:.2g} times as many requests of 16 users; psycopg2.connect() in the handler opened "
        f"{opened:.2g} sessions for each request, the pool {kept:.2g}"
    )
    wasteful = ratio >= CLEARLY and kept < opened
    return Finding(HOLDS if wasteful else NOT_HERE, measured, numbers={"ratio": ratio, "opened": opened, "kept": kept})


CLAIM = Claim(
    id="per-request",
    sentence="psycopg2.connect() in a request handler is wasteful, a session of a pooled engine is not",
    folklore="never connect in a handler",
    test=test,
    expected=(HOLDS,),
    mutation={"pool": "connect"},
    lesson="01_cost_of_a_connection",
)
