"""The plain figures of lessons: what is in them, and that nothing is cut off."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lab.chart import plain
from lab.chart.plain import Line, Row, Words

WORDS = Words("A finding", "3 repeats", "ms", guesses={"your guess": 2.0}, limits={"limit": 9.0})
ROWS = [Row("NullPool", [8.0, 9.0, 9.5], "null"), Row("pool of 5", [0.1, 0.12], "queue")]
LINES = [Line("first", [(1, 2.0), (10, 3.0)]), Line("second", [(1, 2.1), (10, 3.05)])]


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts] + [text.get_text() for text in figure.texts]


def boxes(figure):
    canvas = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    return {text.get_text(): text.get_window_extent(renderer) for ax in figure.axes for text in ax.texts}


def test_every_repeat_is_a_dot_and_the_median_is_written():
    figure = plain.strip(ROWS, WORDS, log=True)
    dots = [line for line in figure.axes[0].lines if line.get_marker() in ("x", "o")]
    assert [len(line.get_xdata()) for line in dots] == [3, 2]
    assert "median 9" in texts(figure)


def test_guess_and_limit_stand_in_the_figure_by_name():
    for figure in (plain.strip(ROWS, WORDS), plain.curve(LINES, WORDS)):
        assert {"your guess", "limit", "A finding", "3 repeats"} <= set(texts(figure))


def test_a_kind_of_pool_has_its_own_colour_and_other_series_have_none_of_these():
    assert plain.look_of("null", 3).colour == "#D55E00"
    used = {plain.look_of("", number).colour for number in range(4)}
    assert not used & {look.colour for looks in plain.LOOKS.values() for look in looks}


def test_the_names_at_the_ends_of_close_lines_do_not_overlap():
    found = boxes(plain.curve(LINES, WORDS))
    assert not found["first"].overlaps(found["second"])


@pytest.mark.parametrize("log", [False, True])
def test_nothing_is_cut_off(log):
    figure = plain.strip([Row("a rather long name of a row, as some are", [1.0, 400.0])], WORDS, log=log)
    width, height = figure.canvas.get_width_height()
    for box in boxes(figure).values():
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height


def test_a_row_without_values_is_drawn_empty():
    assert plain.strip([Row("nothing", []), *ROWS], WORDS).axes[0].get_yticks().tolist() == [0, 1, 2]


def test_the_compared_line_has_axes_and_series_and_nothing_measured():
    assert plain.structure(WORDS, ["NullPool", "pool of 5"]) == "chart: ms; NullPool, pool of 5"


def test_what_is_guessed_of_the_x_axis_is_an_upright_line_with_its_name() -> None:
    words = Words(
        "A cliff",
        "n = 1",
        "requests in flight",
        "failed, %",
        x_guesses={"your guess 12": 12.0},
        x_limits={"predicted 20": 20.0},
    )
    figure = plain.curve([Line("a", [(19.0, 0.0), (26.0, 50.0)])], words)
    ax = figure.axes[0]
    upright = {line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1}
    assert upright == {12.0, 20.0}
    assert {"your guess 12", "predicted 20"} <= {text.get_text() for text in ax.texts}


@pytest.mark.parametrize("dpi", [72, 90, 150])
def test_a_title_of_wide_letters_is_broken_before_the_edge(dpi: int) -> None:
    whole = "Beside VACUUM FULL the reader waited 2,404 ms, 100 % of the time that it took, and MORE"
    for end in range(66, len(whole), 2):
        figure = plain.strip(ROWS, Words(whole[:end], whole[:end] + whole, "ms"))
        figure.set_dpi(dpi)
        renderer = FigureCanvasAgg(figure).get_renderer()
        assert all(text.get_window_extent(renderer).x1 <= figure.bbox.x1 for text in figure.texts)


def test_the_median_of_several_is_written_at_its_mark_and_not_beside_the_last_dot() -> None:
    figure = plain.strip([Row("with an outlier", [1.0, 1.1, 1.2, 4.0]), Row("one", [3.0])], Words("t", "s", "ms"))
    (ax,), found = figure.axes, boxes(figure)
    at = {value: ax.transData.transform((value, 0))[0] for value in (1.15, 3.0, 4.0)}
    assert found["median 1.15"].x0 < at[1.15] < found["median 1.15"].x1 < at[4.0]
    assert at[3.0] < found["3"].x0
