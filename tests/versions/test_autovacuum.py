"""The predictor's known answers, each held against what autovacuum then does, on every major version."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from lab.analyse import autovacuum as arithmetic
from lab.analyse.autovacuum_prediction import predict, sentence
from lab.process import wait_until
from lab.record.autovacuum import ANALYZE, DUE, LATER, NEVER, STILL, UNKNOWN, VACUUM
from lab.record.options import Options
from lab.server.private import Private
from tests.versions.scene import PATIENCE_S, QUIET, Scene, enabled, made


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    made = Scene(database)
    yield made
    made.eyes.close()


def test_dead_rows_at_the_threshold_never_run_and_one_more_does(scene: Scene) -> None:
    scene.run(*made(10_000))
    scene.run("DELETE FROM t WHERE id <= 2050")
    scene.until(lambda table: table.dead_rows == 2050)
    enabled(scene)
    before = scene.prediction()
    assert (before.verdict, before.count, before.threshold, before.first) == (UNKNOWN, 2050, 2050.0, 2051)
    assert scene.stays()
    scene.run("DELETE FROM t WHERE id = 2051")
    wait_until(lambda: scene.prediction().verdict == DUE or scene.table().autovacuums > 0, PATIENCE_S, every_s=0.02)
    assert scene.ran()


def test_a_table_that_nobody_analyzed_has_the_bare_threshold(scene: Scene) -> None:
    scene.run(*made(10_000, analyzed=False), "DELETE FROM t WHERE id <= 60")
    scene.until(lambda table: table.dead_rows == 60)
    enabled(scene)
    assert scene.ran()


def test_the_threshold_is_of_the_size_that_was_known_not_of_the_size_that_is(scene: Scene) -> None:
    scene.run(*made(10_000), "INSERT INTO t SELECT n, 0 FROM generate_series(10001, 100000) AS n")
    scene.run("DELETE FROM t WHERE id <= 3000")
    table = scene.until(lambda table: table.dead_rows == 3000 and table.live_rows == 97_000)
    assert (table.reltuples, scene.look().rules.vacuum_scale_factor) == (10_000, 0.2)
    enabled(scene)
    assert scene.ran()


def test_inserts_into_a_frozen_table_run_where_the_server_knows_the_frozen_share(scene: Scene) -> None:
    only_inserts = "autovacuum_vacuum_threshold = 1000000000, autovacuum_analyze_threshold = 1000000000"
    scene.run(*made(100_000, only_inserts), "VACUUM (FREEZE, ANALYZE) t")
    scene.run("INSERT INTO t SELECT n, 0 FROM generate_series(1, 1500) AS n")
    table = scene.until(lambda table: table.inserted_rows == 1500)
    alone = replace(table, options=replace(table.options or Options(), enabled=None))
    trigger = next(one for one in arithmetic.vacuum_triggers(alone, scene.look()) if one.reason == arithmetic.INSERTS)
    enabled(scene)
    assert trigger.threshold == (1000.0 if table.frozen_pages is not None else 21_000.0)
    assert scene.ran() if table.frozen_pages is not None else scene.stays()


def test_the_table_s_own_parameters_count_before_the_server_s(scene: Scene) -> None:
    scene.run(*made(10_000, f"{QUIET}, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5"))
    scene.run("DELETE FROM t WHERE id <= 105")
    scene.until(lambda table: table.dead_rows == 105)
    enabled(scene)
    assert (scene.prediction().threshold, scene.stays()) == (105.0, True)
    scene.run("DELETE FROM t WHERE id = 106")
    assert scene.ran()


def test_changes_at_the_threshold_are_not_analyzed_and_one_more_is(scene: Scene) -> None:
    scene.run(*made(10_000, "autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_threshold = 1000000000"))
    scene.run("UPDATE t SET n = 1 WHERE id <= 1050")
    scene.until(lambda table: table.changed_rows == 1050)
    enabled(scene)
    assert (scene.prediction(ANALYZE).first, scene.stays(lambda table: table.autoanalyzes)) == (1051, True)
    scene.run("UPDATE t SET n = 1 WHERE id = 1")
    assert scene.ran(lambda table: table.autoanalyzes)


def test_an_analyze_that_comes_first_brings_the_vacuum_that_was_not_due(scene: Scene) -> None:
    scene.run(*made(10_000, "autovacuum_vacuum_insert_threshold = -1"))
    scene.until(lambda table: table.analyzes == 1)
    enabled(scene)
    with closing(psycopg2.connect(scene.dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
        scene.run("DELETE FROM t WHERE id <= 2050")
        scene.until(lambda table: table.dead_rows == 2050 and table.live_rows == 7950)
        found = scene.prediction()
        holder.rollback()
    # 2050 are not more than 50 + 0.2 x 10,000, but than 50 + 0.2 x 7,950
    assert (found.verdict, found.threshold) == (LATER, 1640.0) and "analyze" in found.because, sentence(found)
    assert scene.ran()
    assert scene.table().autoanalyzes > 0


def test_a_disabled_table_is_left_alone_and_so_is_its_toast(scene: Scene) -> None:
    scene.run("CREATE TABLE t (id int, b text) WITH (autovacuum_enabled = false)")
    scene.run("ALTER TABLE t ALTER b SET STORAGE EXTERNAL")
    scene.run("INSERT INTO t SELECT n, repeat('x', 3000) FROM generate_series(1, 500) AS n", "DELETE FROM t")
    toast = toast_of(scene)
    scene.until(lambda table: table.dead_rows > 500, toast)
    both = [scene.prediction(name=name) for name in ("t", toast)]
    assert [one.verdict for one in both] == [NEVER, NEVER]
    assert "its table" in both[1].because
    assert scene.stays() and scene.table(toast).autovacuums == 0


def test_toast_with_any_parameter_of_its_own_inherits_none(scene: Scene) -> None:
    scene.run(
        "CREATE TABLE t (id int, b text) WITH (autovacuum_enabled = false, toast.autovacuum_vacuum_threshold = 60)"
    )
    scene.run("ALTER TABLE t ALTER b SET STORAGE EXTERNAL")
    scene.run("INSERT INTO t SELECT n, repeat('x', 3000) FROM generate_series(1, 500) AS n", "DELETE FROM t")
    toast = toast_of(scene)
    assert scene.ran(name=toast)
    assert scene.table().autovacuums == 0


def toast_of(scene: Scene) -> str:
    look = scene.look()
    table = look.named("t")
    assert table is not None
    return next(one.full_name for one in look.tables if one.parent == table.oid)


def test_a_maximum_bounds_the_threshold_where_the_server_has_one(scene: Scene, any_server: Private) -> None:
    has = scene.look().rules.vacuum_max_threshold is not None
    assert has == (any_server.major >= 18)
    if not has:
        with pytest.raises(psycopg2.errors.InvalidParameterValue):
            scene.run("CREATE TABLE m (id int) WITH (autovacuum_vacuum_max_threshold = 500)")
        return
    scene.run(*made(10_000, f"{QUIET}, autovacuum_vacuum_max_threshold = 500"), "DELETE FROM t WHERE id <= 500")
    scene.until(lambda table: table.dead_rows == 500)
    enabled(scene)
    assert (scene.prediction().first, scene.stays()) == (501, True)
    scene.run("DELETE FROM t WHERE id = 501")
    assert scene.ran()


def test_a_disabled_table_that_is_too_old_is_vacuumed_all_the_same(scene: Scene) -> None:
    scene.run("CREATE TABLE t (id int) WITH (autovacuum_enabled = off, autovacuum_freeze_max_age = 100000)")
    assert scene.prediction().verdict in (UNKNOWN, NEVER)
    # transaction numbers are taken by savepoints: one transaction, many numbers
    loop = "BEGIN INSERT INTO t VALUES (1); EXCEPTION WHEN division_by_zero THEN NULL; END"
    scene.run(f"DO $$ BEGIN FOR n IN 1..100100 LOOP {loop}; END LOOP; END $$")
    scene.until(lambda table: (table.xid_age or 0) > 100_000 or table.autovacuums > 0)
    assert scene.ran()


def test_the_next_round_is_foreseen_from_the_rate(scene: Scene) -> None:
    scene.run(*made(10_000))
    scene.until(lambda table: table.analyzes == 1)
    first = scene.look()
    scene.run("DELETE FROM t WHERE id <= 1000")
    scene.until(lambda table: table.dead_rows == 1000)
    later = scene.look()
    enabled(scene)
    found = next(one for one in predict([first, scene.look()]) if one.table == "public.t" and one.action == VACUUM)
    assert found.verdict == LATER and found.earliest_s is not None and found.latest_s is not None, sentence(found)
    quiet = next(one for one in predict([later, scene.look()]) if one.table == "public.t" and one.action == VACUUM)
    # two looks in a moment are too little for a rate; else, transactions go on, and all that is ever due is the age's
    assert quiet.verdict in (STILL, UNKNOWN) or quiet.reason == arithmetic.AGE
