"""An estimate from the catalog is right about a rewrite only if it knows padding, fillfactor and what died since."""

from collections.abc import Sequence

from lab.demonstrate import bloat
from lab.demonstrate.bench import Bench
from lab.demonstrate.bloat import CLASSIC, SCENES
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.record.bloat import ESTIMATE

SCENES_HERE = tuple(name for name in SCENES if not name.startswith("never"))
_POINTS = 3.0


def test(bench: Bench, scenes: Sequence[str] = SCENES_HERE, rows: int = 20_000) -> Finding:
    """Make tables, have the usual estimate and the lab's say what a rewrite would give back, and rewrite them."""
    with bloat.place(bench) as place:
        shown = bloat.each(place, [SCENES[name] for name in scenes], rows)
    usual, own = ({name: one.off(way) or 0.0 for name, one in shown.items()} for way in (CLASSIC, ESTIMATE))
    wrong = [name for name, points in usual.items() if points > _POINTS]
    measured = (
        f"of {len(shown)} tables the usual estimate was over {_POINTS:g} points of the file off in {len(wrong)}, "
        f"by {max(usual.values()):.0f} at most; the lab's by {max(own.values()):.1f} at most"
    )
    numbers = {"tables": float(len(shown)), "wrong": float(len(wrong)), "worst_points": max(usual.values())}
    if not wrong:
        return Finding(HOLDS, measured, numbers=numbers)
    if len(wrong) == len(shown):
        return Finding(NOT_HERE, measured, numbers=numbers)
    return Finding(IN_PART, measured, f"not for: {'; '.join(wrong)}", numbers)


CLAIM = Claim(
    id="bloat-estimate",
    sentence="a query on the catalog tells how much of a table a rewrite would give back",
    folklore="the usual estimate, from the columns' widths and the rows of the last ANALYZE",
    test=test,
    expected=(IN_PART,),
    mutation={"scenes": ("fresh", "half deleted, vacuumed")},
    lesson="09_bloat",
)
