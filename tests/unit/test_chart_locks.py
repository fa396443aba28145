"""The figure of a tree of waits says who is in the way, and its structure holds no measurement."""

from lab.analyse.locks import Wait, forest
from lab.chart import locks

EDGES = [Wait(2, 1, None, None), Wait(3, 2, None, None), Wait(3, 9, None, None)]
NAMED: dict[object, tuple[str, str]] = {1: ("writer", "idle in transaction for 12.3 s"), 2: ("row", "active for 1 s")}


def test_the_title_is_the_finding() -> None:
    assert locks.finding(forest(EDGES), NAMED) == "2 of 2 that wait are behind writer, idle in transaction"
    assert locks.finding((), {}) == "Nobody waits for a lock"


def test_the_structure_names_who_hangs_below_whom_and_no_time() -> None:
    assert locks.structure(forest(EDGES), NAMED) == "chart: tree of waits; writer, >row, >>3, 9, >3 again"


def test_every_row_is_drawn_and_letters_are_large_enough() -> None:
    figure = locks.tree(forest(EDGES), NAMED, "n = 4 sessions")
    texts = [text for text in (*figure.texts, *figure.axes[0].texts) if text.get_text()]
    assert {"writer", "row", "3", "9"} <= {text.get_text() for text in texts}
    assert min(text.get_fontsize() for text in texts) >= 11


def test_a_figure_without_waits_can_be_drawn() -> None:
    assert locks.tree((), {}, "n = 0 sessions").axes
