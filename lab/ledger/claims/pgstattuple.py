"""Reading every row tells what can be reused; what a rewrite would give back it tells unless a column was dropped."""

from collections.abc import Sequence

from lab.demonstrate import bloat
from lab.demonstrate.bench import Bench
from lab.demonstrate.bloat import SCENES, Errors
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.record.bloat import EXACT

_POINTS = 3.0


def test(bench: Bench, scenes: Sequence[str] = tuple(SCENES), rows: int = 20_000) -> Finding:
    """Make tables, have pgstattuple say what a rewrite would give back, and rewrite them."""
    with bloat.place(bench) as place:
        shown = bloat.each(place, [SCENES[name] for name in scenes], rows)
    off = Errors.of(shown, EXACT)
    wrong = off.over(_POINTS)
    right = [points for name, points in off.points.items() if name not in wrong]
    measured = (
        f"of {len(shown)} tables it was within {max(right, default=0.0):.1f} points of the file in {len(right)}"
        + "".join(f", and {off.points[name]:.0f} off ({name})" for name in wrong)
        + off.untold_words
    )
    numbers = {
        "tables": float(len(shown)), "wrong": float(len(wrong)), "not_told": float(len(off.untold)),
        "worst_points": off.worst,
    }  # fmt: skip
    if not wrong and not off.untold:
        return Finding(HOLDS, measured, numbers=numbers)
    if not right:
        return Finding(NOT_HERE, measured, numbers=numbers)
    return Finding(IN_PART, measured, f"not for: {'; '.join([*wrong, *off.untold])}", numbers)


CLAIM = Claim(
    id="pgstattuple",
    sentence="pgstattuple reads the whole table and so knows its bloat exactly",
    folklore="exact, and therefore the last word",
    test=test,
    expected=(IN_PART,),
    mutation={"scenes": ("fresh", "half deleted")},
    lesson="09_bloat",
)
