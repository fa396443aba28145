"""The documented session dependency stops answering at threads + connections in flight, and not one below."""

from collections.abc import Sequence

from lab.demonstrate import collapse
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(
    bench: Bench, combinations: Sequence[tuple[int, int]] = collapse.COMBINATIONS, route: str = "documented"
) -> Finding:
    """Send requests at once: one fewer than threads + connections, and 1.3 times as many."""
    found = collapse.cliffs(bench, combinations, route)
    below, over = sum(one.failed_below for one in found), [one.failed_over for one in found]
    each = ", ".join(
        f"{one.failed_below} with {one.edge - 1} in flight and, in the worst wave, {max(one.points[-1].failed)} of "
        f"{one.points[-1].users} at once "
        f"({one.threads} threads, {one.connections} connections)"
        for one in found
    )
    numbers = {"failed_below": float(below), "least_failed_over": float(min(over))}
    measured = f"failed requests: {each}"
    if min(over) == 0:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if below:
        return Finding(IN_PART, measured, "requests failed below the predicted number too", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="collapse",
    sentence="the documented sync dependency with a response model can stop answering once requests in flight reach "
    "threads + pool, and not before",
    folklore="follow the documentation's example; a larger pool cures timeouts",
    test=test,
    expected=(HOLDS,),
    mutation={"route": "inside"},
    lesson="05_sessions_in_fastapi",
)
