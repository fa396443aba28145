"""An estimate from the catalog is right about a rewrite only if it knows padding, fillfactor and what died since."""

from collections.abc import Sequence

from lab.demonstrate import bloat
from lab.demonstrate.bench import Bench
from lab.demonstrate.bloat import CLASSIC, SCENES, Errors
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.record.bloat import ESTIMATE

SCENES_HERE = tuple(name for name in SCENES if not name.startswith("never"))
_POINTS = 3.0


def test(bench: Bench, scenes: Sequence[str] = SCENES_HERE, rows: int = 20_000) -> Finding:
    """Make tables, have the usual estimate and the lab's say what a rewrite would give back, and rewrite them."""
    with bloat.place(bench) as place:
        shown = bloat.each(place, [SCENES[name] for name in scenes], rows)
    usual, own = Errors.of(shown, CLASSIC), Errors.of(shown, ESTIMATE)
    wrong = usual.over(_POINTS)
    untold = [name for name in shown if name in (*usual.untold, *own.untold)]
    measured = (
        f"of {len(shown)} tables the usual estimate was over {_POINTS:g} points of the file off in {len(wrong)}, "
        f"by {usual.worst:.0f} at most{usual.untold_words}; the lab's by {own.worst:.1f} at most{own.untold_words}"
    )
    numbers = {
        "tables": float(len(shown)), "wrong": float(len(wrong)), "not_told": float(len(untold)),
        "worst_points": usual.worst,
    }  # fmt: skip
    if not wrong and not untold:
        return Finding(HOLDS, measured, numbers=numbers)
    if len(wrong) + len(usual.untold) == len(shown):
        return Finding(NOT_HERE, measured, numbers=numbers)
    return Finding(IN_PART, measured, f"not for: {'; '.join(dict.fromkeys([*wrong, *untold]))}", numbers)


CLAIM = Claim(
    id="bloat-estimate",
    sentence="a query on the catalog tells how much of a table a rewrite would give back",
    folklore="the usual estimate, from the columns' widths and the rows of the last ANALYZE",
    test=test,
    expected=(IN_PART,),
    mutation={"scenes": ("fresh", "half deleted, vacuumed")},
    lesson="09_bloat",
)
