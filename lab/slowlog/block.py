"""A block of a log's entries as columns, whatever form the log has."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

MOST_BYTES = 16 * 1024 * 1024  # of an entry; a longer one is skipped, and counted as that
STUB_BYTES = 4096  # of a skipped entry, which are left so that it is found to be broken
FIELDS = ("time", "session", "severity", "message", "detail")
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries in the order of the log: Arrow arrays of text, equally long; that of severities may be a dictionary.

    *session* is the session id, or the pid where there is none; empty where the log has neither. *skipped* counts the
    entries of the block that could not be read.
    """

    time: Any
    session: Any
    severity: Any
    message: Any
    detail: Any
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.message)


def from_rows(rows: Sequence[Row], skipped: int = 0) -> Entries:
    """Make a block of entries that were read one by one."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(FIELDS)
    time, session, severity, message, detail = (pa.array(column, pa.string()) for column in columns)
    return Entries(time, session, severity, message, detail, skipped)


def whole_lines(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut a file into whole lines, some MB of them at a time, and tell whether the last one was cut off for its length.

    The last line of the file comes as it is.
    """
    data, skipping = b"", False
    for chunk in chunks:
        if skipping:
            _, newline, chunk = chunk.partition(b"\n")
            skipping = not newline
        data += chunk
        cut = data.rfind(b"\n") + 1
        if cut:
            yield data[:cut], False
            data = data[cut:]
        if len(data) > MOST_BYTES:
            yield data[:STUB_BYTES] + b"\n", True
            data, skipping = b"", True
    if data:
        yield data, False


def clean(data: bytes) -> bytes:
    """Return *data* as valid UTF-8 without NUL: what is broken becomes U+FFFD, and a NUL a space."""
    if b"\0" in data:
        data = data.replace(b"\0", b" ")
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data
