"""How a claim judges two variants under the same load: by what they answered, and how many sessions that took."""

from lab.demonstrate import pairs
from lab.demonstrate.bench import Bench
from lab.demonstrate.pairs import Compared
from lab.ledger import HOLDS, NOT_HERE, NOT_SHOWN, Finding

CLEARLY = 1.2  # times as many answers; below that the advice is not worth a rule
_USERS = 16


def wasteful(bench: Bench, opener: str, pool: str) -> Finding:
    """Load *opener*, which opens a session for each request, and *pool* alike: is the pool clearly better off?

    On a busy machine the verdict stands if the whole interval says so, and no figure is given.
    """
    found = pairs.compare(bench, opener, pool, _USERS)
    opened, kept = (side.sessions_per_request or 0.0 for side in found.both)
    numbers = {"opened": opened, "kept": kept}
    if found.ratio is None:
        reasons = "; ".join(found.result.comparison.effect.reasons)
        return Finding(NOT_SHOWN, f"the comparison is invalid: {reasons}", numbers=numbers)
    if found.quotable is not None:
        numbers["ratio"] = found.quotable
    measured = f"{answered(found)}; {opener!r} opened {opened:.2g} sessions for each request, {pool!r} {kept:.2g}"
    holds = found.ratio >= CLEARLY and kept < opened
    return Finding(HOLDS if holds else NOT_HERE, measured, numbers=numbers)


def answered(found: Compared) -> str:
    """Say how many requests the second answered, measured by the first; without a figure if none may be quoted."""
    if found.quotable is not None:
        return f"the pool answered {found.quotable:.2g} times as many requests of {_USERS} users"
    more = "clearly more" if (found.ratio or 0.0) >= CLEARLY else "not clearly more"
    return f"the pool answered {more} requests of {_USERS} users; the machine was busy, so no figure"
