"""A search for capacity with real runs, cut short after three: what it writes down, and what it says of limits."""

import json

import pytest

from lab.analyse import bottleneck, search
from lab.analyse.objective import parse
from lab.plan import LoadPlan, PoolConfig
from lab.report import of, page
from lab.study.capacity import find
from lab.watch import Quiet

SHORT = LoadPlan(warmup_s=0.2, measured_s=1.0)
ONE = "queue:size=1,overflow=0"


@pytest.fixture
def three_runs(monkeypatch):
    monkeypatch.setattr(search, "MOST_RUNS", 3)


def test_a_search_is_written_down_and_can_be_reported(three_runs, own_config):
    found = find(parse("p50 < 500 ms"), PoolConfig.parse(ONE), SHORT, own_config, Quiet(), start_per_s=20)
    stored = json.loads((found.folder / "capacity.json").read_text())
    assert stored == found.as_dict()
    assert [run["met"] for run in stored["runs"]] == [True] * 3
    assert [run["rate_per_s"] for run in stored["runs"]] == [20, 40, 80]
    assert (stored["high"], stored["limited_by"]) == (None, bottleneck.UNKNOWN)
    assert "No answer, at least 80 per second" in page(of(found.folder))


def test_a_pool_of_one_connection_that_is_held_is_what_limits(three_runs, own_config):
    held = LoadPlan(warmup_s=0.2, measured_s=1.5, journey="slow", weights={"slow": 1})
    found = find(parse("p50 < 150 ms"), PoolConfig.parse(ONE), held, own_config, Quiet(), start_per_s=30)
    assert not any(one.reading.met for one in found.tried[:1])
    assert found.tried[0].limit.what == bottleneck.POOL
    assert "1 connections were out" in found.tried[0].limit.evidence
