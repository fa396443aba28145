"""The two plain figures of lessons, shown: the picture, its constant line, and its finding in words."""

from collections.abc import Sequence

from lab.chart import plain
from lab.chart.plain import Line, Row, Words
from lab.lesson.display import show


def strip(rows: Sequence[Row], words: Words, log: bool = False) -> None:
    """Show dots in rows; see :func:`lab.chart.plain.strip`."""
    show(plain.strip(rows, words, log), plain.structure(words, [row.label for row in rows]), words.title)


def curve(lines: Sequence[Line], words: Words, log_x: bool = False, log_y: bool = False) -> None:
    """Show lines; see :func:`lab.chart.plain.curve`."""
    show(plain.curve(lines, words, log_x, log_y), plain.structure(words, [line.label for line in lines]), words.title)
