"""The pool of one run over time: its words and axes, and that nothing overlaps."""

from itertools import combinations

import numpy as np
import pytest

from lab.chart import pool as chart
from lab.plan import LoadPlan, PoolConfig
from tests.stored import pool_rows, steady
from tests.unit.test_chart import words

FIVE = PoolConfig(size=5, overflow=0)
BUSY = [(second, 4 + round(second) % 3) for second in np.arange(0, 5, 0.1)]
CASES = {
    "used up": (
        FIVE,
        pool_rows(held=5.0, waiting=11.0),
        "The pool of 5 is used up: 5 of 5 connections held, 11 checkouts",
    ),
    "at ease": (FIVE, pool_rows(held=1.0, waiting=0.0), "Of 5 connections 1 are held on average, and 0 checkouts wait"),
    "no pool": (PoolConfig(kind="null"), pool_rows(held=2.0), "2 connections are held on average, while 2 are being"),
    "wrong": (FIVE, pool_rows(counted=4.0), "The pool's books do not balance"),
    "no threads": (FIVE, pool_rows(threads=None), "Of 5 connections 3 are held on average"),
    "two workers": (FIVE, pool_rows(held=40.0) + pool_rows(held=35.0, pid=2), "The pool of 5 is used up: 75 of 5"),
    "not sampled": (FIVE, [], "Nothing is known of the pool of 5"),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    pool, rows, finding = CASES[request.param]
    load = LoadPlan(warmup_s=0.0 if request.param == "at ease" else 1.0, measured_s=4.0)
    backends = () if request.param == "not sampled" else BUSY
    run = steady(pool=pool, load=load, pool_rows=rows, backends=backends).write(tmp_path_factory.mktemp("run"))
    return run, chart.figure(run), finding


def test_the_title_is_the_finding(case):
    run, figure, finding = case
    assert figure.texts[0].get_text().startswith(finding)
    assert chart.alt(run).startswith(finding)


def test_no_text_overlaps_another_or_leaves_the_figure(case):
    boxes = words(case[1])
    width, height = case[1].bbox.width, case[1].bbox.height
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 3 or b.y1 <= a.y0 + 3
        assert apart, (one.get_text(), other.get_text())


def test_the_panels_share_their_time(case):
    axes = case[1].axes
    assert [ax.get_ylabel() for ax in axes] == ["connections", "threads", "backends"]
    assert len({ax.get_xlim() for ax in axes}) == 1
    assert min(text.get_fontsize() for text in words(case[1])) >= 10


def test_the_description_has_no_measured_value(case):
    run, _, _ = case
    assert chart.describe(run).replace("pool of 5", "").isascii()
    assert not any(letter.isdigit() for letter in chart.describe(run).replace("pool of 5", ""))
