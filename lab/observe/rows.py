"""What the observer writes: rows by the hundred, kept in memory and appended twice a second; events as they happen.

Rows go to ``observer-PID.jsonl``, one JSON object per line. Events go to ``events.jsonl``: ``t_us`` (us, monotonic),
``source`` (``observer``), ``event`` (what happened) and ``detail``. Lines are appended whole; a reader must still
expect a last line that was cut short, because a process may be killed while it writes.
"""

import json
from pathlib import Path
from typing import Any

from lab.record import raw
from lab.units import monotonic_us

EVENTS = "events.jsonl"


class Rows:
    """The observer's rows on their way to disk."""

    def __init__(self, folder: Path, pid: int) -> None:
        """Open the files of the observer *pid* in *folder*.

        :raises OSError: if the folder is missing or not writable.
        """
        self._rows = raw.observer_file(folder, pid).open("ab")
        self._events = (folder / EVENTS).open("ab")
        self._waiting: list[str] = []

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Keep one row for the next flush."""
        self._waiting.append(json.dumps({"table": table, **row}, default=str))

    def flush(self) -> None:
        """Append what is waiting, in one write.

        :raises OSError: if the disk is full.
        """
        if self._waiting:
            # first out of our hands: a signal that interrupts the write must not have them written twice
            waiting, self._waiting = self._waiting, []
            self._rows.write(("\n".join(waiting) + "\n").encode())
            self._rows.flush()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._rows.close()
        self._events.close()

    def event(self, event: str, detail: str, t_us: int | None = None) -> None:
        """Append one event at once; *detail* is made one line. It happened at *t_us*, or now."""
        line = {
            "t_us": monotonic_us() if t_us is None else t_us,
            "source": "observer",
            "event": event,
            "detail": " ".join(detail.split()),
        }
        self._events.write((json.dumps(line) + "\n").encode())
        self._events.flush()
