"""Sums and a histogram for each statement: what is kept of a log, however long it is.

The histogram's buckets grow by 1 % each, so a percentile read from it is within half a per cent of the true one, from
1 us to over two hours; calls, total, mean and the longest are exact.
"""

import math

import numpy as np
import numpy.typing as npt

RELATIVE_ERROR_PCT = 100 * (math.sqrt(1.01) - 1)

_BUCKETS = 2400
_PER_LOG = 1 / math.log(1.01)


class Sums:
    """Calls and durations by group; groups are numbers from 0 on."""

    def __init__(self) -> None:
        self.calls = np.zeros(0, np.int64)
        self.timed = np.zeros(0, np.int64)
        self.total_ms = np.zeros(0, np.float64)
        self.min_ms = np.zeros(0, np.float64)
        self.max_ms = np.zeros(0, np.float64)
        self._cells: dict[int, int] = {}

    def add(self, group: npt.NDArray[np.int64], ms: npt.NDArray[np.float64], groups: int) -> None:
        """Count executions.

        :param group: the group of each.
        :param ms: the duration of each, ``nan`` if it is not known.
        :param groups: how many groups there are by now.
        """
        self._grow(groups)
        self.calls += np.bincount(group, minlength=groups)
        known = ~np.isnan(ms)
        if not known.all():
            group, ms = group[known], ms[known]
        self.timed += np.bincount(group, minlength=groups)
        self.total_ms += np.bincount(group, weights=ms, minlength=groups)
        np.minimum.at(self.min_ms, group, ms)
        np.maximum.at(self.max_ms, group, ms)
        cells, counts = np.unique(group * _BUCKETS + _bucket(ms), return_counts=True)
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            self._cells[cell] = self._cells.get(cell, 0) + count

    def percentile_ms(self, share: float) -> npt.NDArray[np.float64]:
        """Return each group's percentile (nearest rank), ``nan`` where no duration is known."""
        found = np.full(len(self.calls), np.nan)
        seen = np.zeros(len(self.calls), np.int64)
        rank = np.ceil(share * self.timed)
        for cell in sorted(self._cells):
            group, bucket = divmod(cell, _BUCKETS)
            seen[group] += self._cells[cell]
            if np.isnan(found[group]) and seen[group] >= rank[group]:
                middle = 1.01 ** (bucket + 0.5) / 1000
                found[group] = min(max(middle, self.min_ms[group]), self.max_ms[group])
        return found

    def _grow(self, groups: int) -> None:
        more = groups - len(self.calls)
        if more > 0:
            self.calls, self.timed = (np.pad(one, (0, more)) for one in (self.calls, self.timed))
            self.total_ms, self.max_ms = (np.pad(one, (0, more)) for one in (self.total_ms, self.max_ms))
            self.min_ms = np.pad(self.min_ms, (0, more), constant_values=np.inf)


def _bucket(ms: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    found = (np.log(np.maximum(ms * 1000, 1.0)) * _PER_LOG).astype(np.int64)
    return np.minimum(found, _BUCKETS - 1)
