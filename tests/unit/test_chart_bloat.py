"""The figures of tables' space say what they were given, and name what is far from the truth."""

from matplotlib.figure import Figure

from lab.chart import bloat
from lab.chart.bloat import Course, Said
from lab.record.bloat import MB, Sample


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [text.get_text() for text in figure.texts]


def test_only_ways_that_are_far_from_the_truth_are_named() -> None:
    rows = [Said("a table", 50.0, {"exact": 50.4, "estimate": 10.0, "approx": None})]
    said = texts(bloat.said(rows, "A title", "of one table", "% of the file"))
    assert "estimate" in said
    assert not {"exact", "approx"} & set(said)


def test_a_share_below_zero_is_within_the_figure() -> None:
    rows = [Said("an index", 0.0, {"usual estimate": -200.0})]
    low, high = bloat.said(rows, "A title", "of one index", "% of the file").axes[0].get_xlim()
    assert low < -200 < 0 < high


def test_every_run_of_vacuum_has_its_mark() -> None:
    samples = [Sample(at / 10, 10 * MB, 0, at * MB, at) for at in range(4)]
    figure = bloat.course([Course("a table", samples, (0.1, 0.2, 0.3))], "A title", "four looks", guess_mb=20.0)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "^" and len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in marks] == [0.1, 0.2, 0.3]
    assert "your guess" in texts(figure)
    assert figure.axes[0].get_ylim()[1] > 20


def test_a_course_without_vacuum_has_no_mark_and_no_word_of_it() -> None:
    samples = [Sample(at / 10, MB, 0, 0, 0) for at in range(2)]
    figure = bloat.course([Course("a table", samples, ())], "A title", "two looks")
    assert not any("VACUUM" in text for text in texts(figure))
