"""Every way to tell a table's space, against tables whose space is known: the truth is a rewrite, on each version."""

import json
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from lab.analyse import bloat as arithmetic
from lab.cli.main import run
from lab.demonstrate import bloat, growth, hot
from lab.demonstrate.bench import Reader
from lab.demonstrate.bloat import SCENES
from lab.errors import UsageError
from lab.observe.bloat import Look
from lab.observe.settled import flush
from lab.record.bloat import APPROX, ESTIMATE, EXACT, WAYS
from tests.asking import value

POINT = 1.0  # of the file, per cent
WHERE_PGSTATTUPLE_IS_RIGHT = [name for name in SCENES if "dropped" not in name]
WHERE_AN_ESTIMATE_CAN_BE = [name for name in SCENES if "never" not in name]


@pytest.fixture(scope="module")
def shown() -> dict[tuple[int, str], bloat.Shown]:
    """What was shown already, by version and scene: each scene is made once."""
    return {}


@pytest.fixture
def database(still_database: str) -> str:
    return still_database


@pytest.fixture
def reader(database: str) -> Iterator[Reader]:
    connection = psycopg2.connect(database)
    connection.autocommit = True
    yield Reader(connection)
    connection.close()


@pytest.fixture
def scene(reader: Reader, shown: dict, request: pytest.FixtureRequest):
    def make(name: str) -> bloat.Shown:
        key = (reader.connection.server_version, name)
        if key not in shown:
            shown[key] = bloat.shown(reader, SCENES[name], rows=20_000)
        return shown[key]

    return make


@pytest.mark.parametrize("name", WHERE_PGSTATTUPLE_IS_RIGHT)
def test_the_approximate_way_agrees_with_the_exact_one(scene, name: str) -> None:
    exact, approx = (scene(name).by(way) for way in (EXACT, APPROX))
    assert approx.dead_pct == pytest.approx(exact.dead_pct, abs=POINT)
    assert approx.free_pct == pytest.approx(exact.free_pct, abs=POINT)


@pytest.mark.parametrize("name", [name for name in WHERE_PGSTATTUPLE_IS_RIGHT if name in WHERE_AN_ESTIMATE_CAN_BE])
def test_the_estimate_agrees_with_the_exact_way(scene, name: str) -> None:
    exact, estimate = (scene(name).by(way) for way in (EXACT, ESTIMATE))
    assert estimate.dead_pct == pytest.approx(exact.dead_pct, abs=POINT)
    assert estimate.free_pct == pytest.approx(exact.free_pct, abs=POINT)
    assert estimate.reuse_pct == pytest.approx(exact.reuse_pct, abs=POINT)


@pytest.mark.parametrize("name", WHERE_AN_ESTIMATE_CAN_BE)
def test_the_estimate_knows_what_a_rewrite_gives_back(scene, name: str) -> None:
    assert scene(name).off(ESTIMATE) <= POINT
    assert scene(name).off(APPROX) <= POINT


@pytest.mark.parametrize("name", WHERE_PGSTATTUPLE_IS_RIGHT)
def test_the_exact_way_knows_what_a_rewrite_gives_back(scene, name: str) -> None:
    assert scene(name).off(EXACT) <= POINT


def test_where_a_column_was_dropped_the_exact_way_says_that_it_is_wrong_about_a_rewrite(scene) -> None:
    dropped = scene("a wide column dropped")
    assert dropped.rewrite_pct > 60
    assert dropped.off(EXACT) > 60
    assert "1 dropped column" in " ".join(dropped.by(EXACT).notes)
    assert dropped.by(ESTIMATE).free_pct is None
    assert "1 dropped column" in " ".join(dropped.by(ESTIMATE).notes)


def test_without_analyze_there_is_no_estimate_and_it_says_so(scene) -> None:
    never = scene("never analyzed, half deleted").by(ESTIMATE)
    assert never.rewrite_pct is never.reuse_pct is None
    assert never.notes == (arithmetic.NEVER_ANALYZED,)


@pytest.mark.parametrize(("name", "least"), [("fillfactor 70", 25), ("columns lie badly", 15), ("half deleted", 45)])
def test_the_usual_estimate_is_wrong_where_the_labs_is_right(scene, name: str, least: float) -> None:
    assert scene(name).off(bloat.CLASSIC) > least
    assert scene(name).off(ESTIMATE) <= POINT


def test_the_approximate_way_reads_what_is_not_all_visible_and_the_exact_one_everything(scene) -> None:
    clean, dirty = scene("half deleted, vacuumed"), scene("half deleted")
    assert clean.by(APPROX).read_blocks == 0
    assert dirty.by(APPROX).read_blocks == dirty.by(EXACT).read_blocks == dirty.looked.table.pages
    assert clean.by(ESTIMATE).read_blocks == 0


def test_a_delete_that_is_vacuumed_at_once_leaves_no_false_dead_rows(reader: Reader) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    flush(reader.connection)
    reader.rows("lesson/bloat_delete_half", rows=5000)
    flush(reader.connection)
    reader.rows("lesson/bloat_vacuum")
    flush(reader.connection)
    counters = Look(reader.connection, ["scene"]).tables[0].counters
    assert (counters.live, counters.dead) == (2500, 0)


def test_a_toast_table_is_looked_at_beside_its_table(reader: Reader, database: str) -> None:
    value(database, "CREATE TABLE kept (id int, body text); ALTER TABLE kept ALTER body SET STORAGE external")
    value(database, "INSERT INTO kept SELECT n, repeat('x', 5000) FROM generate_series(1, 200) n")
    look = Look(reader.connection, ["kept"])
    (toast,) = [table for table in look.tables if table.toast_of]
    seen = arithmetic.spaces(look.seen(toast))
    assert toast.toast_of == "kept"
    assert seen.spaces[EXACT].live_rows == 600
    assert seen.spaces[ESTIMATE].notes == (arithmetic.NO_COLUMNS,)


@pytest.mark.parametrize(
    ("shape", "gain"),
    [({"keys": 10}, (5, 20)), ({"at_random": True}, (15, 35)), ({"keys": 10**9, "deleted": True}, (45, 52))],
)
def test_both_ways_know_what_reindex_gives_back(reader: Reader, shape: dict, gain: tuple[float, float]) -> None:
    found = bloat.index_shown(reader, "an index", rows=40_000, **shape)
    assert gain[0] <= found.rebuild_pct <= gain[1]
    for way in (EXACT, ESTIMATE):
        assert found.spaces[way].rebuild_pct == pytest.approx(found.rebuild_pct, abs=6)


def test_without_merging_duplicates_an_estimate_is_negative(reader: Reader) -> None:
    found = bloat.index_shown(reader, "ten keys", rows=40_000, keys=10)
    assert found.usual.rebuild_pct < -100
    assert "without merging" in found.usual.notes[0]
    assert found.spaces[ESTIMATE].rebuild_pct >= 0


@pytest.mark.parametrize("way", [EXACT, APPROX])
def test_what_would_read_more_than_the_limit_is_not_done_and_named(reader: Reader, way: str) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    look = Look(reader.connection, ["scene"])
    seen = look.seen(look.tables[0], WAYS, limit_bytes=8192)
    assert way not in [reading.way for reading in seen.readings]
    assert "the limit is" in seen.missing[way]


def test_a_monitor_is_told_what_it_may_not_see(reader: Reader) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    reader.rows("lesson/bloat_vacuum")
    with reader.connection.cursor() as cursor:
        cursor.execute("SET ROLE pg_monitor")
    look = Look(reader.connection, ["scene"])
    seen = arithmetic.spaces(look.seen(look.tables[0]))
    assert seen.spaces[EXACT].live_rows == 5000
    assert seen.spaces[ESTIMATE].rewrite_pct is None
    assert "may not see" in seen.spaces[ESTIMATE].notes[0]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    assert run(["bloat", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_tells_every_way_with_its_cost(reader: Reader, database: str, capsys) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    reader.rows("lesson/bloat_vacuum")
    (table, toast) = told(capsys, "scene", "--dsn", database)
    assert list(table["ways"]) == list(WAYS)
    assert table["ways"][EXACT]["read_blocks"] * 8192 == table["size_bytes"]
    assert all(way["took_ms"] > 0 for way in table["ways"].values())
    assert toast["toast_of"] == "scene"


def test_the_command_estimates_what_is_larger_than_the_limit(reader: Reader, database: str, capsys) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    reader.rows("lesson/bloat_vacuum")
    table = told(capsys, "scene", "--dsn", database, "--limit", "8kB")[0]
    assert EXACT not in table["ways"]
    assert "and the limit is 8 kB" in table["missing"][EXACT]
    assert EXACT in told(capsys, "scene", "--dsn", database, "--exact")[0]["ways"]


def test_the_command_writes_nothing_and_says_when_the_extension_is_missing(
    reader: Reader, database: str, capsys
) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    value(database, "DROP EXTENSION pgstattuple")
    table = told(capsys, "scene", "--dsn", database)[0]
    assert list(table["ways"]) == [ESTIMATE, "counters"]
    assert "no extension pgstattuple" in table["missing"][EXACT]
    assert value(database, "SELECT count(*) FROM pg_extension WHERE extname = 'pgstattuple'") == 0


def test_the_command_prints_a_line_for_each_way(reader: Reader, database: str, capsys) -> None:
    reader.rows("lesson/bloat_wide", rows=5000, fillfactor=70)
    reader.rows("lesson/bloat_drop_column")
    assert run(["bloat", "scene", "--dsn", database]) == 0
    text = capsys.readouterr().out
    assert "fillfactor 70" in text
    assert all(f"table  {way}" in text for way in WAYS)
    assert "exact: 1 dropped column" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing_here"], 2, "there is no table 'nothing_here'"),
        (["scene", "--limit", "much"], 2, "'much' is no size"),
        (["scene", "--exact", "--limit", "1MB"], 2, "--limit is for a look without --exact"),
    ],
)
def test_the_command_refuses_what_cannot_be_looked_at(
    reader: Reader, database: str, capsys, arguments, code, said
) -> None:
    reader.rows("lesson/bloat_plain", rows=10, fillfactor=100)
    assert run(["bloat", *arguments, "--dsn", database]) == code
    assert said in capsys.readouterr().err


def test_hot_updates_are_counted_by_fillfactor(reader: Reader) -> None:
    full, seventy = hot.swept(reader, (100, 70))
    assert full.counted == full.made == seventy.counted
    assert full.hot_pct < 90
    assert seventy.hot_pct == 100
    assert full.newpage in (None, full.counted - full.hot)
    assert hot.updated(reader, 50, indexed=True).hot == 0


def test_a_course_has_every_run_of_vacuum_and_its_moment(reader: Reader) -> None:
    seen = growth.grown(reader, rounds=4, vacuum_every=2, rows=5000)
    assert seen.vacuums == 2
    assert len(seen.vacuumed_s) == 2
    assert seen.shrunk == 0
    assert seen.after_rounds[1].dead_bytes == 0 < seen.after_rounds[0].dead_bytes


def test_columns_in_another_order_take_less_and_are_the_same(reader: Reader) -> None:
    before = bloat.badly_laid(reader, 5000)
    assert bloat.ordered(reader, ...) is None
    assert not bloat.ordered_seen(reader).same
    after = bloat.ordered(reader, ["id", "amount", "weight", "is_new", "is_paid", "is_sent"])
    assert after < 0.82 * before
    assert bloat.ordered_seen(reader).same
    with pytest.raises(UsageError, match="is no order of"):
        bloat.ordered(reader, ["id"])


def test_a_table_that_is_being_rewritten_is_named_and_not_waited_for(reader: Reader, database: str, capsys) -> None:
    reader.rows("lesson/bloat_plain", rows=5000, fillfactor=100)
    value(database, "CREATE TABLE other AS SELECT n FROM generate_series(1, 5000) AS n")
    with closing(psycopg2.connect(database)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE scene IN ACCESS EXCLUSIVE MODE")
        assert run(["bloat", "--dsn", database, "--json", "--least", "0"]) == 0
    captured = capsys.readouterr()
    assert [table["table"] for table in json.loads(captured.out) if not table["toast_of"]] == ["other"]
    assert "locked exclusively, or about to be, so not looked at: scene" in captured.err


def test_a_partitioned_table_is_looked_at_by_its_partitions(database: str, capsys) -> None:
    value(database, "CREATE TABLE parted (n int) PARTITION BY RANGE (n)")
    value(database, "CREATE TABLE part_a PARTITION OF parted FOR VALUES FROM (0) TO (10)")
    value(database, "CREATE TABLE part_b PARTITION OF parted FOR VALUES FROM (10) TO (20)")
    assert [table["table"] for table in told(capsys, "parted", "--dsn", database)] == ["part_a", "part_b"]


def test_a_view_has_no_space(database: str, capsys) -> None:
    value(database, "CREATE VIEW seen AS SELECT 1")
    assert run(["bloat", "seen", "--dsn", database]) == 2
    assert "'seen' has no rows of its own" in capsys.readouterr().err


def test_a_system_table_is_refused_as_one(database: str, capsys) -> None:
    assert run(["bloat", "pg_class", "--dsn", database]) == 2
    assert "'pg_class' is one of the system's own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE scene SET (fillfactor = 60)", "% larger, for its fillfactor is 60"),
        ("ALTER TABLE scene ADD more text DEFAULT repeat('x', 100)", "1 column was added with a default"),
    ],
)
def test_a_rewrite_that_makes_the_file_larger_is_told_as_one(
    reader: Reader, database: str, capsys, change, said
) -> None:
    reader.rows("lesson/bloat_plain", rows=20_000, fillfactor=100)
    value(database, change)
    reader.rows("lesson/bloat_vacuum")
    flush(reader.connection)
    table = told(capsys, "scene", "--dsn", database)[0]
    reader.rows("lesson/bloat_rewrite")
    truth = 100 * (1 - reader.value("lesson/bloat_size") / table["size_bytes"])
    assert truth < -40
    for way in (EXACT, APPROX, ESTIMATE):
        notes = " ".join(table["ways"][way]["notes"])
        assert said in notes
        left_out = "which this figure leaves out" in notes  # pgstattuple measures the rows as they are
        assert left_out == (way == EXACT and "ADD" in change)
        assert table["ways"][way]["rewrite_pct"] == pytest.approx(0 if left_out else truth, abs=2 * POINT)


def test_an_index_that_reindex_makes_larger_is_told_as_one(reader: Reader) -> None:
    reader.rows("lesson/bloat_keys", rows=40_000, keys=10**9, at_random=False)
    with reader.connection.cursor() as cursor:
        cursor.execute("ALTER INDEX scene_key SET (fillfactor = 60)")
    reader.rows("lesson/bloat_vacuum")
    look = Look(reader.connection, ["scene"])
    exact = arithmetic.spaces(look.seen(look.tables[0])).indexes[0].spaces[EXACT]
    reader.rows("lesson/bloat_reindex")
    truth = 100 * (1 - reader.value("lesson/bloat_index_size") / exact.size_bytes)
    assert exact.rebuild_pct == pytest.approx(truth, abs=3 * POINT)
    assert "% larger, for its fillfactor is 60" in exact.notes[0]


def test_of_a_small_index_it_is_said_that_a_few_pages_decide(reader: Reader) -> None:
    reader.rows("lesson/bloat_keys", rows=1000, keys=10**9, at_random=False)
    flush(reader.connection)
    reader.rows("lesson/bloat_vacuum")
    flush(reader.connection)
    look = Look(reader.connection, ["scene"])
    (index,) = arithmetic.spaces(look.seen(look.tables[0])).indexes
    assert all("pages in all: one page more or less decides" in space.notes[-1] for space in index.spaces.values())


def looked(reader: Reader):
    look = Look(reader.connection, ["scene"])
    return arithmetic.spaces(look.seen(look.tables[0]))


def test_changes_that_were_counted_after_their_vacuum_are_no_dead_rows(reader: Reader, database: str, capsys) -> None:
    reader.rows("lesson/bloat_plain", rows=20_000, fillfactor=100)
    flush(reader.connection)
    reader.rows("lesson/bloat_vacuum")
    reader.rows("lesson/bloat_delete_half", rows=20_000)
    reader.rows("lesson/bloat_vacuum")
    flush(reader.connection)
    table = told(capsys, "scene", "--estimate", "--dsn", database)[0]
    estimate = table["ways"][ESTIMATE]
    before = reader.value("lesson/bloat_size")
    reader.rows("lesson/bloat_rewrite")
    truth = 100 * (1 - reader.value("lesson/bloat_size") / before)
    assert estimate["live_rows"] == 10_000
    assert estimate["dead_rows"] == estimate["dead_pct"] == 0
    assert estimate["rewrite_pct"] == pytest.approx(truth, abs=POINT)
    late = Look(reader.connection, ["scene"]).tables[0].counters.live != 10_000
    assert table["dead_row_pct"] == (None if late else 0)
    assert ("were reported after" in " ".join(estimate["notes"])) == late
    assert (table["ways"]["counters"]["dead_rows"] is None) == late


@pytest.mark.parametrize("step", ["bloat_delete_half", "bloat_delete_tail"])
def test_dead_rows_that_were_counted_in_time_are_dead(reader: Reader, step: str) -> None:
    reader.rows("lesson/bloat_plain", rows=20_000, fillfactor=100)
    flush(reader.connection)
    reader.rows("lesson/bloat_vacuum")
    reader.rows(f"lesson/{step}", rows=20_000)
    flush(reader.connection)
    found = looked(reader)
    assert not arithmetic.counted_late(found.table)
    assert found.spaces[ESTIMATE].dead_rows == found.spaces[EXACT].dead_rows == 10_000
    assert not any("reported after" in note or "finds" in note for note in found.spaces[ESTIMATE].notes)


def test_an_update_that_is_vacuumed_at_once_is_told_as_doubtful(reader: Reader, database: str, capsys) -> None:
    reader.rows("lesson/bloat_plain", rows=20_000, fillfactor=100)
    flush(reader.connection)
    reader.rows("lesson/bloat_vacuum")
    with reader.connection.cursor() as cursor:
        cursor.execute("UPDATE scene SET amount = amount + 1 WHERE id % 2 = 0")
        cursor.execute("VACUUM scene")
    flush(reader.connection)
    late = Look(reader.connection, ["scene"]).tables[0].counters.dead > 0
    alone = told(capsys, "scene", "--estimate", "--dsn", database)[0]["ways"][ESTIMATE]
    both = told(capsys, "scene", "--dsn", database)[0]["ways"][ESTIMATE]
    assert (arithmetic.UNSURE in alone["notes"]) == late
    assert ("finds 0 dead rows" in " ".join(both["notes"])) == late


@pytest.mark.parametrize(
    ("delete", "least"), [("id % 2 = 0", 45), ("id % 3 = 0", 30), ("true", 98)], ids=["half", "third", "all"]
)
@pytest.mark.parametrize("analyzed", [True, False])
def test_an_index_of_dead_rows_is_not_told_as_full(
    reader: Reader, database: str, delete: str, least: float, analyzed: bool
) -> None:
    reader.rows("lesson/bloat_keys", rows=40_000, keys=10**9, at_random=False)
    if analyzed:
        flush(reader.connection)
        reader.rows("lesson/bloat_vacuum")
    value(database, f"DELETE FROM scene WHERE {delete}")
    exact = looked(reader).indexes[0].spaces[EXACT]
    reader.rows("lesson/bloat_reindex")
    truth = 100 * (1 - reader.value("lesson/bloat_index_size") / exact.size_bytes)
    assert truth > least
    assert exact.rebuild_pct is None
    (note,) = exact.notes
    assert "dead rows are not vacuumed" in note
    assert float(note.split("about ")[1].split()[0]) == pytest.approx(truth, abs=2 * POINT)


def test_an_index_of_a_toast_table_with_dead_rows_is_not_told_as_full(reader: Reader, database: str) -> None:
    value(database, "CREATE TABLE kept (id int, body text); ALTER TABLE kept ALTER body SET STORAGE external")
    value(database, "INSERT INTO kept SELECT n, repeat('x', 9000) FROM generate_series(1, 2000) n")
    value(database, "DELETE FROM kept WHERE id % 2 = 0")
    look = Look(reader.connection, ["kept"])
    (toast,) = [table for table in look.tables if table.toast_of]
    exact = arithmetic.spaces(look.seen(toast)).indexes[0].spaces[EXACT]
    assert exact.rebuild_pct is None
    assert "5,000 dead rows are not vacuumed" in exact.notes[0]


def test_an_index_is_told_again_once_vacuum_has_removed_the_dead_rows(reader: Reader) -> None:
    found = bloat.index_shown(reader, "half", rows=40_000, deleted=True)
    assert found.off(EXACT) <= 2 * POINT
    assert not found.spaces[EXACT].notes
