"""A search for capacity with real runs, cut short after three: what it writes down, and what it says of limits."""

import json

import psycopg2
import pytest

from lab import server as servers
from lab.analyse import bottleneck, search
from lab.analyse.objective import parse
from lab.plan import LoadPlan, PoolConfig
from lab.report import of, page
from lab.study.capacity import Tried, find
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


STARVED = ("machine starved", "generator late")


@pytest.fixture
def overload(monkeypatch, own_config):
    """Make one run at a rate that is far too high for the journey, and return what came of it."""
    monkeypatch.setattr(search, "MOST_RUNS", 1)

    def overloaded(rate_per_s: float, journey: str, pool: str, objective: str = "p50 < 20 ms", **more: object) -> Tried:
        load = LoadPlan(warmup_s=0.5, measured_s=2.0, journey=journey, weights={journey: 1}, **more)
        tried = find(parse(objective), PoolConfig.parse(pool), load, own_config, Quiet(), rate_per_s).tried
        assert len(tried) == 1
        return tried[0]

    return overloaded


def limits(one: Tried) -> set[str]:
    """What may be said: on a machine that others keep busy also that it cannot be told, and nothing else."""
    starved = any(reason.startswith(STARVED) for reason in one.reasons)
    return {one.limit.what} - ({bottleneck.UNKNOWN, bottleneck.GENERATOR} if starved else set())


def test_two_threads_for_what_is_held_are_what_limits(overload):
    one = overload(60, "slow", "queue:size=10,overflow=0,threads=2")
    assert one.limit.what == bottleneck.THREADS
    assert "of 2 threads were taken" in one.limit.evidence


ONE_COUNTER = """
CREATE TABLE counter AS SELECT 0 AS bumps;
CREATE FUNCTION count_bump() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN UPDATE counter SET bumps = bumps + 1; PERFORM pg_sleep(0.02); RETURN NULL; END $$;
CREATE TRIGGER counted AFTER UPDATE ON posts EXECUTE FUNCTION count_bump();
"""


def test_a_counter_that_all_update_is_what_limits(overload, own_config):
    with servers.running(own_config, lambda _: None) as where, psycopg2.connect(where.owner_dsn) as owner:
        owner.cursor().execute(ONE_COUNTER)
    one = overload(200, "bump", "queue:size=10,overflow=0")
    assert one.limit.what == bottleneck.LOCKS
    assert "of the working backends waited for a lock" in one.limit.evidence


MORE_POSTS = """
INSERT INTO posts (author_id, title, body)
SELECT 1 + n % 100, 'Post ' || n, repeat(md5(n::text), 8) FROM generate_series(1, 30000) AS n
"""


def test_a_search_without_an_index_is_limited_by_the_servers_processors(overload, own_config):
    with servers.running(own_config, lambda _: None) as where, psycopg2.connect(where.owner_dsn) as owner:
        owner.cursor().execute(MORE_POSTS)
    one = overload(400, "search", "queue:size=20,overflow=0")
    assert limits(one) <= {bottleneck.DATABASE_CPU}


def test_a_process_that_computes_on_one_core_is_what_limits(overload):
    one = overload(1500, "posts", "queue:size=10,overflow=0")
    assert not one.reading.met
    assert limits(one) <= {bottleneck.APP_CPU}


def test_where_the_load_cannot_be_made_there_is_no_answer(monkeypatch, own_config):
    monkeypatch.setattr(search, "MOST_RUNS", 1)
    load = LoadPlan(warmup_s=0.5, measured_s=1.0, journey="health", weights={"health": 1}, executors=2000)
    found = find(parse("p50 < 1 ms"), PoolConfig.parse("null"), load, own_config, Quiet(), 19_000)
    # app and generator want more than both cores; whichever is short, the rate is nobody's capacity
    assert limits(found.tried[0]) <= {bottleneck.GENERATOR, bottleneck.APP_CPU}
    assert found.as_dict()["rate_per_s"] is None
