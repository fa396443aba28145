"""Autovacuum's lines in the log, as servers of 13 to 18 wrote them, and damaged."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analyse.vacuum_log import Run, run, runs
from lab.observe.vacuum_log import messages, moment, zone
from lab.record.log_message import LogMessage

LOGS = Path(__file__).parents[1] / "data"
MAJORS = range(13, 19)


def stored(major: int) -> tuple[Run, ...]:
    return runs(messages([LOGS / f"autovacuum-{major}.log"]))


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
    return list(messages([LOGS / "autovacuum-18.log"]))


def at(one: LogMessage) -> str:
    return f"{one.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"


def as_csv(said: Sequence[LogMessage]) -> bytes:
    """A csvlog of PostgreSQL 14 and later: autovacuum has neither user nor database."""
    table = io.StringIO()
    for number, one in enumerate(said):
        row = [at(one), "", "", one.pid, "", f"6561a000.{one.pid:x}", number, "", at(one), "3/4", 0, "LOG", "00000"]
        row += [one.text, *[""] * 9, "autovacuum worker", "", 0]
        csv.writer(table, lineterminator="\n").writerow(row)
    return table.getvalue().replace(',""', ",").encode()


def as_json(said: Sequence[LogMessage]) -> bytes:
    values = [
        {"timestamp": at(one), "pid": one.pid, "session_id": f"6561a000.{one.pid:x}", "error_severity": "LOG"}
        | {"message": one.text}
        for one in said
    ]
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def as_stderr(said: Sequence[LogMessage]) -> bytes:
    return "".join(f"{at(one)} [{one.pid}] LOG:  " + one.text.replace("\n", "\n\t") + "\n" for one in said).encode()


Form = Callable[[Sequence[LogMessage]], bytes]
FORMS: tuple[Form, ...] = (as_csv, as_json, as_stderr)


def zstd(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same_under_any_name_packed_or_not(form: Form, tmp_path: Path) -> None:
    for name, packed in (("pg.csv.1", bytes), ("pg.log.gz", gzip.compress), ("20261123.zst", zstd)):
        file = tmp_path / name
        file.write_bytes(packed(form(entries())))
        assert list(messages([file])) == entries(), name


@pytest.mark.parametrize(("form", "end"), [(as_csv, b""), (as_csv, b"\n"), (as_json, b"\n"), (as_stderr, b"\n")])
@pytest.mark.parametrize("part", [0.005, 0.02, 0.3, 0.5, 0.8, 0.97])
def test_an_entry_that_a_crash_cut_off_does_not_swallow_the_next(
    form: Form, end: bytes, part: float, tmp_path: Path
) -> None:
    said, file = entries()[:6], tmp_path / "pg"
    whole = [form([one]) for one in said]
    file.write_bytes(b"".join([*whole[:2], whole[2][: int(part * len(whole[2]))], end, *whole[3:]]))
    assert [one for one in messages([file]) if one in said] == said[:2] + said[3:]


@pytest.mark.parametrize("form", FORMS)
def test_files_are_read_in_the_order_of_time(form: Form, tmp_path: Path) -> None:
    said = sorted(entries(), key=at)
    files = [tmp_path / "b", tmp_path / "a"]
    for file, part in zip(files, (said[:4], said[4:]), strict=True):
        file.write_bytes(form(part))
    assert list(messages(files)) == list(messages(files[::-1])) == said


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
def test_any_prefix_is_passed_over_and_a_time_in_it_is_found(prefix: str, at: datetime | None, tmp_path: Path) -> None:
    said = f'{prefix} LOG:  automatic analyze of table "app.public.t" system usage: CPU: user: 0.00 s, system: 0.00 s, '
    (found,) = read(said + "elapsed: 0.25 s\n", tmp_path)
    assert (found.table, found.elapsed_s, found.pid) == ("app.public.t", 0.25, 7)
    assert found.ended_at is None if at is None else found.ended_at == at


def read(text: str, folder: Path) -> tuple[Run, ...]:
    """Return the runs of a log from stderr."""
    file = folder / "stderr.log"
    file.write_text(text)
    return runs(messages([file]))


@pytest.mark.parametrize(
    ("text", "name", "utc"),
    [
        ("2026-11-23 00:51:28.040 CET", "Europe/Berlin", "2026-11-22T23:51:28.040000+00:00"),
        ("2026-10-25 02:30:00 CEST", "Europe/Berlin", "2026-10-25T00:30:00+00:00"),  # the hour that comes twice
        ("2026-10-25 02:30:00 CET", "Europe/Berlin", "2026-10-25T01:30:00+00:00"),
        ("2026-11-23 06:21:28 IST", "Asia/Kolkata", "2026-11-23T00:51:28+00:00"),
        ("2026-11-23 02:51:28 IST", "Asia/Jerusalem", "2026-11-23T00:51:28+00:00"),
        ("2026-11-23 00:51:28 UTC", "Europe/Berlin", "2026-11-23T00:51:28+00:00"),  # it was set later
        ("2026-11-22 21:51:28 -03", "America/Sao_Paulo", "2026-11-23T00:51:28+00:00"),
        ("2026-11-22 21:51:28 -03", "no zone", "2026-11-23T00:51:28+00:00"),
        ("2026-11-23 00:51:28 CET", "Asia/Kolkata", None),
        ("2026-11-23 00:51:28 UTC", "UTC+3", None),  # in POSIX's notation it is called UTC, and is not
        ("2026-11-23 00:51:28", "UTC", None),
        ("0001-01-01 00:00:00 +14", "UTC", None),
    ],
)
def test_a_named_zone_is_the_one_that_the_server_has_set(text: str, name: str, utc: str | None) -> None:
    assert moment(text, zone(name)) == (datetime.fromisoformat(utc) if utc else None)


def test_the_times_of_a_log_are_those_of_the_zone_that_is_given(tmp_path: Path) -> None:
    file = tmp_path / "pg.csv"
    file.write_bytes(as_csv(entries()).replace(b" UTC", b" CET"))
    (first, *_) = messages([file], ZoneInfo("Europe/Berlin"))
    assert first.at and entries()[0].at and (entries()[0].at - first.at).total_seconds() == 3600  # type: ignore[operator]
    assert [one.at for one in messages([file])] == [None] * len(entries())


def test_a_statement_that_speaks_of_autovacuum_is_none_of_its_runs(tmp_path: Path) -> None:
    text = "x LOG:  statement: SELECT 'LOG:  automatic vacuum of table'\nx LOG:  automatic vacuum of nothing\n"
    assert read(text, tmp_path) == ()


@given(st.integers(0, 100_000))
def test_a_log_that_ends_anywhere_gives_what_was_whole_before(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    whole = (LOGS / "autovacuum-15.log").read_text()
    found = read(whole[: cut % len(whole)], tmp_path_factory.mktemp("cut"))
    assert found[:-1] == stored(15)[: len(found[:-1])]
    assert [one.table for one in found] == [one.table for one in stored(15)][: len(found)]


@given(st.sampled_from(FORMS), st.lists(st.binary(max_size=200)))
def test_nothing_in_a_file_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, form: Form, lines: list[bytes]
) -> None:
    file = tmp_path_factory.mktemp("odd") / "pg"
    said = entries()[:1]
    file.write_bytes(form(said) + b"\n".join(lines) + b"\n")
    assert any(one.text.startswith(said[0].text) and one.at == said[0].at for one in messages([file]))


@given(st.text())
def test_no_message_is_an_error(tail: str) -> None:
    found = run(LogMessage(f'automatic vacuum of table "a.b.c": index scans: 0\n{tail}'))
    assert found is not None and found.table == "a.b.c"
