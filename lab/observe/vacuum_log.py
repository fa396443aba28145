"""The messages about autovacuum in a server's log: csvlog, jsonlog, or stderr with any prefix.

Read while the server writes: a last entry that is not whole is left for the next time. What is no entry of a log is
passed over, and bytes that are no text are replaced.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from lab.errors import ObserverError
from lab.record.log_message import LogMessage

_ABOUT = re.compile(r"automatic (?:aggressive )?(?:vacuum|analyze)\b")
_SAID = re.compile(rf":\s+(?P<said>{_ABOUT.pattern}.*)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?(?P<zone>[A-Za-z]+|[+-]\d\d(?::?\d\d)?))?")
_EPOCH = re.compile(r"\b(\d{10}\.\d{3})\b")
_PID = re.compile(r"\[(\d+)(?:-\d+)?\]")
_CSV_COLUMNS, _CSV_TIME, _CSV_PID, _CSV_MESSAGE = 23, 0, 3, 13
_LONGEST_FIELD_BYTES = 2**30  # a statement may be long; the csv module would give up at 128 kB


def messages(file: Path) -> Iterator[LogMessage]:
    """Give what a log file says about autovacuum; ``.csv`` and ``.json`` are read as such, all else as stderr.

    :raises ObserverError: if the file cannot be read.
    """
    try:
        with file.open(encoding="utf-8", errors="replace", newline="") as stream:
            read = {".csv": of_csv, ".json": of_json}.get(file.suffix, of_stderr)
            yield from read(stream)
    except OSError as error:
        raise ObserverError(f"the log {file} cannot be read: {error.strerror}") from None


def of_csv(lines: Iterable[str]) -> Iterator[LogMessage]:
    """Give what is about autovacuum in a csvlog of any version (23 columns or more)."""
    csv.field_size_limit(_LONGEST_FIELD_BYTES)
    try:
        for row in csv.reader(lines):
            if len(row) >= _CSV_COLUMNS and _ABOUT.match(row[_CSV_MESSAGE]):
                pid = row[_CSV_PID]
                yield LogMessage(row[_CSV_MESSAGE], moment(row[_CSV_TIME]), int(pid) if pid.isdecimal() else None)
    except csv.Error:  # the last entry, half-written
        return


def of_json(lines: Iterable[str]) -> Iterator[LogMessage]:
    """Give what is about autovacuum in a jsonlog."""
    for line in lines:
        try:
            entry = json.loads(line)
            text = entry["message"]
            if _ABOUT.match(text):
                pid = entry.get("pid")
                yield LogMessage(text, moment(str(entry.get("timestamp", ""))), pid if isinstance(pid, int) else None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue


def of_stderr(lines: Iterable[str]) -> Iterator[LogMessage]:
    """Give what is about autovacuum in a log written to stderr: an entry's further lines begin with a tab."""
    begun: tuple[str, list[str]] | None = None
    for line in lines:
        if begun and line.startswith("\t"):
            if line.endswith("\n"):
                begun[1].append(line.strip("\t\r\n"))
            continue
        if begun:
            yield _message(*begun)
        said = _SAID.search(line) if line.endswith("\n") else None
        begun = (line[: said.start()], [said["said"].rstrip("\r\n")]) if said else None
    if begun:
        yield _message(*begun)


def _message(prefix: str, said: list[str]) -> LogMessage:
    pid = _PID.search(prefix)
    return LogMessage("\n".join(said), moment(prefix), int(pid[1]) if pid else None)


def moment(text: str) -> datetime | None:
    """Find a time in a prefix; None if there is none, or in a zone whose offset only the server knows.

    >>> moment("2026-11-23 00:51:28.040 UTC [28862]").isoformat(), moment("2026-11-23 00:51:28 CET")
    ('2026-11-23T00:51:28.040000+00:00', None)
    """
    epoch = _EPOCH.search(text)
    found = _TIME.search(text)
    if found is None:
        return datetime.fromtimestamp(float(epoch[1]), UTC) if epoch else None
    zone, bare = found["zone"], found[0]
    try:
        if zone in ("UTC", "GMT", "Z"):
            return datetime.fromisoformat(bare[: found.start("zone") - found.start()].strip()).replace(tzinfo=UTC)
        whole = datetime.fromisoformat(bare.replace(" ", "T", 1).replace(" ", ""))
        return whole if whole.tzinfo else None
    except ValueError:
        return None
