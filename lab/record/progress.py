"""How many requests were answered so far, read from the raw files of a run while it goes on.

Each call reads what was added since the last one, so following a long run costs no more than a short one.
"""

from pathlib import Path
from typing import Any

import numpy as np

from lab.record import raw

BIN_S = 0.25
_DTYPE = np.dtype(list(raw.REQUEST_FIELDS))
_LOST = raw.FAILED | raw.UNFINISHED | raw.NEVER_SENT


class Answered:
    """Answers per second of a run in progress, in bins of a quarter second since *started_us*."""

    def __init__(self, folder: Path, started_us: int) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._started_us = started_us
        self._read_bytes: dict[Path, int] = {}
        self._counts = np.zeros(0, np.int64)

    def so_far(self) -> list[tuple[float, float]]:
        """Return (seconds since the start, answers per second); the bin that is still filling is left out."""
        for file in self._folder.glob("requests-*.bin"):
            self._add(self._new(file))
        return [((index + 0.5) * BIN_S, float(count) / BIN_S) for index, count in enumerate(self._counts[:-1])]

    def _new(self, file: Path) -> np.ndarray[Any, Any]:
        begin = self._read_bytes.get(file, 0)
        with file.open("rb") as stream:
            stream.seek(begin)
            data = stream.read()
        whole = len(data) - len(data) % _DTYPE.itemsize
        self._read_bytes[file] = begin + whole
        return np.frombuffer(data[:whole], dtype=_DTYPE)

    def _add(self, rows: np.ndarray[Any, Any]) -> None:
        rows = rows[(rows["flags"] & _LOST) == 0]
        done_us = rows["intended_us"] + rows["sent_after_us"].astype(np.int64) + rows["done_after_us"]
        bins = np.maximum((done_us - self._started_us) / (BIN_S * 1e6), 0).astype(int)
        counts = np.bincount(bins, minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
