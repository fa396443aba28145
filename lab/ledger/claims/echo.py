"""``echo=True`` shows what SQLAlchemy executes; the pool's own statements are not among it."""

from lab.demonstrate import roundtrips
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, echo: bool = True, pre_ping: bool = True) -> Finding:
    """Run one SELECT, with a ping before it; hold what was written against what the server saw, kind by kind."""
    seen = roundtrips.sent(bench, "select", pool_pre_ping=pre_ping)
    written = roundtrips.echoed(bench, echo, selects=400, pool_pre_ping=pre_ping)
    shown = {query: min(round(count), written.statements.get(query, 0)) for query, count in seen.items()}
    hidden = [query for query, count in seen.items() if shown[query] < round(count)]
    total, cpu = sum(map(round, seen.values())), written.cpu_per_select or 0.0
    measured = (
        f"of {total} statements that the server saw for a SELECT with pool_pre_ping={pre_ping}, echo={echo} wrote "
        f"{sum(shown.values())} in {len(written.lines)} lines; a SELECT took {cpu:.2f} times the client's CPU time"
    )
    numbers = {"seen": total, "shown": sum(shown.values()), "cpu": cpu}
    if not numbers["shown"]:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if hidden:
        return Finding(IN_PART, measured, f"all but what the pool sends itself: {', '.join(hidden)}", numbers)
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
