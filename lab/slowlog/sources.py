"""Files of a log: opened whatever they are packed in, recognised by what is in them, in the order of time."""

import io
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from lab.errors import LogError, UsageError

CHUNK_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 64 * 1024
STDIN = "-"
CSV, JSON, STDERR = "csv", "json", "stderr"

_MARK = b"\xef\xbb\xbf"  # which some editors and shells put before UTF-8
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# the second field is the user, quoted or missing
_CSV_LINE = re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\"\n]{1,40},(?:\"|,)", re.MULTILINE)
_JSON_LINE = re.compile(rb'^\s*\{"timestamp":', re.MULTILINE)
_FORM_NAME = re.compile(r"\.(?:csv|json|log)(?=(?:[.-]\d+)?$)")  # logrotate puts a number after it
_COUNTED = re.compile(rb"duration: |statement: |automatic ")
_COUNTED_BYTES = 16  # as long as one of them at the most
_TIME = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?")


@dataclass(slots=True)
class Source:
    """One file (or standard input, named ``-``), and its first bytes, unpacked."""

    name: str
    head: bytes
    broken: bool = False  # it ends in the middle of its packing
    _rest: Any = field(default=None, repr=False)

    @property
    def form(self) -> str:
        """What is in it: ``csv``, ``json`` or ``stderr``."""
        if _CSV_LINE.search(self.head):
            return CSV
        return JSON if _JSON_LINE.search(self.head) else STDERR

    @property
    def begins(self) -> bytes:
        """The first time in it, as text that sorts; empty if there is none."""
        found = _TIME.search(self.head)
        return found.group().replace(b"T", b" ") if found else b""

    def chunks(self) -> Iterator[bytes]:
        """Yield what is in it, a few MB at a time."""
        if self._rest is None:
            yield from self._unpacked(_opened(self.name))
            return
        yield self.head
        yield from self._rest

    def _unpacked(self, stream: BinaryIO) -> Iterator[bytes]:
        with stream:
            try:
                yield from _unmarked(_unpack(stream))
            except (OSError, zlib.error, EOFError, pa.ArrowException):
                self.broken = True


def find(files: Sequence[str | Path]) -> list[Source]:
    """Open every file, and return them in the order of the first time in each.

    :param files: paths, or ``-`` for standard input.
    :raises LogError: if a file cannot be read.
    :raises UsageError: if a file is named twice, by whichever path, or two are the same log in two forms: all of it
        would count twice.
    """
    sources = [_source(str(file)) for file in files]
    _check_once(sources)
    return sorted(sources, key=lambda source: (source.begins, source.name))


def _check_once(sources: Sequence[Source]) -> None:
    """Refuse one file by two paths, and two forms of one log.

    A server with ``stderr,csvlog`` in log_destination writes each entry to ``lab.log`` and ``lab.csv``. With ``csvlog``
    alone it writes ``lab.log`` too, though nothing but that the log is elsewhere.
    """
    seen: dict[object, Source] = {}
    for source in sources:
        other = seen.setdefault(_identity(source), source)
        if other is source:
            other = seen.setdefault(_stem(source), source)
            if other is source or (STDERR in (other.form, source.form) and not (_counts(other) and _counts(source))):
                continue
        raise UsageError(f"{other.name} and {source.name} are one log, which would count twice; name one of them")


def _identity(source: Source) -> object:
    """Return what all paths to one file have in common."""
    if source.name == STDIN:
        return STDIN
    try:
        about = Path(source.name).stat()
    except OSError:  # gone since it was opened
        return source.name
    return about.st_dev, about.st_ino


def _stem(source: Source) -> str:
    """Return the path that one log has in each of its forms."""
    return _FORM_NAME.sub("", os.path.realpath(source.name).removesuffix(".gz").removesuffix(".zst"))


def _counts(source: Source) -> bool:
    """Tell whether anything in a file is counted; standard input is not read for that."""
    if source.name == STDIN or _COUNTED.search(source.head):
        return True
    before = b""
    for chunk in source.chunks():
        if _COUNTED.search(before + chunk):
            return True
        before = chunk[-_COUNTED_BYTES:]
    return False


def _source(name: str) -> Source:
    source = Source(name, b"")
    parts = source._unpacked(_opened(name))
    first = next(parts, b"")
    while len(first) < HEAD_BYTES and (more := next(parts, b"")):
        first += more
    if name == STDIN:
        source.head, source._rest = first, parts
    else:
        source.head = first[:HEAD_BYTES]
        parts.close()  # type: ignore[attr-defined]
    source.broken = False
    return source


def _opened(name: str) -> BinaryIO:
    if name == STDIN:
        return sys.stdin.buffer
    try:
        return open(name, "rb", buffering=0)
    except OSError as error:
        raise LogError(
            f"{name} cannot be read ({error.strerror}); name a log file that this account may read"
        ) from None


def _unmarked(parts: Iterator[bytes]) -> Iterator[bytes]:
    yield next(parts, b"").removeprefix(_MARK)
    yield from parts


def _unpack(stream: BinaryIO) -> Iterator[bytes]:
    first = stream.read(CHUNK_BYTES)
    if first.startswith(_GZIP):
        return _gunzip(_chunks(stream, first))
    if first.startswith(_ZSTD):
        return _unzstd(_chunks(stream, first))
    return _chunks(stream, first)


def _chunks(stream: BinaryIO, first: bytes) -> Iterator[bytes]:
    while first:
        yield first
        first = stream.read(CHUNK_BYTES)


def _gunzip(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip, of several members too."""
    unpacker, begun = zlib.decompressobj(wbits=31), False
    for part in parts:
        while part:
            begun = True
            out = unpacker.decompress(part, CHUNK_BYTES)
            part = unpacker.unconsumed_tail
            if unpacker.eof:
                part, unpacker, begun = unpacker.unused_data, zlib.decompressobj(wbits=31), False
            if out:
                yield out
    if begun:
        raise EOFError


def _unzstd(parts: Iterator[bytes]) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.PythonFile(_Joined(parts), mode="r"), "zstd") as unpacked:
        while data := unpacked.read(CHUNK_BYTES):
            yield data


class _Joined(io.RawIOBase):
    """Parts of a file as a file, since what was read to recognise it cannot always be read again."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._left = parts, b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most *size* bytes; none at the end."""
        self._left = self._left or next(self._parts, b"")
        size = len(self._left) if size < 0 else size
        data, self._left = self._left[:size], self._left[size:]
        return data
