"""Autovacuum's lines in the log, as servers of 13 to 18 wrote them, and damaged."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analyse.vacuum_log import Run, run, runs
from lab.observe.vacuum_log import messages, of_csv, of_json, of_stderr
from lab.record.log_message import LogMessage

LOGS = Path(__file__).parents[1] / "logs"
MAJORS = range(13, 19)


def stored(major: int) -> tuple[Run, ...]:
    return runs(messages(LOGS / f"autovacuum-{major}.log"))


@pytest.mark.parametrize("major", MAJORS)
def test_every_line_that_a_version_writes_is_known(major: int) -> None:
    found = stored(major)
    assert len(found) >= 10 and not [line for one in found for line in one.unknown]
    assert {one.action for one in found} == {"vacuum", "analyze"}
    assert all(one.ended_at and one.began_at and one.pid and one.began_at <= one.ended_at for one in found)


@pytest.mark.parametrize("major", MAJORS)
def test_rows_that_could_not_be_removed_are_told_by_every_version(major: int) -> None:
    held = [one for one in stored(major) if one.rows_not_removable]
    assert {(one.rows_removed, one.rows_not_removable) for one in held} == {(0, 6667)}
    assert all(one.cutoff_xid for one in held)
    assert all((one.cutoff_age is not None) == (major >= 15) for one in held)


@pytest.mark.parametrize("major", MAJORS)
def test_what_a_version_does_not_say_is_none(major: int) -> None:
    first = next(one for one in stored(major) if one.action == "vacuum")
    assert first.blocks_read is not None and first.wal_bytes is not None and first.elapsed_s is not None
    assert (first.pages_scanned is None) == (major < 15)
    assert (first.index_scan is None, first.read_ms is None) == (major < 14, major < 14)
    assert (first.rows_frozen is None, first.wal_buffers_full is None) == (major < 16, major < 18)
    assert (first.delay_ms is None, first.pages_eager is None) == (major < 18, major < 18)


@pytest.mark.parametrize("major", MAJORS)
def test_a_run_to_prevent_wraparound_and_a_name_that_looks_like_the_line_are_read(major: int) -> None:
    found = stored(major)
    assert [one.table for one in found if one.wraparound] == ["app.public.old"]
    assert any(one.table == 'app.public.odd."na me: index scans: 7' and one.index_scans == 0 for one in found)


def entries() -> list[LogMessage]:
    return list(messages(LOGS / "autovacuum-18.log"))


def test_csvlog_and_jsonlog_say_the_same_as_stderr() -> None:
    table, lines = io.StringIO(), []
    for one in entries():
        at = f"{one.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
        csv.writer(table).writerow([at, "", "", one.pid, *[""] * 9, one.text, *[""] * 10])
        lines.append(json.dumps({"timestamp": at, "pid": one.pid, "message": one.text}) + "\n")
    assert list(of_csv(table.getvalue().splitlines(keepends=True))) == entries()
    assert list(of_json(lines)) == entries()


def test_lines_of_a_later_version_are_kept_and_are_no_error() -> None:
    one = entries()[0]
    found = run(replace(one, text=one.text + "\nmagic: 7 spells"))
    assert found is not None and found.unknown == ("magic: 7 spells",) and found.elapsed_s is not None


@pytest.mark.parametrize(
    ("prefix", "at"),
    [
        ("2026-11-23 00:51:28.040 UTC [7]", datetime(2026, 11, 23, 0, 51, 28, 40_000, UTC)),
        ("[7] app@db 1795395088.040 ", datetime.fromtimestamp(1795395088.04, UTC)),
        ("2026-11-23 02:51:28 +02 [7]", datetime(2026, 11, 23, 0, 51, 28, tzinfo=UTC)),
        ("2026-11-23 02:51:28 CEST [7]", None),
        ("[7]", None),
    ],
)
def test_any_prefix_is_passed_over_and_a_time_in_it_is_found(prefix: str, at: datetime | None) -> None:
    said = f'{prefix} LOG:  automatic analyze of table "app.public.t" system usage: CPU: user: 0.00 s, system: 0.00 s, '
    (found,) = runs(of_stderr([said + "elapsed: 0.25 s\n"]))
    assert (found.table, found.elapsed_s, found.pid) == ("app.public.t", 0.25, 7)
    assert found.ended_at is None if at is None else found.ended_at == at


def test_a_statement_that_speaks_of_autovacuum_is_none_of_its_runs() -> None:
    text = "x LOG:  statement: SELECT 'automatic vacuum of table'\nx LOG:  automatic vacuum of nothing\n"
    assert runs(of_stderr(text.splitlines(keepends=True))) == ()


@given(st.integers(0, 100_000))
def test_a_log_that_ends_anywhere_gives_what_was_whole_before(cut: int) -> None:
    whole = (LOGS / "autovacuum-15.log").read_text()
    found = runs(of_stderr(whole[: cut % len(whole)].splitlines(keepends=True)))
    tables = [one.table for one in stored(15)]
    assert [one.table for one in found] == tables[: len(found)]


@given(st.lists(st.text(max_size=200)))
def test_no_text_is_an_error(lines: list[str]) -> None:
    for read in (of_stderr, of_json, of_csv):
        runs(read([line + "\n" for line in lines]))


@given(st.text())
def test_no_message_is_an_error(tail: str) -> None:
    found = run(LogMessage(f'automatic vacuum of table "a.b.c": index scans: 0\n{tail}'))
    assert found is not None and found.table == "a.b.c"
