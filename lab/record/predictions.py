"""The file in which predictions of autovacuum are kept: a line of JSON each, oldest first.

Several commands may add to it at once, and any of them may die while it writes. So each adds under a lock, in one
write, after it has cut off what another left half-written. What is older than :data:`DAYS` goes; the file is made anew
for that once a day at most.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from lab.errors import RecordError
from lab.record.autovacuum import Prediction

DAYS = 30
_SLACK_DAYS = 1
_BEGIN = b'{"server"'  # of a line, as Prediction.as_json orders its keys


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file holds. *skipped* counts the lines that are no predictions, a half-written last one among them."""

    predictions: tuple[Prediction, ...] = ()
    skipped: int = 0


def keep(file: Path, predictions: Iterable[Prediction], now: datetime | None = None) -> None:
    """Add predictions to a file, and drop those that were made more than :data:`DAYS` before *now* (default: now).

    :raises RecordError: if the file cannot be written.
    """
    data = b"".join(json.dumps(one.as_json(), allow_nan=False).encode() + b"\n" for one in predictions)
    now = now or datetime.now(UTC)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file) as stream:
            _end_the_last_line(stream)
            if _begins_before(stream, now - timedelta(days=DAYS + _SLACK_DAYS)):
                _made_anew(file, stream, now - timedelta(days=DAYS), data)
            else:
                _added(stream, data)
    except OSError as error:
        raise RecordError(f"{file} cannot be written ({error.strerror}); name another with --file") from None


def kept(file: Path) -> Kept:
    """Return what a file holds; nothing if it is not there.

    :raises RecordError: if the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            lines = [(line, _read(line)) for line in stream]
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        raise RecordError(f"{file} cannot be read ({error.strerror}); name another with --file") from None
    found = tuple(one for _, one in lines if one is not None)
    return Kept(found, sum(one is None and bool(line.strip()) for line, one in lines))


def _read(line: bytes) -> Prediction | None:
    """Read one line; None if it is no prediction, or has a time without its zone."""
    try:
        one = Prediction.from_json(json.loads(line))
        return one if one.made_at.tzinfo else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


@contextmanager
def _alone(file: Path) -> Iterator[BinaryIO]:
    """Lend the file, locked. Another may have put a new one in its place while this one waited for the lock."""
    while True:
        with file.open("a+b", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if file.exists() and os.path.samestat(os.fstat(stream.fileno()), file.stat()):
                yield stream
                return


def _end_the_last_line(stream: BinaryIO) -> None:
    """Cut off a half-written last line; one that lacks nothing but its end, or is not from here, is ended."""
    start = _last_line(stream)
    stream.seek(start)
    tail = stream.read()
    if not tail:
        return
    if _read(tail) is None and (tail.startswith(_BEGIN) or _BEGIN.startswith(tail) or not tail.strip(b"\0")):
        stream.truncate(start)
    else:
        _added(stream, b"\n")


def _last_line(stream: BinaryIO) -> int:
    """Return where the last line begins; the end of the file if that line is whole."""
    at = stream.seek(0, os.SEEK_END)
    while at > 0:
        size = min(at, 65_536)
        stream.seek(at - size)
        found = stream.read(size).rfind(b"\n")
        if found >= 0:
            return at - size + found + 1
        at -= size
    return 0


def _begins_before(stream: BinaryIO, oldest: datetime) -> bool:
    stream.seek(0)
    first = next((one for line in stream if (one := _read(line)) is not None), None)
    return first is not None and first.made_at < oldest


def _made_anew(file: Path, stream: BinaryIO, oldest: datetime, data: bytes) -> None:
    """Put a file in its place that lacks what is older than *oldest*, and has *data* at its end."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    stream.seek(0)
    try:
        with new.open("wb") as out:
            out.writelines(line for line in stream if (one := _read(line)) is None or one.made_at >= oldest)
            out.write(data)
        new.chmod(os.fstat(stream.fileno()).st_mode & 0o777)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _added(stream: BinaryIO, data: bytes) -> None:
    """Write all of *data* at the end, or nothing of it."""
    before = stream.seek(0, os.SEEK_END)
    try:
        written = stream.write(data)
        if written != len(data):  # the disk is full
            written += stream.write(data[written:])
    except OSError:
        stream.truncate(before)
        raise
