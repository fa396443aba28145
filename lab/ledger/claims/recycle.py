"""``pool_recycle`` looks at the age of a connection when it is next asked for, and at no other time."""

from lab.demonstrate import lifetime
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, recycle_s: float = 0.4) -> Finding:
    """Let two idle connections grow older than the limit, ask for one, then for both."""
    idle, used = lifetime.recycled(bench, recycle_s), lifetime.never_idle(bench, recycle_s, 2.5 * abs(recycle_s))
    measured = (
        f"of {idle.opened} idle connections older than pool_recycle {recycle_s:g} s, {idle.left_idle} were still open; "
        f"{idle.left_after_one} after one checkout, {idle.left_after_both} after two; one that was used all the time "
        f"was replaced {used.backends - 1} times"
    )
    numbers = {"left_idle": idle.left_idle, "left_after_one": idle.left_after_one, "left": idle.left_after_both}
    if idle.left_after_both:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if idle.left_idle:
        return Finding(IN_PART, measured, "only at the next checkout: what is idle stays open", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="recycle",
    sentence="pool_recycle replaces connections older than N seconds",
    folklore="3600 s",
    test=test,
    expected=(IN_PART,),
    mutation={"recycle_s": -1},
    lesson="03_pool_settings",
)
