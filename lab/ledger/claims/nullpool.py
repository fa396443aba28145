"""NullPool costs what it opens: a session for each checkout, and fewer answers for it."""

from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, Claim, Finding
from lab.ledger.compared import wasteful


def test(bench: Bench, pool: str = "queue:size=10,overflow=0") -> Finding:
    """Load NullPool and a pool alike, and compare what they answer."""
    return wasteful(bench, "null", pool)


CLAIM = Claim(
    id="nullpool",
    sentence="NullPool is for tests, not for production",
    folklore="never in production",
    test=test,
    expected=(HOLDS,),
    mutation={"pool": "null"},
    lesson="02_nullpool_or_queuepool",
)
