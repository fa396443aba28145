"""A what-if measures both sides and leaves nothing behind, on every version; never on a database that is not marked."""

import psycopg2
import pytest

from lab.analyse.indexes import review
from lab.demonstrate import whatif
from lab.demonstrate.whatif import NotTried, Tried
from lab.errors import NotMarkedError, ServerError
from lab.observe import indexes
from lab.observe.index_plans import ALL
from lab.process import wait_until
from lab.record.indexes import Finding
from lab.server import data
from lab.server.values import SIZES
from tests.asking import value
from tests.versions.test_indexes import SCENE, run

MAKE = "CREATE INDEX lab_what_if ON child (c)"
ASK = "SELECT * FROM child WHERE c = %(c)s"


@pytest.fixture
def marked(database: str) -> str:
    """The scene, in a database with the lab's mark."""
    run(database, *SCENE.split(";"))
    with data.connect(database) as connection:
        data.run(connection, "mark_table")
        data.write_mark(connection, SIZES["small"], "test")
    return database


def names(dsn: str) -> set[str]:
    return {one.name for one in indexes.read(dsn).indexes}


def test_an_added_index_is_used_reads_less_and_is_gone(marked: str) -> None:
    before = names(marked)
    found = whatif.added(marked, "public.child", MAKE, ASK, {"c": 7}, pairs=3)
    assert found.before.plan == ("Seq Scan on child",)
    assert all("lab_what_if" in node or "Bitmap Heap" in node for node in found.after.plan)
    assert found.after.blocks * 10 < found.before.blocks
    assert found.before.rows == found.after.rows == 1
    assert len(found.before.times_ms) == len(found.after.times_ms) == 3
    assert names(marked) == before


def test_the_effect_is_that_of_the_pairs(marked: str) -> None:
    found = whatif.added(marked, "public.child", MAKE, ASK, {"c": 7}, pairs=4)
    assert found.effect.low is not None and found.effect.low <= found.effect.ratio
    assert found.verdict in ("faster", "slower", "no evidence")
    assert f"{found.before.blocks} blocks before, {found.after.blocks} after" in found.told


def test_a_dropped_index_spares_the_writer_blocks_and_wal_and_is_still_there(marked: str) -> None:
    found = whatif.dropped(marked, "public.child", "public.child_name", pairs=3)
    assert isinstance(found, Tried)
    assert found.after.blocks < found.before.blocks
    assert found.after.wal_bytes < found.before.wal_bytes
    assert found.before.rows == whatif.ROWS_WRITTEN
    assert "child_name" in names(marked)
    assert value(marked, "SELECT to_regclass('lab.what_if') IS NULL")


def test_without_a_change_both_sides_touch_the_same_blocks(marked: str) -> None:
    found = whatif.dropped(marked, "public.child", "", pairs=3)
    assert isinstance(found, Tried)
    assert abs(found.after.blocks - found.before.blocks) <= 0.02 * found.before.blocks


ELSEWHERE = """
CREATE SCHEMA "My shop";
CREATE TABLE "My shop".orders (id int, k int) PARTITION BY RANGE (id);
CREATE TABLE "My shop".orders_1 PARTITION OF "My shop".orders FOR VALUES FROM (0) TO (5000);
CREATE TABLE "My shop".orders_2 PARTITION OF "My shop".orders FOR VALUES FROM (5000) TO (10000);
CREATE TABLE "My shop".items (id int, k int);
INSERT INTO "My shop".orders SELECT i, i FROM generate_series(1, 9999) AS i;
INSERT INTO "My shop".items SELECT i, i FROM generate_series(1, 9999) AS i
"""


@pytest.mark.parametrize("table", ["orders", "items"])
def test_an_index_is_tried_outside_of_the_search_path_and_on_a_partitioned_table(marked: str, table: str) -> None:
    run(marked, *ELSEWHERE.split(";"))
    finding = Finding("missing", f'"My shop".{table}', "", None, (), (), "", columns=("k",))
    found = whatif.tried(marked, finding, pairs=2)
    assert isinstance(found, Tried), found
    assert found.after.blocks * 5 < found.before.blocks


COUNTED = """
SELECT concat_ws(' ', seq_scan, idx_scan, n_tup_ins, n_tup_upd) FROM pg_stat_all_tables WHERE relname = 'child'
"""


def counted(dsn: str) -> str:
    """What the views say of the table after every trial has ended, and so reported."""
    gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'lab-admin-whatif')"
    assert wait_until(lambda: value(dsn, gone), timeout_s=30)
    return str(value(dsn, COUNTED))


def test_a_trial_is_no_evidence_for_the_next_look(marked: str) -> None:
    # each of the scene's indexes is built from a whole read; 13 and 14 report those a moment later
    assert wait_until(lambda: int(counted(marked).split()[0]) >= 13, timeout_s=30)
    before = counted(marked)
    whatif.tried(marked, Finding("missing", "public.child", "", None, (), (), "", columns=("c",)), pairs=2)
    whatif.tried(marked, Finding("unused", "public.child", "public.child_name", 0, (), (), ""), pairs=2)
    assert counted(marked) == before


def test_every_finding_is_tried_or_says_why_not(marked: str) -> None:
    run(marked, *["SELECT * FROM child WHERE c = 7"] * 3)
    for finding in review(indexes.read(marked, plan=ALL, settle_s=5)):
        found = whatif.tried(marked, finding, pairs=2)
        assert isinstance(found, Tried), (finding.what, found)


def test_what_cannot_be_tried_says_why(marked: str) -> None:
    unknown = Finding("missing", "public.child", "", None, (), (), "", columns=("?",))
    assert "not known" in whatif.tried(marked, unknown).told
    gone = Finding("unused", "public.child", "public.nowhere", 0, (), (), "")
    assert isinstance(whatif.tried(marked, gone), NotTried)


def test_nothing_is_tried_on_a_database_that_is_not_the_labs(database: str) -> None:
    run(database, *SCENE.split(";"))
    with pytest.raises(NotMarkedError):
        whatif.added(database, "public.child", MAKE, ASK, {"c": 7})
    with pytest.raises(NotMarkedError):
        whatif.dropped(database, "public.child", "public.child_name")


def test_an_index_that_its_own_transaction_may_not_use_is_no_evidence(marked: str) -> None:
    looking = psycopg2.connect(marked)
    looking.set_session(isolation_level="REPEATABLE READ")
    with looking.cursor() as cursor:
        cursor.execute("SELECT 1")
        run(
            marked,
            "ALTER TABLE child SET (fillfactor = 50)",
            "CREATE TABLE flat (c int, d int) WITH (fillfactor = 50)",
            "INSERT INTO flat SELECT i, i FROM generate_series(1, 1000) AS i",
            "UPDATE flat SET c = c + 1",
        )
        with pytest.raises(ServerError, match="serves later transactions only"):
            whatif.added(marked, "public.flat", "CREATE INDEX lab_what_if ON flat (c)", "SELECT 1")
    looking.close()
