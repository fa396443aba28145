"""What a request pays for a connection of its own, and does not pay for a session of a pooled engine."""

from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, Claim, Finding
from lab.ledger.compared import wasteful


def test(bench: Bench, pool: str = "queue:size=10,overflow=0") -> Finding:
    """Load the bare driver, which connects for each request, and a pool alike, and compare what they answer."""
    return wasteful(bench, "connect", pool)


CLAIM = Claim(
    id="per-request",
    sentence="psycopg2.connect() in a request handler is wasteful, a session of a pooled engine is not",
    folklore="never connect in a handler",
    test=test,
    expected=(HOLDS,),
    mutation={"pool": "connect"},
    lesson="01_cost_of_a_connection",
)
