"""``pool_timeout``: a wait, then an error; the server shows a session that is idle."""

from lab.demonstrate import waiting
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding


def test(bench: Bench, size: int = 1, timeout_s: float = 0.3) -> Finding:
    """Ask a pool for one connection more than it has."""
    found = waiting.waited(bench, timeout_s, size)
    error = found.error.partition(" (Background")[0] or "no error"
    measured = (
        f"with pool_timeout {timeout_s:g} s the checkout waited {found.waited_s:.2f} s, then: {error}; right "
        f"after, the server showed the connection that was out as {found.state}"
    )
    holds = bool(found.error) and found.waited_s >= 0.9 * timeout_s and found.served_after
    return Finding(HOLDS if holds else NOT_HERE, measured, numbers={"waited_s": found.waited_s})


CLAIM = Claim(
    id="timeout",
    sentence="pool_timeout: a wait, then an error",
    folklore="30 s, then TimeoutError",
    test=test,
    expected=(HOLDS,),
    mutation={"size": 2},
    lesson="03_pool_settings",
)
