"""A prediction is made, kept, and held against what came: by the counters and by the log, on every major version."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from lab import config as settings
from lab.analyse.autovacuum_check import AS_PREDICTED, Outcome, outcome
from lab.analyse.autovacuum_prediction import predict, sentence
from lab.analyse.vacuum_log import runs
from lab.observe import autovacuum
from lab.observe.vacuum_log import messages
from lab.process import wait_until
from lab.record.autovacuum import DUE, LATER, NOTHING, VACUUM, Prediction
from lab.record.predictions import keep, kept
from lab.server.binaries import Binaries
from lab.server.private import Private, private
from tests.versions.scene import PATIENCE_S, Scene, enabled, made


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    one = Scene(database)
    yield one
    one.eyes.close()


@contextmanager
def deleting(dsn: str, rows: int, every_s: float) -> Iterator[None]:
    """Delete *rows* at a time at a steady rate, in a session that is at work all the time."""
    stop = threading.Event()

    def work() -> None:
        with closing(psycopg2.connect(dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                first = 1
                while not stop.wait(every_s):
                    cursor.execute("DELETE FROM t WHERE id >= %s AND id < %s", (first, first + rows))
                    first += rows

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def came(scene: Scene, made_one: Prediction, server: Private) -> Outcome:
    """What became of a prediction, once the log tells of a run after it."""
    found: list[Outcome] = []

    def told() -> bool:
        found.append(outcome(made_one, scene.look(), runs(messages([server.log]))))
        return found[-1].rows_removed is not None and found[-1].runs > 0

    assert wait_until(told, timeout_s=PATIENCE_S, every_s=0.2), found[-1]
    return found[-1]


def test_the_moment_that_the_rate_foretold_is_when_the_log_says_it_began(
    scene: Scene, any_server: Private, tmp_path: Path
) -> None:
    scene.run(*made(20_000))
    scene.until(lambda table: table.analyzes == 1)
    enabled(scene)
    with deleting(scene.dsn, 40, 0.05):
        scene.until(lambda table: table.dead_rows > 0)
        seen = list(autovacuum.looks(scene.eyes, 3.0))
        # a busy machine may let the worker wait
        said = [one for one in predict(seen, flush_s=2, start_s=15) if (one.table, one.action) == ("public.t", VACUUM)]
        assert said[0].verdict == LATER and said[0].first == 4051, sentence(said[0])
        keep(tmp_path / "kept.jsonl", said)
        found = came(scene, kept(tmp_path / "kept.jsonl").predictions[0], any_server)
    assert (found.verdict, found.why) == (AS_PREDICTED, "by the log"), found
    # rows whose space a scan had already cleared are counted as dead, and not among those removed
    assert 0 < (found.rows_removed or 0) <= 20_000


def test_a_run_that_will_remove_nothing_comes_and_removes_nothing(scene: Scene, any_server: Private) -> None:
    scene.run(*made(1000))
    with closing(psycopg2.connect(scene.dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM t")
        scene.run("VACUUM t", "DELETE FROM t WHERE id <= 400")
        scene.until(lambda table: table.dead_rows == 400 and table.vacuums == 1)
        said = scene.prediction()
        # the table is not enabled yet, and what would be removed is known
        assert said.removes == NOTHING and f"pid {holder.info.backend_pid} " in said.held_by
        enabled(scene)
        said = scene.prediction()
        assert said.verdict == DUE or scene.table().autovacuums > 0
        scene.until(lambda table: table.autovacuums >= 3)
        found = came(scene, said, any_server)
        assert (found.rows_removed, found.rows_not_removable) == (0, 400)
        assert found.effect_as_predicted is True and scene.table().dead_rows == 400
        holder.rollback()
    scene.until(lambda table: table.dead_rows == 0)


def test_a_table_that_is_locked_is_passed_over_until_the_lock_is_gone(scene: Scene) -> None:
    scene.run(*made(1000), "DELETE FROM t WHERE id <= 250")
    scene.until(lambda table: table.dead_rows == 250)
    enabled(scene)
    with closing(psycopg2.connect(scene.dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
        scene.run("DELETE FROM t WHERE id BETWEEN 251 AND 260")
        scene.until(lambda table: table.dead_rows == 260)
        found = scene.prediction()
        assert (found.verdict, found.latest_s) == (DUE, None)
        assert f"pid {holder.info.backend_pid} " in found.because
        assert scene.stays()
        holder.rollback()
    assert scene.ran()


def test_every_line_that_this_server_wrote_about_autovacuum_is_known(scene: Scene, any_server: Private) -> None:
    scene.run(*made(1000), "CREATE INDEX ON t (id)", "DELETE FROM t WHERE id <= 400")
    enabled(scene)
    name = f"{scene.look().database}.public.t"
    assert wait_until(
        lambda: any(one.table == name for one in runs(messages([any_server.log]))), timeout_s=PATIENCE_S, every_s=0.2
    )
    found = runs(messages([any_server.log]))
    assert not [line for one in found for line in one.unknown]
    (of_it, *_) = [one for one in found if one.table == name]
    assert (of_it.rows_removed, of_it.rows_not_removable, of_it.index_scans) == (400, 0, 1)


def test_stderr_csvlog_and_jsonlog_of_one_server_tell_the_same_runs(programs: Binaries, open_folder: Path) -> None:
    kinds = ["stderr", "csvlog", *(["jsonlog"] if programs.major >= 15 else [])]
    collected = {
        "autovacuum": "on",
        "autovacuum_naptime": "1s",
        "log_autovacuum_min_duration": "0",
        "logging_collector": "on",
        "log_destination": ",".join(kinds),
    }
    config = replace(settings.read({"LAB_HOME": str(open_folder / "collected")}), pg_bin=programs.bin_dir)
    with private(config, settings=collected) as server:
        with server.owner() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t AS SELECT generate_series(1, 500) AS id")
        with server.owner() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM t")
        folder = server.where.data / "log"

        def seen(ending: str) -> list[tuple[object, ...]]:
            found = runs(messages(sorted(folder.glob(f"*.{ending}"))))
            return [(one.table, one.action, one.ended_at, one.pid, one.rows_removed, one.unknown) for one in found]

        assert wait_until(lambda: any(one[4] for one in seen("log")), timeout_s=PATIENCE_S, every_s=0.2)
        server.stop()
        (of_csv, of_stderr) = seen("csv"), seen("log")
        assert of_stderr == of_csv and len(of_csv) >= 2
        assert programs.major < 15 or seen("json") == of_csv
