"""The main figure and the live one: structure, words, sizes, and that nothing overlaps."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from lab.analyse.comparison import compare_runs
from lab.chart import comparison as chart
from lab.chart import labels, live, style
from lab.chart.distribution import curve
from lab.plan import LoadPlan, PoolConfig
from lab.pools import PARAMETERS
from tests import stored

PLAN = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)
TEN = PoolConfig(size=10, overflow=0)
MEANS = [(60, 25), (62, 25), (59, 26)]
LONG = "the application as it was before the change of "
QUEUES = {"first": {"variant": "queue", "pool": TEN}, "second": {"variant": "queue#2", "pool": TEN}}
BOUNCER = PoolConfig("pgbouncer", size=5)
KINDS = {
    "null against pgbouncer": ("NullPool", None, "PgBouncer of 5", BOUNCER),
    "queue against async": ("pool of 10", TEN, "async pool of 5+10", PoolConfig("async")),
    "queue against psycopg_pool": ("pool of 10", TEN, "psycopg_pool of 5", PoolConfig("psycopg_pool")),
    "with a pool before it": ("PgBouncer of 5", BOUNCER, "PgBouncer of 5, pool 20", replace(BOUNCER, client_size=20)),
}


def kinds_apart(first, second):
    sides = [{"variant": pool.spec, "pool": pool} for pool in (first or PoolConfig("null"), second)]
    return {"first": sides[0], "second": sides[1]}


CASES = {
    **{name: (MEANS, kinds_apart(first, second)) for name, (_, first, _, second) in KINDS.items()},
    "faster": (MEANS, {}),
    "slower": ([(25, 60), (25, 61)], {}),
    "like with like": ([(25, 25.2), (25, 24.9)], QUEUES),
    "open": (MEANS, {"load": replace(PLAN, model="open", rate_per_s=70.0)}),
    "one pair": (MEANS[:1], {}),
    "wide interval": ([(60, 2), (60, 50)], {}),
    "far apart": ([(900, 2), (950, 2)], {}),
    "long names": (MEANS, {"first": {"variant": LONG + "Monday"}, "second": {"variant": LONG + "Tuesday"}}),
    "failures": (MEANS, {"failed": np.arange(150) % 9 == 0, "second": {"variant": "queue", "failed": False}}),
    "no answers": (MEANS, {"second": {"variant": "queue", "failed": True}}),
    "late generator": (MEANS, {"lag_ms": 40.0}),
    "nothing observed": (MEANS, {"backends": (), "sessions": (None, None), "cpu_pct": {}, "shares": {}}),
}


def made(root, means, changes):
    runs = stored.pairs(root, means, **({"load": PLAN} | changes))
    return compare_runs(runs, runs[0].manifest.variant, runs[1].manifest.variant), runs


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    means, changes = CASES[request.param]
    changes = dict(changes)
    if request.param == "failures":
        changes = {"first": {"failed": np.arange(167) % 9 == 0, "seed": 1}}
        means = [(60, 25)] * 2
    comparison, runs = made(tmp_path_factory.mktemp("runs"), means, changes)
    return comparison, chart.figure(comparison, runs, guess=1.7)


def words(figure):
    """Every visible text of a drawn figure, with its place in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    ticks = {label for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels()}
    drawn = {label for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in _within(axis)}
    return {text: text.get_window_extent(canvas.get_renderer()) for text in shown if text not in ticks or text in drawn}


def _within(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def test_no_text_overlaps_another_or_leaves_the_figure(case):
    _, figure = case
    boxes = words(figure)
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 3 or b.y1 <= a.y0 + 3
        assert apart, (one.get_text(), other.get_text())


def test_text_is_large_enough_and_there_is_no_legend(case):
    _, figure = case
    sizes = [text.get_fontsize() for text in words(figure)]
    assert min(sizes) >= 10
    assert all(ax.get_legend() is None for ax in figure.axes)
    assert figure.get_size_inches().tolist() == list(chart.SIZE_IN)


def test_axes_have_units_and_series_have_names(case):
    comparison, figure = case
    texts = " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")
    axes = figure.axes
    assert axes[0].get_xlabel() == "latency from the intended start, ms (log)"
    assert axes[0].get_ylabel() == "requests answered within, %"
    assert axes[1].get_xlabel() == "mean of one request, ms"
    assert axes[2].get_xlabel() == "seconds from the start of the load"
    assert axes[2].get_ylabel() == "server connections"
    for name in labels.names(comparison.variants):
        assert texts.count(name) >= 2


def test_the_picture_is_small_and_written_in_one_step(case, tmp_path):
    _, figure = case
    file = chart.save(figure, tmp_path / "figure.png")
    assert file.read_bytes()[:4] == b"\x89PNG"
    assert file.stat().st_size < 300_000
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("faster", "The pool of 10 answers 2."),
        ("slower", "NullPool answers 2."),
        ("like with like", "No evidence that the pool of 10 (2) and the pool of 10 (1) differ in throughput"),
        ("open", "The median latency with NullPool is 2."),
        ("one pair", "No evidence that the pool of 10 and NullPool differ in throughput"),
        ("late generator", "Not valid: generator late"),
        ("no answers", "Not valid: no answers"),
    ],
)
def test_the_title_is_the_finding(tmp_path, name, finding):
    comparison, runs = made(tmp_path, *CASES[name])
    title = chart.figure(comparison, runs).texts[0].get_text()
    assert title.startswith(finding)
    assert chart.alt(comparison).startswith(finding)


def test_the_description_stays_the_same_from_one_measurement_to_the_next(tmp_path):
    one, _ = made(tmp_path / "a", MEANS, {})
    other, _ = made(tmp_path / "b", [(70, 50), (75, 31)], {"lag_ms": 50.0})
    assert chart.describe(one) == chart.describe(other)
    assert "\n" not in chart.describe(one)


def test_a_percentile_that_could_not_be_had_is_said_and_not_drawn(tmp_path):
    comparison, runs = made(tmp_path, MEANS, {})
    figure = chart.figure(comparison, runs)
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert not any(text.startswith("p99") for text in texts)
    assert any("No p99 for NullPool: it takes 1,000 answers in every run" in text for text in texts)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (PoolConfig("null"), TEN, ["NullPool", "pool of 10"]),
        (PoolConfig("connect"), PoolConfig(), ["driver alone", "pool of 5+10"]),
        (PoolConfig(), PoolConfig(pre_ping=True), ["pool of 5+10, pre_ping off", "pool of 5+10, pre_ping on"]),
        (TEN, TEN, ["pool of 10 (1)", "pool of 10 (2)"]),
        (PoolConfig(size=0, overflow=-1), PoolConfig(overflow=-1), ["unlimited pool", "pool of 5 or more"]),
        *((first or PoolConfig("null"), second, [one, other]) for one, first, other, second in KINDS.values()),
        (
            PoolConfig("async", size=10, overflow=0),
            PoolConfig("async", size=10, overflow=0, driver="psycopg"),
            ["async pool of 10, driver asyncpg", "async pool of 10, driver psycopg"],
        ),
    ],
)
def test_variants_are_named_apart(tmp_path, first, second, expected):
    kinds = [pool.kind for pool in (first, second)]
    sides = [
        {"variant": kinds[0], "pool": first},
        {"variant": kinds[1] + "#2" * (kinds[0] == kinds[1]), "pool": second},
    ]
    comparison, _ = made(tmp_path, MEANS[:1], {"first": sides[0], "second": sides[1]})
    assert labels.names(comparison.variants) == expected


def test_a_kind_of_pool_looks_the_same_in_every_figure():
    null, queue = style.looks(["null", "queue"])
    assert (null.colour, null.line, null.marker) == ("#D55E00", "--", "x")
    assert (queue.colour, queue.line, queue.marker) == ("#0072B2", "-", "o")
    assert len({look.colour for look in style.looks(["queue", "queue"])}) == 2


def test_every_kind_has_a_colour_a_line_and_a_mark_of_its_own():
    assert set(style.LOOKS) == set(PARAMETERS)
    every = [look for pair in style.LOOKS.values() for look in pair]
    for part in ("colour", "line", "marker"):
        assert len({getattr(look, part) for look in every}) == len(every)


# what is left of red, green and blue (linear) to those who lack one kind of cone: Machado, Oliveira, Fernandes 2009
SIGHT = {
    "all": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def cielab(colour, sight):
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(np.asarray(sight) @ linear, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_kinds_can_be_told_apart_with_fewer_colours_too(sight):
    seen = [cielab(first.colour, SIGHT[sight]) for first, _ in style.LOOKS.values()]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 15


def test_labels_are_spread_in_order_and_within_bounds():
    places = style.spread([0.1, 5.0, 5.1, 9.9], [2.0] * 4, 0, 10)
    assert places == sorted(places)
    assert all(b - a >= 2 - 1e-9 for a, b in pairwise(places))
    assert places[0] >= 1 and places[-1] <= 9


def test_a_curve_is_thinned_and_keeps_its_ends():
    x, y = curve(np.arange(100_000.0))
    assert len(x) <= 400
    assert (x[0], x[-1], y[-1]) == (0, 99_999, 100)


def snapshot(count):
    line = [(0.125, 300.0), (0.375, 320.0)]
    kinds = [("NullPool", "null"), ("pool of 10", "queue"), ("pool of 10", "queue")]
    runs = [live.LiveRun(name, kind, 1 + index // 2, line, [(0.1, 9)]) for index, (name, kind) in enumerate(kinds)]
    return live.Snapshot("16 users", runs[:count], planned_s=5.0, total=6, warmup_s=1.0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_live_frame_has_its_final_size_and_axes_from_the_start(count):
    figure = live.frame(snapshot(count))
    assert figure.get_size_inches().tolist() == list(live.SIZE_IN)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["answers per second", "server connections"]
    assert all(ax.get_xlim() == (0, 5) for ax in figure.axes)
    assert live.png(figure)[:4] == b"\x89PNG"


def test_a_live_frame_names_each_variant_once():
    texts = [text.get_text() for text in live.frame(snapshot(3)).findobj(Text)]
    assert (texts.count("NullPool"), texts.count("pool of 10"), texts.count("run 3 of 6")) == (1, 1, 1)


def test_a_live_frame_without_connections_has_one_wide_panel():
    figure = live.frame(replace(snapshot(2), with_backends=False))
    assert len(figure.axes) == 1
    assert "connections" not in live.describe(replace(snapshot(2), with_backends=False))


def test_a_stopped_run_says_so():
    stopped = live.frame(replace(snapshot(2), stopped_s=3.0))
    assert "stopped at 3 s of run 2" in [text.get_text() for text in stopped.texts]
    assert live.describe(snapshot(0)) == live.describe(snapshot(3))
