"""Requests that only read end in a rollback, which is no error."""

from lab.demonstrate import transactions
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding


def test(bench: Bench, route: str = "inside", requests: int = 200) -> Finding:
    """Read, stop the application so that its backends report, and count."""
    ended = transactions.ended(bench, route, requests)
    measured = f"{ended.requests} requests that only read, {ended.failed} failed: {ended.rollbacks} rollbacks counted"
    counted = ended.failed == 0 and 1.0 <= ended.rollbacks_per_request <= 1.1
    return Finding(HOLDS if counted else NOT_HERE, measured, numbers={"rollbacks": ended.rollbacks})


CLAIM = Claim(
    id="rollbacks",
    sentence="read-only requests count as rollbacks in pg_stat_database: no sign of errors",
    folklore="alerts at a few per cent of rollbacks",
    test=test,
    expected=(HOLDS,),
    mutation={"route": "external-committed"},
    lesson="05_sessions_in_fastapi",
)
