"""Requests counted by how long they took, where there are too many to keep each one.

A histogram's buckets grow by 1 % each, so a value read from it is within half a per cent of the true one, from 1 us to
over an hour, and histograms of any number of processes merge by adding their counts. Time is kept in slices, counted
from the start of the load, so that warm-up can still be cut away: of a quarter second, or longer, so that no load has
more than 400 of them.

A process ships its counts as cells of 20 bytes. Their number depends on how many different buckets were met, not on how
many requests there were: some hundred for each slice and route.
"""

import math
import struct

SHORTEST_US = 250_000
MOST_SLICES = 400  # more than the bins in which a transient is looked for
GROWTH = 1.01
MOST = 2300  # buckets: 1.01**2300 us is over two hours
RELATIVE_ERROR = math.sqrt(GROWTH) - 1  # of a bucket's middle, at most: 0.5 %

# slice, route, kind, bucket, count, sum of the exact values (us)
CELL = struct.Struct("<IBBHIQ")
CELL_FIELDS: tuple[tuple[str, str], ...] = (
    ("slice", "<u4"),
    ("route", "u1"),
    ("kind", "u1"),
    ("bucket", "<u2"),
    ("count", "<u4"),
    ("sum_us", "<u8"),
)
# what is counted: of successes from the intended start, of successes from the send, both by the slice of the intended
# start; when they were answered; failures and what was left unfinished, from the intended start
LATENCY, SERVICE, ANSWERED, FAILED, UNFINISHED = range(5)
KINDS = ("latency", "service", "answered", "failed", "unfinished")

_PER_LOG = 1 / math.log(GROWTH)
Key = tuple[int, int, int, int]  # slice, route, kind, bucket


def slice_us(total_s: float) -> int:
    """Return the length of a load's slices, a multiple of a quarter second.

    >>> slice_us(5), slice_us(100), slice_us(50_000)
    (250000, 250000, 125000000)
    """
    return max(1, math.ceil(total_s * 1e6 / MOST_SLICES / SHORTEST_US)) * SHORTEST_US


def bucket(value_us: int) -> int:
    """Return the bucket of a duration.

    >>> bucket(0), bucket(1), bucket(1000)
    (0, 0, 694)
    """
    return min(MOST - 1, int(math.log(value_us) * _PER_LOG)) if value_us > 1 else 0


def middle_us(number: int) -> float:
    """Return the value for which a bucket stands, us.

    >>> abs(middle_us(bucket(123_456)) / 123_456 - 1) <= RELATIVE_ERROR
    True
    """
    return float(GROWTH ** (number + 0.5))


class Tally:
    """The counts of one process since it last packed them."""

    def __init__(self, start_us: int = 0, length_us: int = SHORTEST_US) -> None:
        """Count slices of *length_us* from *start_us* on, of the process's own clock."""
        self.start_us = start_us
        self._length_us = length_us
        self._cells: dict[Key, list[int]] = {}

    def add_packed(self, cells: bytes) -> None:
        """Add what another tally packed."""
        for *key, count, total in CELL.iter_unpack(cells):
            cell = self._cells.setdefault((key[0], key[1], key[2], key[3]), [0, 0])
            cell[0] += count
            cell[1] += total

    def success(self, route: int, intended_us: int, sent_us: int, done_us: int) -> None:
        """Count a request that succeeded."""
        self._add(intended_us, route, LATENCY, done_us - intended_us)
        self._add(intended_us, route, SERVICE, done_us - sent_us)
        self._add(done_us, route, ANSWERED, 0)

    def loss(self, route: int, kind: int, intended_us: int, age_us: int) -> None:
        """Count a request that failed or was left unfinished."""
        self._add(intended_us, route, kind, age_us)

    def pack(self) -> bytes:
        """Return what was counted as cells, and begin anew."""
        cells, self._cells = self._cells, {}
        return b"".join(CELL.pack(*key, count, total) for key, (count, total) in cells.items())

    def _add(self, moment_us: int, route: int, kind: int, value_us: int) -> None:
        value_us = max(0, value_us)
        key = (max(0, moment_us - self.start_us) // self._length_us, route, kind, bucket(value_us))
        cell = self._cells.setdefault(key, [0, 0])
        cell[0] += 1
        cell[1] += value_us
