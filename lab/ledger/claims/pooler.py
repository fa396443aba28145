"""A pooler's size bounds the backends of an application without a pool, with one worker and with two."""

from lab.demonstrate import pooler
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding

SIZE = 5


def test(bench: Bench, spec: str = f"pgbouncer:size={SIZE}") -> Finding:
    """Fill the app from 24 users with one worker and with two, and count its backends at once."""
    one, two = (pooler.backends(bench, spec, workers) for workers in (1, 2))
    measured = (
        f"with one worker at most {one.most} backends at once, with two {two.most}; "
        f"{one.failed + two.failed} of {one.done + two.done + one.failed + two.failed} requests failed"
    )
    bounded = 1 <= max(one.most, two.most) <= SIZE and not one.failed + two.failed
    return Finding(HOLDS if bounded else NOT_HERE, measured, numbers={"one": one.most, "two": two.most})


CLAIM = Claim(
    id="pooler",
    sentence="behind PgBouncer the size of its pool bounds the backends of an app with NullPool",
    folklore="NullPool with PgBouncer",
    test=test,
    expected=(HOLDS,),
    mutation={"spec": f"queue:size={SIZE},overflow=0"},
    lesson="06_external_pooler",
)
