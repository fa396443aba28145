"""A block of a log's entries as columns, whatever form the log has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

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
