"""Prepared statements behind a transaction pooler: broken before PgBouncer 1.21, and followed from then on."""

from lab.demonstrate import pooler
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, mode: str = "transaction", threshold: int | None = 0) -> Finding:
    """Have two clients of psycopg 3 use statements that it prepared by name, in turns on one server connection."""
    found = pooler.prepared(bench, mode, threshold)
    measured = f"PgBouncer {found.version}: {found.failed} of {found.done + found.failed} statements failed"
    numbers = {"failed": found.failed, "done": found.done}
    if found.failed:
        return Finding(HOLDS, f"{measured} ({found.reason})", numbers=numbers)
    if found.promised and mode == "transaction" and threshold is not None:
        return Finding(IN_PART, measured, "before PgBouncer 1.21, or without max_prepared_statements", numbers)
    return Finding(NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="prepared",
    sentence="server-side prepared statements do not work behind a pooler in transaction mode",
    folklore="switch them off",
    test=test,
    expected=(HOLDS, IN_PART),
    mutation={"threshold": None},
    lesson="06_external_pooler",
)
