"""Why PostgreSQL did not start, in one line: read from its log, with what to do about it where that is known."""

import csv
from pathlib import Path

from lab import process
from lab.server import account as accounts

# messages of PostgreSQL, in the C locale, and what to do about them
_ADVICE = (
    ("No space left on device", "free some space, or set LAB_HOME to a folder on another disk"),
    ("could not create shared memory", "allow more shared memory (in a container: --shm-size=256m)"),
    ("could not map anonymous shared memory", "free some memory, or lower shared_buffers in lab/server/lab.conf"),
    ("could not resize shared memory", "allow more shared memory (in a container: --shm-size=256m)"),
    ("Permission denied", "check who owns the files in LAB_HOME"),
    ("Address already in use", "set LAB_PORT to another port, or to 0 for any"),
    ("incompatible with server", "run `lab reset --fresh`, or set LAB_PG_BIN to programs of that version"),
)


def of_server(data: Path, log: Path, offset: int, since: float) -> str:
    """Return why the server ended: from its own log if that had begun, else from its output."""
    output = read_from(log, offset)
    if "Future log output" in output:
        # the process that writes the log ends a little later than the server
        process.wait_until(lambda: bool(_error_in_log(data, since)), 2.0)
    return _error_in_log(data, since) or in_output(output)


def _error_in_log(data: Path, since: float) -> str:
    newest = [file for file in (data / "log").glob("*.csv") if file.stat().st_mtime >= since - 1]
    return next(filter(None, (_error_in_csv(file) for file in sorted(newest, reverse=True))), "")


def advised(message: str) -> str:
    """Add what to do, where it is known.

    >>> advised("initdb failed: No space left on device").endswith("on another disk")
    True
    """
    for key, advice in _ADVICE:
        if key in message:
            return f"{message}; {advice}"
    return message


def known_cause(output: str) -> str:
    """Return the first line of a program's output that names a cause with a known cure; empty if none does."""
    return in_output(output) if any(key in output for key, _ in _ADVICE) else ""


def _error_in_csv(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace", newline="") as stream:
        texts = [(row[11], " ".join(filter(None, row[13:15]))) for row in csv.reader(stream) if len(row) > 15]
    fatal = [text for severity, text in texts if severity in ("FATAL", "PANIC")]
    causes = [text for _, text in texts if any(key in text for key, _ in _ADVICE)]
    return " ".join((causes or fatal)[0].split()) if fatal else ""


def in_output(text: str) -> str:
    """Return the telling line of a program's output.

    >>> in_output("LOG:  starting\\nFATAL:  could not create lock file\\nLOG:  shut down\\n")
    'could not create lock file'
    """
    marks = ("PANIC:", "FATAL:", "ERROR:", "error:", "LOG:")
    lines = [line for line in text.splitlines() if any(mark in line for mark in marks[:4])]
    causes = [line for line in text.splitlines() if any(key in line for key, _ in _ADVICE)]
    if "contains errors" in text:
        # the file's errors stand one by one above the line that ends the start
        causes += [line for line in text.splitlines() if "LOG:" in line]
    line = (causes or lines or [accounts.last_line(text)])[0]
    for mark in marks:
        line = line.split(mark, 1)[-1]
    return line.strip()


def size_bytes(file: Path) -> int:
    """Return how long the log is by now: what a program adds begins there."""
    return file.stat().st_size if file.exists() else 0


def read_from(file: Path, offset: int) -> str:
    """Return what was added to the log after *offset* bytes."""
    if not file.exists():
        return ""
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read().decode(errors="replace")
