"""The file of predictions: added to by several at once, cut off in the middle, and not longer than its days."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import RecordError
from lab.record import predictions
from lab.record.autovacuum import LATER, VACUUM, Prediction
from lab.record.predictions import DAYS, Kept, keep, kept

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def said(number: int = 1, days_ago: float = 0) -> Prediction:
    made_at = NOW - timedelta(days=days_ago)
    return Prediction("7", "app", number, "public.t", "", VACUUM, LATER, made_at, started_at=NOW, last_run_at=NOW)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "folder" / "predictions.jsonl"
    assert not list(tmp_path.glob("**/*.new"))


def test_what_is_kept_is_read_as_it_was_said(file: Path) -> None:
    keep(file, [said(1)], NOW)
    keep(file, [said(2), said(3)], NOW)
    assert kept(file) == Kept((said(1), said(2), said(3)))
    assert kept(file.with_name("none")) == Kept()


@given(st.integers(0, 10_000))
def test_whatever_was_half_written_is_cut_off_before_the_next(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    file = tmp_path_factory.mktemp("cut") / "kept.jsonl"
    keep(file, [said(1), said(2)], NOW)
    first, second = file.read_bytes().splitlines(keepends=True)
    cut %= len(second)
    file.write_bytes(first + second[:cut])
    keep(file, [said(3)], NOW)
    whole = (said(2),) if cut == len(second) - 1 else ()
    assert kept(file) == Kept((said(1), *whole, said(3)))


def test_a_line_that_is_no_prediction_is_passed_over_and_counted(file: Path) -> None:
    keep(file, [said(1)], NOW)
    naive = str(said(4).as_json()["made_at"]).removesuffix("+00:00")
    lines = ["no json", "[]", '{"server": "7"}', "", '{"server": "half']
    with file.open("ab") as stream:
        stream.write(b"\xff\n" + file.read_bytes().replace(b"2026-06-01T00:00:00+00:00", naive.encode()))
        stream.write("\n".join(lines).encode())
    assert kept(file) == Kept((said(1),), 6)
    keep(file, [said(2)], NOW)
    assert kept(file) == Kept((said(1), said(2)), 5)


def test_the_end_of_a_file_from_elsewhere_is_not_cut_off(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("my notes\nand more")
    keep(file, [said(1)], NOW)
    assert file.read_text().startswith("my notes\nand more\n") and kept(file) == Kept((said(1),), 2)


def test_what_many_say_at_once_is_all_kept_while_the_file_is_made_anew(file: Path) -> None:
    keep(file, [said(0, days_ago=DAYS + 5)], NOW - timedelta(days=DAYS + 5))
    numbers = range(1, 65)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: keep(file, [said(number)] * 20, NOW), numbers))
    found = kept(file)
    assert found.skipped == 0
    assert sorted(one.oid for one in found.predictions) == [number for number in numbers for _ in range(20)]


def test_what_is_older_than_its_days_goes_and_what_is_no_prediction_stays(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("a note\n")
    keep(file, [said(1, days_ago=DAYS + 2), said(2, days_ago=DAYS + 0.5), said(3, days_ago=DAYS - 1)], NOW)
    assert len(kept(file).predictions) == 3
    file.chmod(0o640)
    keep(file, [said(4)], NOW)
    assert kept(file) == Kept((said(3, days_ago=DAYS - 1), said(4)), 1)
    assert file.stat().st_mode & 0o777 == 0o640


def test_it_is_made_anew_only_when_a_day_has_gathered(file: Path) -> None:
    keep(file, [said(1, days_ago=DAYS + 0.5)], NOW)
    before = file.stat().st_ino
    keep(file, [said(2)], NOW)
    assert file.stat().st_ino == before and len(kept(file).predictions) == 2


class Full(io.BytesIO):
    """A file on a disk that has room for four bytes more."""

    room = 4

    def write(self, data: object) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        written = super().write(bytes(data)[: self.room])  # type: ignore[call-overload]
        self.room -= written
        return written


def test_when_the_disk_is_full_nothing_is_half_written() -> None:
    stream = Full(b"whole\n")
    with pytest.raises(OSError, match="No space left"):
        predictions._added(stream, b"too long")
    assert stream.getvalue() == b"whole\n"


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="name another with --file"):
        kept(tmp_path)
    with pytest.raises(RecordError, match="name another with --file"):
        keep(tmp_path, [replace(said(1), oid=2)])
