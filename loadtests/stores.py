"""Where a load process's records go: into files of the run's folder, or to the process that leads several.

Both take the same parts, and the leader writes what it receives through the same files. So a run is merged from raw
records, whichever way they came.
"""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lab.record import histogram, raw
from lab.record.files import write_atomically


class Part(NamedTuple):
    """What gathered since the last flush, and the account so far."""

    rows: bytes  # of raw.REQUEST
    lags: bytes  # of raw.LAG
    cells: bytes  # of histogram.CELL
    counts: tuple[int, int, int, int]  # planned, done, failed, unfinished: since the start
    open_rows: bytes  # of raw.REQUEST: what is in the air or waits, as it would be written now


class Store(Protocol):
    """Takes parts, then the books."""

    process: int
    name: str
    wants_open: bool  # whether what is in the air is to be told: nobody else knows it if the process is lost

    def add(self, part: Part) -> None:
        """Keep one part."""

    def finish(self, books: raw.Books) -> None:
        """Keep the books: everything has been added."""

    def close(self) -> None:
        """Take no more parts."""


def name_here() -> str:
    """Return what this process is called: its machine or container, and its pid."""
    return f"{socket.gethostname()}/{os.getpid()}"


class Files:
    """The files of one load process in the run's folder."""

    wants_open = False

    def __init__(self, folder: Path, process: int | None = None, name: str = "") -> None:
        self.process = os.getpid() if process is None else process
        self.name = name or name_here()
        self._folder = folder
        # requests and lag are there also if they stay empty: a process that left no books is found by them
        self._rows = raw.requests_file(folder, self.process).open("ab", buffering=0)
        self._lags = raw.lag_file(folder, self.process).open("ab", buffering=0)
        self._cells: histogram.Tally | None = None

    def add(self, part: Part) -> None:
        """Append one part; one call to the system for each file that grows."""
        _write_all(self._rows.fileno(), part.rows)
        _write_all(self._lags.fileno(), part.lags)
        if part.cells:
            # added up here, and written once: a slice is shipped many times while it fills
            self._cells = self._cells or histogram.Tally()
            self._cells.add_packed(part.cells)

    def finish(self, books: raw.Books) -> None:
        """Write the histogram, if there is one, then the books, by renaming."""
        if self._cells:
            raw.histogram_file(self._folder, self.process).write_bytes(self._cells.pack())
        write_atomically(raw.books_file(self._folder, self.process), json.dumps(books.as_dict()))

    def close(self) -> None:
        """Close the files."""
        self._rows.close()
        self._lags.close()


class Channel:
    """The way to the process that leads this one: Locust's own messages."""

    wants_open = True

    def __init__(self, send: Callable[[str, dict[str, Any]], None]) -> None:
        self.process = 0  # the leader numbers those that it leads
        self.name = name_here()
        self._send = send

    def add(self, part: Part) -> None:
        """Send one part, also an empty one: it says that the process is alive."""
        self._send(PART, part._asdict())

    def finish(self, books: raw.Books) -> None:
        """Send the books."""
        self._send(BOOKS, books.as_dict())

    def close(self) -> None:
        """Nothing is held."""


PART, BOOKS = "lab_part", "lab_books"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
