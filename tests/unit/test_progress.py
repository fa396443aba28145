"""A run in progress is read on, record by record, while it is being written."""

from pathlib import Path

from lab.record import raw
from lab.record.progress import Answered


def row(done_ms: int, flags: int = 0) -> bytes:
    return raw.REQUEST.pack(1_000_000, 0, done_ms * 1000, *[raw.MISSING] * 4, 0, 200, 0, flags)


def test_what_was_added_is_counted_once_and_the_last_bin_is_left_out(tmp_path: Path) -> None:
    file = raw.requests_file(tmp_path, 1)
    answered = Answered(tmp_path, 1_000_000)
    assert answered.so_far() == []
    file.write_bytes(row(10) + row(20) + row(300) + row(310)[:7])
    assert answered.so_far() == [(0.125, 8.0)]
    file.write_bytes(row(10) + row(20) + row(300) + row(310) + row(320, raw.FAILED) + row(600))
    assert answered.so_far() == [(0.125, 8.0), (0.375, 8.0)]
