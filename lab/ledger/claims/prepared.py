"""Prepared statements of clients that share a server connection: broken before PgBouncer 1.21, followed since."""

from lab.demonstrate import pooler
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, NOT_SHOWN, Claim, Finding


def test(bench: Bench, mode: str = "transaction", threshold: int | None = 0) -> Finding:
    """Have two clients of psycopg 3 use statements in turns, and count those prepared by name and those that failed."""
    found = pooler.prepared(bench, mode, threshold)
    asked = found.done + found.failed
    measured = (
        f"{found.version}: two clients behind it had {found.backends} backends and {found.named} names of prepared "
        f"statements; {found.failed} of {asked} statements failed"
    )
    numbers = {"named": found.named, "backends": found.backends, "failed": found.failed, "done": found.done}
    if not found.named:
        return Finding(NOT_SHOWN, f"{measured}: nothing was prepared by name", numbers=numbers)
    if found.failed:
        return Finding(HOLDS, f"{measured} ({found.reason})", numbers=numbers)
    if found.backends == 1 and found.promised:
        condition = f"before 1.21, or without max_prepared_statements; {found.version} follows the names"
        return Finding(IN_PART, measured, condition, numbers)
    return Finding(NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="prepared",
    sentence="server-side prepared statements do not work behind a pooler in transaction mode",
    folklore="switch them off",
    test=test,
    expected=(HOLDS, IN_PART),
    mutation={"mode": "session"},
    lesson="06_external_pooler",
)
