"""What statements leave, what VACUUM takes away, and who waits meanwhile: the same on every major version."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab import config as settings
from lab.demonstrate import dead_percent, probing, quiet, rewriting, vacuuming, versions
from lab.demonstrate.bench import Bench
from lab.errors import LabError
from lab.process import wait_until
from lab.server.values import Server

USE = tuple(one.name for one in (*probing.READS, *probing.WRITES))


@pytest.fixture
def database(still_database: str) -> str:
    return still_database


@pytest.fixture
def bench(database: str, tmp_path: Path) -> Bench:
    where = Server("attached", database, database, database, "", 0, 0, "", None, None, 0, 0, "small")
    return Bench(where, settings.read({"LAB_HOME": str(tmp_path), "LAB_SCALE": "ci"}), tmp_path)


def test_each_row_that_is_updated_deleted_or_written_in_vain_leaves_one_dead_row(bench: Bench) -> None:
    found = versions.left(bench, [*versions.LEAVE, *versions.LEAVE_NONE])
    assert [one.dead for one in found] == [versions.ROWS] * 5 + [0] * 3
    assert [one.counted_dead for one in found] == [one.dead for one in found]
    assert [one.live for one in found] == [1000, 1000, 0, 1000, 1000, 2000, 1000, 0]


def test_a_row_that_is_updated_over_and_over_is_tidied_and_counted_so(bench: Bench) -> None:
    (found,) = versions.left(bench, [versions.AGAIN])
    assert 0 < found.dead < found.touched / 4
    assert found.counted_dead == found.dead


def test_the_query_is_right_blind_and_false_where_it_was_known_to_be(bench: Bench) -> None:
    deleted, vacuumed, at_once, small = dead_percent.said(bench)
    assert (deleted.listed, deleted.says_pct, deleted.dead) == (True, 50.0, dead_percent.ROWS // 2)
    assert (vacuumed.listed, vacuumed.dead, vacuumed.blind) == (False, 0, True)
    assert vacuumed.free_pct > 40
    assert (at_once.listed, at_once.dead, at_once.wrong) == (True, 0, True)
    assert at_once.says_pct is not None and at_once.says_pct > 30
    assert (small.listed, small.dead) == (False, 900)


def test_the_file_keeps_its_length_and_takes_new_rows_in(bench: Bench) -> None:
    stages = list(vacuuming.file(bench).values())
    assert len({stage.file_bytes for stage in stages}) == 1
    assert [round(stage.dead_pct / 10) for stage in stages] == [0, 4, 0, 0]
    assert [round(stage.free_pct / 10) for stage in stages] == [0, 0, 5, 0]


def test_an_empty_end_is_given_back_unless_forbidden_or_read(bench: Bench) -> None:
    alone, forbidden, read = vacuuming.tails(bench)
    assert alone.kept == pytest.approx(0.5, abs=0.02)
    assert (forbidden.kept, read.kept) == (1, 1)
    assert [one.dead_after for one in (alone, forbidden, read)] == [0, 0, 0]
    assert "truncating heap" in read.phases
    assert read.took_s >= 4.5  # VACUUM_TRUNCATE_LOCK_TIMEOUT is 5 s


def test_only_analyze_tells_the_planner_of_new_values(bench: Bench) -> None:
    fresh, updated, vacuumed, analyzed = vacuuming.known(bench)
    assert fresh.truth == 0
    assert updated.truth == analyzed.truth == vacuuming.ROWS // 2
    assert updated.expected == vacuumed.expected == 1
    assert analyzed.times_off < 1.01
    assert (updated.dead, vacuumed.dead, analyzed.dead) == (vacuuming.ROWS // 2, 0, 0)


def test_who_waits_for_whom(bench: Bench) -> None:
    vacuum, exclusive, full = probing.waiting(bench)
    assert [one.mode for one in (vacuum, exclusive, full)] == [
        "ShareUpdateExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
    ]  # fmt: skip
    assert [one.probe for one in vacuum.met if one.waited] == [one.name for one in probing.UPKEEP]
    assert [one.probe for one in exclusive.met if not one.waited] == ["SELECT"]
    assert all(one.waited for one in full.met)


def test_nobody_waits_for_a_reader_but_who_wants_the_table_alone(bench: Bench) -> None:
    (found,) = probing.waiting(bench, [probing.READER])
    assert found.waited(*USE) == 0
    assert [one.probe for one in found.met if one.waited] == ["ALTER TABLE ADD COLUMN", "TRUNCATE", "DROP TABLE"]


def test_a_select_waits_behind_who_waits_for_vacuum_if_that_one_wants_the_table_alone(bench: Bench) -> None:
    assert probing.queued(bench).waited
    assert not probing.queued(bench, between=probing.ANALYZE).waited


def test_a_holder_that_ends_too_early_is_no_finding(bench: Bench) -> None:
    quick = replace(probing.VACUUM, slowly=False)
    with pytest.raises(LabError, match="try again"), bench.reader() as reader:
        quiet.scene(reader, probing.SCENE, 10)
        with probing.holding(bench, reader, quick) as (pid, _):
            # it may have been seen at work, and is over soon
            assert wait_until(lambda: not reader.rows("vacuum/held", pid=pid), timeout_s=30)


def test_a_rewrite_needs_room_for_the_copy_and_gives_back_half(bench: Bench) -> None:
    found = rewriting.disk(bench)
    assert found.mode == "AccessExclusiveLock"
    assert found.after_bytes / found.before_bytes == pytest.approx(0.5, abs=0.02)
    assert found.beside_bytes >= found.after_bytes


def test_a_reader_waits_for_a_rewrite_and_not_for_vacuum(bench: Bench) -> None:
    vacuum = rewriting.read_beside(bench, rewriting.AS_AUTOVACUUM, rows=40_000)
    full = rewriting.read_beside(bench, rewriting.REWRITE, rows=40_000)
    assert vacuum.answered >= 10
    assert full.blocked >= 0.5


@pytest.mark.parametrize(
    ("statement", "kept", "same_file", "setting_kept", "refused"),
    [
        ("VACUUM (TRUNCATE on) scratch", 0.5, True, True, False),
        ("VACUUM scratch", 1.0, True, True, False),
        ("VACUUM FULL scratch", 0.5, False, True, False),
        ("ALTER TABLE scratch SET (vacuum_truncate = true); ", 1.0, True, False, False),
        ("VACUUM nowhere", 1.0, True, True, True),
    ],
)
def test_what_a_statement_of_the_readers_does_is_seen(
    bench: Bench, statement: str, kept: float, same_file: bool, setting_kept: bool, refused: bool
) -> None:
    found = vacuuming.tried(bench, statement)
    assert found is not None
    assert found.kept == pytest.approx(kept, abs=0.02)
    assert (found.same_file, found.setting_kept, found.rows_lost) == (same_file, setting_kept, 0)
    assert bool(found.error) == refused
