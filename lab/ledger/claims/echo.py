"""``echo=True`` shows what SQLAlchemy executes; the pool's own statements are not among it."""

from lab.demonstrate import roundtrips
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, echo: bool = True) -> Finding:
    """Run one SELECT with a ping before it; hold what was written against what the server saw."""
    seen = roundtrips.sent(bench, "select", pool_pre_ping=True)
    written = roundtrips.echoed(bench, echo, selects=400, pool_pre_ping=True)
    text = "\n".join(written.lines)
    shown = sum(round(count) * (query in text) for query, count in seen.items())
    measured = (
        f"of {sum(seen.values()):g} statements that the server saw for a pinged SELECT, echo={echo} wrote {shown} "
        f"in {len(written.lines)} lines; a SELECT took {written.cpu_per_select or 0:.2f} times the client's CPU time"
    )
    numbers = {"seen": sum(seen.values()), "shown": shown, "cpu": written.cpu_per_select or 0.0}
    if not shown:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if shown < sum(seen.values()):
        return Finding(IN_PART, measured, "what is executed through a Connection or a Session; not the ping", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="echo",
    sentence="echo=True shows the SQL",
    folklore="all of it, at no cost worth naming",
    test=test,
    expected=(IN_PART,),
    mutation={"echo": False},
    lesson="03_pool_settings",
)
