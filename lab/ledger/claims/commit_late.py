"""With the commit after ``yield``, a write that fails has been answered with 200 already."""

from lab.demonstrate import transactions
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding


def test(bench: Bench, route: str = "commit-late", asked: int = 3) -> Finding:
    """Write rows that a deferred constraint refuses at the commit, and count answers and rows."""
    late = transactions.written(bench, (route,), asked)[0]
    measured = f"{late.answered_200} of {asked} writes were answered 200, {late.stored} were stored"
    lost = late.answered_200 - late.stored
    return Finding(
        HOLDS if lost == asked else NOT_HERE,
        measured,
        numbers={"answered_200": late.answered_200, "stored": late.stored},
    )


CLAIM = Claim(
    id="commit-late",
    sentence="with commit() after yield in the dependency, the response can be out before the commit",
    folklore="a failing commit has already answered 200",
    test=test,
    expected=(HOLDS,),
    mutation={"route": "commit-function"},
    lesson="05_sessions_in_fastapi",
)
