"""The demonstrations of what a connection costs: their counts are exact, and they leave nothing behind."""

from collections.abc import Iterator

import psycopg2
import pytest

from lab import config as settings
from lab.demonstrate import connects, memory
from lab.demonstrate.bench import Bench
from lab.demonstrate.connects import Doors, doors
from lab.demonstrate.job import QUESTIONS, Counted, Job
from lab.lesson.exercises.cost import one_session


@pytest.fixture(scope="module")
def entered(server, server_config, tmp_path_factory) -> Iterator[Doors]:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    with doors(Bench(server, quick, tmp_path_factory.mktemp("bench"))) as lent:
        yield lent


def test_each_way_is_there_or_it_is_said_why_not(entered: Doors) -> None:
    names = {way.name for way in entered.ways}
    assert names | set(entered.missing) == {way.name for way in connects.WAYS}
    assert not names & set(entered.missing)
    assert all(entered.missing.values())


def test_each_way_asks_for_the_password_that_it_says(entered: Doors) -> None:
    for way in entered.ways:
        bare = way.dsn(entered.server).replace("passfile=", "passfile=/nonexistent")
        if way.method == "trust":
            psycopg2.connect(bare).close()
        else:
            with pytest.raises(psycopg2.OperationalError, match="no password"):
                psycopg2.connect(bare)


def test_connections_one_by_one_are_as_many_as_asked_for_and_all_cost_something(entered: Doors) -> None:
    opened = connects.one_by_one(entered, rounds=2, block=5)
    assert list(opened) == [way.name for way in entered.ways]
    for one in opened.values():
        assert len(one.times_ms) == 10
        assert min(one.times_ms) > 0 and one.client_cpu_ms > 0
        if entered.server.major >= 18:
            assert one.setup is not None
            assert one.setup.total_ms > one.setup.fork_ms + one.setup.authentication_ms


def test_the_log_of_other_roles_and_other_lines_is_passed_over() -> None:
    line = "lab {}|2026-11-22 LOG:  connection ready: setup total=6.5 ms, fork=0.5 ms, authentication=3.4 ms\n"
    read = connects.setups(line.format("one") + "LOG:  checkpoint\n" + line.format("two") + line.format("one"))
    assert {role: len(said) for role, said in read.items()} == {"one": 2, "two": 1}
    assert read["two"][0] == connects.Setup(6.5, 0.5, 3.4)


def test_each_of_a_crowd_opens_at_least_one(entered: Doors) -> None:
    crowd = connects.at_once(entered, connects.PLAIN, clients=8, seconds=0.05)
    assert len(crowd.times_ms) >= 8
    assert crowd.per_s == pytest.approx(len(crowd.times_ms) / crowd.took_s)


def test_a_refused_connection_of_a_crowd_is_an_error_and_no_count(entered: Doors) -> None:
    with entered.server.owner() as owner, owner.cursor() as cursor:
        cursor.execute("ALTER ROLE by_tcp CONNECTION LIMIT 1")
        try:
            with pytest.raises(psycopg2.OperationalError, match="too many connections"):
                connects.at_once(entered, connects.PLAIN, clients=8, seconds=0.3)
        finally:
            cursor.execute("ALTER ROLE by_tcp CONNECTION LIMIT -1")


def test_backends_grow_and_the_table_is_dropped(entered: Doors) -> None:
    grown = memory.grown(entered.server, connections=3, table_bytes=4 * 1024**2)
    assert [len(set(taken.pids)) for taken in grown.stages] == [3, 3, 3]
    assert {frozenset(taken.pids) for taken in grown.stages} == {frozenset(grown.fresh.pids)}
    assert 0.5 <= grown.rss_per_table <= 2
    assert grown.mb("private_bytes") < grown.mb("pss_bytes") < grown.mb("rss_bytes")
    with entered.server.owner() as owner, owner.cursor() as cursor:
        cursor.execute("SELECT to_regclass('scanned')")
        assert cursor.fetchone()[0] is None


def each(job: Job) -> None:
    for _ in range(QUESTIONS):
        with job.connection() as connection:
            job.ask(connection)


def together(job: Job) -> None:
    with job.connection() as connection:
        for _ in range(QUESTIONS):
            job.ask(connection)


def lazy(job: Job) -> None:
    with job.connection() as connection:
        job.ask(connection)


def test_the_server_counts_the_sessions_of_a_job_and_forgets_those_of_the_run_before(entered: Doors) -> None:
    job = Job(entered)
    for work, counted in ((each, (QUESTIONS, QUESTIONS)), (together, (QUESTIONS, 1)), (lazy, (1, 1))):
        job.timed(work)
        assert job.counted() == Counted(*counted)
        assert one_session(job)[0] is (work is together)


def test_no_job_is_not_done(entered: Doors) -> None:
    assert not one_session(None)[0]
    assert not one_session(Counted(QUESTIONS, 1))[0]
