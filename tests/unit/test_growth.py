"""What goes wrong while a table's course is sampled is told, and the connection does not stay open."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from lab.demonstrate import growth
from lab.errors import LabError
from lab.record.bloat import Sample

READER = SimpleNamespace(connection=SimpleNamespace(dsn="dbname=x"))


class Connection:
    """A connection that knows whether it was closed."""

    def __init__(self) -> None:
        self.autocommit = self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Connection:
    made = Connection()
    monkeypatch.setattr(growth.psycopg2, "connect", lambda *_, **__: made)
    return made


def look(monkeypatch: pytest.MonkeyPatch, answers: Iterator[Sample]) -> None:
    seen = SimpleNamespace(tables=[SimpleNamespace(oid=1)], sample=lambda *_: next(answers))
    monkeypatch.setattr(growth, "Look", lambda *_: seen)


def failing_look(*_: object) -> None:
    raise OSError("no such table")


def failing(after: int, failed: threading.Event) -> Iterator[Sample]:
    for _ in range(after):
        yield Sample(0.0, 8192, 0, 0, 0)
    failed.set()
    raise OSError("the server has gone")


def test_an_error_of_the_sampling_thread_is_raised_at_the_end(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    look(monkeypatch, failing(1, failed))
    with pytest.raises(LabError, match="the server has gone"), growth._sampled(READER):  # type: ignore[arg-type]
        assert failed.wait(60)
    assert connection.closed


@pytest.mark.parametrize("fails", ["look", "first sample"])
def test_the_connection_is_closed_if_nothing_can_be_looked_at(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr(growth, "Look", failing_look)
    if fails == "first sample":
        look(monkeypatch, failing(0, threading.Event()))
    with pytest.raises(OSError), growth._sampled(READER):  # type: ignore[arg-type]
        pass
    assert connection.closed
