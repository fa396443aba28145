"""Grids and bars of parts: every mark has its word, and everything fits into the figure."""

from dataclasses import replace

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lab.chart import parts
from lab.chart.matrix import Grid, matrix
from lab.chart.plain import Words

GRID = Grid(
    "Readers pass, and upkeep waits", "two statements", ["VACUUM", "VACUUM FULL"], ["SELECT", "CREATE INDEX"],
    [[False, True], [True, True]], "waits", "passes", ["SHARE UPDATE EXCLUSIVE", "ACCESS EXCLUSIVE"],
    ["ACCESS SHARE", "SHARE"], [1],
)  # fmt: skip


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in [*figure.texts, *figure.axes[0].texts]]


def outside(figure: Figure) -> list[str]:
    """Return the texts that do not lie within the figure."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    width, height = figure.get_size_inches() * figure.dpi
    found = []
    for text in [*figure.texts, *figure.axes[0].texts]:
        box = text.get_window_extent(renderer)
        if text.get_text() and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height):
            found.append(text.get_text())
    return found


def test_each_mark_has_its_word() -> None:
    words = texts(matrix(GRID))
    assert (words.count("waits"), words.count("passes")) == (3, 1)


def test_names_notes_and_the_finding_are_written_within_the_figure() -> None:
    figure = matrix(GRID)
    assert {"SELECT", "ACCESS SHARE", "SHARE\nUPDATE\nEXCLUSIVE", GRID.title} <= set(texts(figure))
    assert outside(figure) == []


def test_notes_may_be_missing() -> None:
    figure = matrix(replace(GRID, column_notes=(), row_notes=(), groups=()))
    assert "ACCESS SHARE" not in texts(figure)
    assert outside(figure) == []


@pytest.mark.parametrize("share", [5.0, 50.0])
def test_a_part_is_named_where_its_name_fits(share: float) -> None:
    stages = {"before": {"live": 100.0 - share, "dead": share, "free": 0.0}}
    figure = parts.parts(stages, Words("title", "subtitle", "share, %", guesses={"your guess": 40}))
    assert ("dead" in texts(figure)) == (share > 10)
    assert {"live", "your guess"} <= set(texts(figure))
    assert outside(figure) == []


def test_a_long_head_stays_above_its_column() -> None:
    wide = ["VACUUM", "a head that is wider than its column, and that by far"]
    assert outside(matrix(replace(GRID, columns=wide * 2, column_notes=(), cells=[[False, True] * 2] * 2))) == []
    figure = matrix(replace(GRID, columns=["VACUUM", "LOCK TABLE", "VACUUM FULL"], cells=[[True] * 3] * 2,
                            column_notes=["EXCLUSIVE"] * 3, row_notes=["SHARE UPDATE EXCLUSIVE"] * 2,
                            rows=["CREATE INDEX CONCURRENTLY"] * 2))  # fmt: skip
    renderer, (ax,) = FigureCanvasAgg(figure).get_renderer(), figure.axes
    (head,) = [text for text in ax.texts if text.get_text().split() == ["VACUUM", "FULL"]]
    assert head.get_window_extent(renderer).x1 <= ax.get_window_extent(renderer).x1
