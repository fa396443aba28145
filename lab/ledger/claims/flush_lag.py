"""Pooled backends report late, so what is read at once is NullPool's work and not the pool's."""

from lab.demonstrate import sessions
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, NOT_HERE, Claim, Finding


def test(bench: Bench, pool: str = "queue:size=1,overflow=0") -> Finding:
    """Make the same updates through a pool and through NullPool, and read the counters at once and after a flush."""
    pooled, unpooled = sessions.updates_seen(bench, pool), sessions.updates_seen(bench, "null")
    shares = {"pool_at_once": pooled.share_at_once, "null_at_once": unpooled.share_at_once}
    measured = (
        f"of {pooled.made} updates the server showed {pooled.at_once} of the pool's at once and {unpooled.at_once} of "
        f"NullPool's; {pooled.after_flush} and {unpooled.after_flush} when the backends had ended"
    )
    late = pooled.share_at_once <= 0.5 <= unpooled.share_at_once and pooled.after_flush == pooled.made
    return Finding(HOLDS if late else NOT_HERE, measured, numbers=shares)


CLAIM = Claim(
    id="flush-lag",
    sentence="pooled backends report their statistics late; reading at once misjudges NullPool and pool",
    folklore="read pg_stat_* when the test is over",
    test=test,
    expected=(HOLDS,),
    mutation={"pool": "null"},
    lesson="02_nullpool_or_queuepool",
)
