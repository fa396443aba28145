"""Behind a transaction pooler a session is nobody's: who comes next gets it as it was left."""

from lab.demonstrate import pooler
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding


def test(bench: Bench, mode: str = "transaction") -> Finding:
    """Leave a setting, a lock and a temporary table behind, and look for them with the next client."""
    found = pooler.leaks(bench, mode)
    measured = (
        f"the next client found {found.found} of three things that the one before had left: "
        f"setting {found.setting}, advisory lock {found.lock}, temporary table {found.table}"
    )
    return Finding(HOLDS if found.found == 3 else NOT_HERE, measured, numbers={"found": found.found})


CLAIM = Claim(
    id="session-state",
    sentence="with a pooler in transaction mode, SET, advisory locks and temporary tables reach the next client",
    folklore="no session state",
    test=test,
    expected=(HOLDS,),
    mutation={"mode": "session"},
    lesson="06_external_pooler",
)
