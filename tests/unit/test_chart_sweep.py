"""The charts of a sweep: what they title, how they tell series apart, and that closed and open never share an axis."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from lab.analyse import concurrency, rates, series
from lab.analyse.objective import parse
from lab.analyse.usl import Law
from lab.chart import sweep as chart
from lab.chart.style import LOOKS
from tests import sweeps

LAW = Law(400.0, 0.05, 0.0012)
POOLS = ("null", "queue:size=4,overflow=0", "queue:size=10,overflow=0", "queue:size=20,overflow=0")


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]


@pytest.fixture
def closed(tmp_path):
    made = sweeps.write(
        tmp_path, "users", (1, 4, 16, 32, 64), POOLS,
        lambda pool, users, repeat: sweeps.closed_run(
            users, LAW.throughput(users) * (1 + 0.01 * repeat), seconds=1.0, lag_ms=0.1 if users > 1 else 90.0
        ), repeats=2,
    )  # fmt: skip
    return [concurrency.model(one) for one in series.of_sweep(made)]


def opened(root, pools, latency_ms=5.0):
    made = sweeps.write(
        root, "rate_per_s", (100.0, 200.0), pools, lambda pool, rate, repeat: sweeps.open_run(rate, latency_ms)
    )
    return [rates.rated(one, parse("p95 < 50 ms")) for one in series.of_sweep(made)]


def test_every_series_is_named_at_its_end_and_looks_different(closed):
    looks = chart.looks_of([found.series for found in closed])
    assert len({(look.colour, look.marker) for look in looks}) == len(POOLS)
    assert (looks[0], looks[1]) == (LOOKS["null"][0], LOOKS["queue"][0])
    ends = "\n".join(texts(chart.closed(closed, "2 runs")))
    assert all(name in ends for name in ("NullPool", "pool of 4", "pool of 10", "pool of 20"))


@pytest.mark.parametrize("kinds", [["queue"] * 8, ["null", "queue"] * 8, ["mine"] * 16])
def test_many_series_look_different_each(kinds):
    looks = chart.looks_of([series.Series("", kind, "users", ()) for kind in kinds])
    assert len({(look.colour, look.line) for look in looks}) == len(kinds)
    assert len({(look.colour, look.marker) for look in looks}) == len(kinds)


def test_the_names_of_many_series_stay_within_the_figure(tmp_path):
    pools = [f"queue:size={size},overflow=0" for size in range(1, 11)]
    made = sweeps.write(
        tmp_path, "users", (1, 4, 16, 64), pools,
        lambda pool, users, repeat: sweeps.closed_run(users, LAW.throughput(users), seconds=0.5), repeats=1,
    )  # fmt: skip
    figure = chart.closed([concurrency.model(one) for one in series.of_sweep(made)], "1 run")
    renderer = FigureCanvasAgg(figure).get_renderer()
    names = [text for text in figure.findobj(Text) if "pool of" in text.get_text() and "knee" in text.get_text()]
    boxes = sorted((text.get_window_extent(renderer) for text in names), key=lambda box: box.y0)
    assert len(boxes) == 10
    assert boxes[0].y0 >= 0
    assert boxes[-1].y1 <= figure.bbox.y1
    assert all(above.y0 >= below.y1 - 1 for below, above in itertools.pairwise(boxes))


def test_what_is_left_out_is_drawn_apart(closed):
    figure = chart.closed(closed[:1], "2 runs")
    hollow = [
        line for line in figure.axes[0].lines if line.get_marker() == "s" and line.get_markerfacecolor() == "none"
    ]
    assert len(hollow) == 2


def test_the_title_says_what_was_found_and_what_was_not(closed, tmp_path):
    assert chart.closed_title(closed).startswith("Most answers: ")
    assert "highest at" in chart.closed_title(closed[:1])
    made = sweeps.write(
        tmp_path / "climb", "users", (1, 2, 4, 8), POOLS[:1],
        lambda pool, users, repeat: sweeps.closed_run(users, LAW.throughput(users) * (1 + 0.01 * repeat), seconds=1.0),
    )  # fmt: skip
    climb = [concurrency.model(one) for one in series.of_sweep(made)]
    assert "did not pass the peak" in chart.closed_title(climb)


def test_open_load_of_one_series_has_its_percentiles_and_of_several_the_objectives(tmp_path):
    one, two = opened(tmp_path / "one", POOLS[1:2]), opened(tmp_path / "two", POOLS[:2])
    assert {"p50", "p95"} <= set(texts(chart.open_load(one, "3 runs")))
    assert "p95 of latency from the intended start, ms" in texts(chart.open_load(two, "3 runs"))
    assert any(text.startswith("objective p95 < 50 ms") for text in texts(chart.open_load(two, "3 runs")))


def test_the_axes_of_closed_and_open_have_different_names(closed, tmp_path):
    assert chart.describe(closed, []) != chart.describe([], opened(tmp_path / "o", POOLS[:1]))
    assert "closed" in chart.describe(closed, [])
