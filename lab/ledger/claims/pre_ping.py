"""``pool_pre_ping`` notices what was lost while idle; what is lost in use is lost."""

from lab.demonstrate import faults, roundtrips
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, pre_ping: bool = True) -> Finding:
    """End backends while they are idle, and while they are checked out; count what a checkout sends."""
    idle, used = faults.ended_idle(bench, pre_ping), faults.ended_in_use(bench, pre_ping)
    statements = sum(roundtrips.sent(bench, "checkout", pool_pre_ping=pre_ping).values())
    measured = (
        f"with pre_ping={pre_ping}, {idle.failed} of {idle.requests} requests failed after {idle.ended} backends were "
        f"ended while idle, and {used.failed} of {used.requests} when they were ended in use; each checkout sent "
        f"{statements:g} statements of its own"
    )
    numbers = {"failed_idle": idle.failed, "failed_in_use": used.failed, "statements_per_checkout": statements}
    if idle.failed:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if used.failed:
        return Finding(IN_PART, measured, "only connections that were dropped while they were in the pool", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="pre-ping",
    sentence="pool_pre_ping survives dropped connections",
    folklore="no more disconnect errors",
    test=test,
    expected=(IN_PART,),
    mutation={"pre_ping": False},
    lesson="03_pool_settings",
)
