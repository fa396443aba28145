"""``session.close()`` gives the connection back; only a pool that keeps nothing closes it."""

from lab.demonstrate import sessions
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding


def test(bench: Bench, pool: str = "queue", count: int = 5) -> Finding:
    """Open and close sessions one after the other, and count the backends behind them."""
    backends = len(set(sessions.backends_behind(bench, pool, count)))
    measured = f"{count} sessions, opened and closed one after the other, had {backends} backends behind them"
    return Finding(HOLDS if backends == 1 else NOT_HERE, measured, numbers={"backends": backends})


CLAIM = Claim(
    id="close",
    sentence="session.close() returns the connection to the pool, it does not close it",
    folklore="returned, not closed",
    test=test,
    expected=(HOLDS,),
    mutation={"pool": "null"},
    lesson="02_nullpool_or_queuepool",
)
