"""Overflow is not kept: under a load that fluctuates it is opened and closed again and again."""

from lab.demonstrate import filling
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding

CLEARLY = 3.0  # times as many connections opened


def test(bench: Bench, size: int = 1, users: int = 20) -> Finding:
    """Let the same users come and go over two pools of the same total, one of them without overflow."""
    kept = filling.churn(bench, users, users=users)
    churned = filling.churn(bench, size, users - size, users=users)
    measured = (
        f"{kept.checkouts} checkouts of {users} users opened {kept.opened} connections with {kept.pool} "
        f"(size+overflow) and {churned.opened} with {churned.pool}"
    )
    numbers = {"without_overflow": kept.opened, "with_overflow": churned.opened}
    more = churned.opened >= CLEARLY * kept.opened
    return Finding(HOLDS if more else NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="overflow-churn",
    sentence="overflow opens and closes connections under a fluctuating load",
    folklore="overflow is free headroom; only size + overflow counts",
    test=test,
    expected=(HOLDS,),
    mutation={"size": 20},
    lesson="03_pool_settings",
)
