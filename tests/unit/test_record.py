"""Run folders: whole, or recognised as not whole."""

import json
from pathlib import Path

import pytest

from lab.errors import IncompleteRunError, RecordError
from lab.record import raw
from lab.record import run as record
from lab.record.run import machine_hash


def begin(folder: Path) -> record.Manifest:
    manifest = record.Manifest("run-01-null", "x", "null", {}, {}, 1, 0, "2026-01-01", 1, 2)
    return record.begin(folder, manifest)


def write_raw(folder: Path, rows: list[tuple[int, ...]], planned: int) -> None:
    raw.requests_file(folder, 7).write_bytes(b"".join(raw.REQUEST.pack(*row) for row in rows))
    done = sum(not row[-1] & (raw.FAILED | raw.UNFINISHED | raw.NEVER_SENT) for row in rows)
    failed = sum(bool(row[-1] & raw.FAILED) for row in rows)
    books = raw.Books(7, planned, done, failed, planned - done - failed, 0, 9, 0, 0)
    raw.books_file(folder, 7).write_text(json.dumps(books.as_dict()))
    raw.observer_file(folder, 8).write_text('{"table": "samples", "t_us": 5, "late_us": 0, "took_us": 1}\n')


ROW = (1000, 10, 500, 1, raw.MISSING, 3, 4, 99, 200, 0, raw.FIRST)


def test_a_sealed_run_gives_back_what_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_raw_after_begin = begin(folder)
    write_raw(folder, [ROW], planned=1)
    record.seal(folder, write_raw_after_begin)
    row = record.open_run(folder).table("requests").to_pylist()[0]
    assert (row["sent_us"], row["done_us"], row["connect_us"], row["route"], row["first"]) == (
        1010,
        1510,
        None,
        "post",
        True,
    )


def test_raw_files_are_gone_only_after_the_seal(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = begin(folder)
    write_raw(folder, [ROW], planned=2)
    with pytest.raises(RecordError, match="the books say"):
        record.seal(folder, manifest)
    assert raw.requests_file(folder, 7).exists()


def test_a_run_without_books_is_not_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = begin(folder)
    write_raw(folder, [ROW], planned=1)
    raw.books_file(folder, 7).unlink()
    with pytest.raises(RecordError, match="load process 7 ended without closing its books"):
        record.seal(folder, manifest)


@pytest.mark.parametrize("cut", ["before the seal", "a table is shorter", "the manifest is half"])
def test_a_run_that_was_cut_short_is_refused(tmp_path: Path, cut: str) -> None:
    folder = tmp_path / "run"
    manifest = begin(folder)
    write_raw(folder, [ROW, ROW], planned=2)
    if cut == "before the seal":
        with pytest.raises(IncompleteRunError, match="is running, not complete"):
            record.open_run(folder)
        return
    record.seal(folder, manifest)
    if cut == "a table is shorter":
        other = tmp_path / "other"
        other_manifest = begin(other)
        write_raw(other, [ROW], planned=1)
        record.seal(other, other_manifest)
        (other / "requests.parquet").replace(folder / "requests.parquet")
        with pytest.raises(RecordError, match="has 1 rows, its manifest says 2"):
            record.open_run(folder).table("requests")
        return
    text = (folder / record.MANIFEST).read_text()
    (folder / record.MANIFEST).write_text(text[: len(text) // 2])
    with pytest.raises(RecordError, match="cannot be read"):
        record.open_run(folder)


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / record.MANIFEST).write_text('{"format": 99}')
    with pytest.raises(RecordError, match="format 99; this version reads up to"):
        record.open_run(tmp_path)


def test_unfinished_requests_keep_their_age(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = begin(folder)
    sent = (1000, 10, 500, *[raw.MISSING] * 4, 0, 0, 0, raw.UNFINISHED)
    never = (1000, 0, 700, *[raw.MISSING] * 4, 0, 0, 0, raw.UNFINISHED | raw.NEVER_SENT)
    write_raw(folder, [sent, never], planned=2)
    record.seal(folder, manifest)
    rows = record.open_run(folder).table("requests").to_pylist()
    assert [(row["sent_us"], row["done_us"], row["age_us"]) for row in rows] == [(1010, None, 510), (None, None, 700)]


def test_the_digest_does_not_depend_on_order() -> None:
    assert record.digest({"a": 1, "b": {"c": 2, "d": 3}}) == record.digest({"b": {"d": 3, "c": 2}, "a": 1})


def test_a_machine_is_the_same_after_a_boot_that_left_it_less_memory():
    facts = {"host": {"cores": 4, "memory_bytes": 2**33}, "python": "3.12", "packages": {"locust": "2"}}
    booted = facts | {"host": {"cores": 4, "memory_bytes": 2**33 - 2**26}}
    assert machine_hash(facts) == machine_hash(booted)
    assert machine_hash(facts) != machine_hash(facts | {"host": {"cores": 8, "memory_bytes": 2**33}})
