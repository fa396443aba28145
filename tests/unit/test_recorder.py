import json
from pathlib import Path

import pytest

from lab.record import raw
from loadtests.recorder import Flight, Recorder, server_timing
from loadtests.stores import Files


def rows(folder: Path) -> list[tuple[int, ...]]:
    return list(raw.REQUEST.iter_unpack(raw.requests_file(folder, 7).read_bytes()))


def sent(recorder: Recorder, route: int = 0, intended_us: int = 1000, sent_us: int = 1500) -> Flight:
    flight = recorder.flight()
    recorder.plan()
    recorder.depart(flight, route, intended_us, sent_us)
    return flight


def test_a_record_is_40_bytes() -> None:
    assert raw.REQUEST.size == 40


def test_a_request_is_written_as_it_was(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    flight = sent(recorder, route=3)
    flight.first = True
    recorder.land(flight, 3500, 200, 99, "pool;dur=0.25, connect;dur=0, sql;dur=1.5, app;dur=2")
    recorder.abandon()
    assert rows(tmp_path) == [(1000, 500, 2000, 250, 0, 1500, 2000, 99, 200, 3, raw.FIRST)]


def test_nothing_is_written_before_the_flush(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    recorder.land(sent(recorder), 3500, 200, 99, None)
    assert rows(tmp_path) == []
    recorder.abandon()
    assert len(rows(tmp_path)) == 1


@pytest.mark.parametrize(("status", "failed"), [(0, 1), (200, 0), (302, 0), (399, 0), (400, 1), (500, 1), (503, 1)])
def test_a_status_of_400_and_more_or_none_is_a_failure(status: int, failed: int) -> None:
    recorder = Recorder(None)
    recorder.land(sent(recorder), 2000, status, 0, None)
    assert (recorder.failed, recorder.done) == (failed, 1 - failed)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (None, None, None, None)),
        ("", (None, None, None, None)),
        ("nonsense", (None, None, None, None)),
        ("pool;dur=x, sql;dur=2", (None, None, 2000, None)),
        ("app;dur=3.0004", (None, None, None, 3000)),
        ("sql;desc=statements;dur=1, app;dur=2;desc=all", (None, None, 1000, 2000)),
        ("mysql;dur=9, sql;dur=1", (None, None, 1000, None)),
        (["pool;dur=1", "app;dur=2"], (1000, None, None, 2000)),
        ("pool;dur=0.012, connect;dur=0.000, sql;dur=1.234, app;dur=2.345", (12, 0, 1234, 2345)),
        ("pool;dur=9999999.0, connect;dur=0.0, sql;dur=1.0, app;dur=2.0", (raw.LONGEST_US, 0, 1000, 2000)),
        ('pool;dur="1.5"', (1500, None, None, None)),
        ("app;dur=99999999999", (None, None, None, raw.LONGEST_US)),
        ("pool;dur=-1, app;dur=1", (None, None, None, 1000)),
    ],
)
def test_server_timing_known_answers(header: str | list[str] | None, expected: tuple[int | None, ...]) -> None:
    assert server_timing(header) == tuple(raw.MISSING if part is None else part for part in expected)


def test_durations_longer_than_the_field_are_clamped(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    recorder.land(sent(recorder, sent_us=2**40), 2**41, 200, 2**40, None)
    recorder.abandon()
    assert rows(tmp_path)[0][1:3] == (raw.LONGEST_US, raw.LONGEST_US)
    assert rows(tmp_path)[0][7] == raw.LONGEST_US


def test_the_books_balance_over_all_four_fates(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    recorder.land(sent(recorder), 2000, 200, 1, None)
    recorder.land(sent(recorder), 2000, 500, 1, None)
    sent(recorder)
    recorder.plan()
    books = recorder.close(1, 2, waiting=[(4, 1234)])
    assert (books.planned, books.done, books.failed, books.unfinished) == (4, 1, 1, 2)
    assert books.balanced
    assert len(rows(tmp_path)) == 4
    assert raw.Books(**json.loads(raw.books_file(tmp_path, 7).read_text())) == books


def test_unfinished_requests_are_written_with_their_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtests.recorder.monotonic_us", lambda: 10_000)
    recorder = Recorder(Files(tmp_path, 7))
    sent(recorder, intended_us=1000, sent_us=4000)
    recorder.plan()
    recorder.close(1, 2, waiting=[(4, 3000)])
    in_the_air, never_sent = rows(tmp_path)
    assert (in_the_air[0], in_the_air[1], in_the_air[2], in_the_air[-1]) == (1000, 3000, 6000, raw.UNFINISHED)
    assert (never_sent[0], never_sent[2], never_sent[-1]) == (3000, 7000, raw.UNFINISHED | raw.NEVER_SENT)


def test_a_lost_request_shows_in_the_books(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    recorder.plan()
    assert not recorder.close(1, 2).balanced


def test_what_lands_after_the_close_is_not_counted_twice(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    flight = sent(recorder)
    recorder.close(1, 2)
    recorder.land(flight, 9000, 200, 1, None)
    recorder.plan()
    assert (recorder.planned, recorder.done, recorder.unfinished) == (1, 0, 1)


def test_an_abandoned_record_has_no_books(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    recorder.land(sent(recorder), 2000, 200, 1, None)
    recorder.abandon()
    assert len(rows(tmp_path)) == 1
    assert not raw.books_file(tmp_path, 7).exists()


def test_lateness_is_written_with_its_moment(tmp_path: Path) -> None:
    recorder = Recorder(Files(tmp_path, 7))
    recorder.lag(5000, 12)
    recorder.lag(6000, -3)
    recorder.abandon()
    assert list(raw.LAG.iter_unpack(raw.lag_file(tmp_path, 7).read_bytes())) == [(5000, 12), (6000, 0)]
