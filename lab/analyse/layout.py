"""How many bytes a row takes in a page: header, padding between columns, and padding at its end.

A row begins with 23 bytes of header and, if any value in it is null, one bit for each column; what follows starts at a
multiple of 8. Each column starts at a multiple of its type's alignment, except values of varying length that are short
enough for a header of one byte (127 bytes with it). A row ends at a multiple of 8, and has a pointer of 4 bytes at the
page's start. So ``bool, bigint`` takes 16 bytes and ``bigint, bool`` takes 9: arithmetic that adds up the columns'
widths misses the difference, and calls it bloat.

Where a value's length varies, the place of what follows varies too: the sizes here are means over what ANALYZE kept of
the values' lengths, and over all eight places where nothing is known of them.

Source: PostgreSQL's ``heaptuple.c`` (heap_compute_data_size), ``itup.h``, ``varatt.h``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.record.bloat import Column

WORD = 8  # MAXALIGN on every 64-bit machine
POINTER_BYTES = 4  # ItemIdData
PAGE_HEADER_BYTES = 24
ROW_HEADER_BYTES = 23
SHORT_BYTES = 127  # the longest value whose header is one byte
MOST_ROWS_OF_A_PAGE = 291  # MaxHeapTuplesPerPage at 8 kB


@dataclass(frozen=True, slots=True)
class Size:
    """A row's mean size: *bytes* as pgstattuple counts it, *aligned* as it lies in the page without its pointer."""

    bytes: float
    aligned: float
    varies: bool


def aligned(size_bytes: int, to: int = WORD) -> int:
    """Return the next multiple of *to*.

    >>> aligned(33), aligned(32), aligned(5, 4)
    (40, 32, 8)
    """
    return -(-size_bytes // to) * to


def row_size(columns: Sequence[Column], header_bytes: int = ROW_HEADER_BYTES, padded: bool = True) -> Size | None:
    """Return the mean size of a row as a rewrite would store it; None if a column's width is not known.

    A dropped column takes no room in a new row, but its bit.

    :param padded: with the padding between columns; without it, it is what the usual estimates compute.

    >>> flag, number = Column(1, "a", 1, 1, null_share=0.0, width=1), Column(2, "b", 8, 8, null_share=0.0, width=8)
    >>> row_size([flag, number]), row_size([number, flag])
    (Size(bytes=40.0, aligned=40.0, varies=False), Size(bytes=33.0, aligned=40.0, varies=False))
    """
    if any(column.null_share is None or column.width is None for column in columns if not column.dropped):
        return None
    plain, with_nulls = aligned(header_bytes), aligned(header_bytes + -(-len(columns) // 8))
    place = _Place(*_header(columns, plain, with_nulls))
    for column in columns:
        if not column.dropped:
            place = place.after(column, padded)
    return Size(place.bytes, place.bytes + place.padding(WORD), place.varies)


def index_row_size(columns: Sequence[Column], padded: bool = True) -> Size | None:
    """Return the mean size of an index entry: 8 bytes of header, 16 if a value is null, then the columns."""
    if any(column.null_share is None or column.width is None for column in columns):
        return None
    place = _Place(*_header(columns, 8, 16))
    for column in columns:
        place = place.after(column, padded)
    return Size(place.bytes, place.bytes + place.padding(WORD), place.varies)


def _header(columns: Sequence[Column], plain: int, with_nulls: int) -> tuple[float, tuple[float, ...], bool]:
    """Return the header's mean bytes; both kinds of header end at a multiple of 8, so the place after it is certain."""
    none_null = 1.0
    for column in columns:
        none_null *= 0.0 if column.dropped else 1.0 - (column.null_share or 0.0)
    varies = plain != with_nulls and 0.0 < none_null < 1.0
    return none_null * plain + (1 - none_null) * with_nulls, (1.0, *[0.0] * (WORD - 1)), varies


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the next column may start: mean bytes so far, and the probability of each place within eight."""

    bytes: float
    places: tuple[float, ...]
    varies: bool

    def padding(self, to: int) -> float:
        """Return the mean bytes to the next multiple of *to*."""
        return sum(share * (-place % to) for place, share in enumerate(self.places))

    def after(self, column: Column, padded: bool) -> "_Place":
        """Return the place after a column, which is not there where it is null."""
        there = 1.0 - (column.null_share or 0.0)
        if column.length > 0:
            kinds: Sequence[tuple[int, float]] = ((column.length, 1.0),)
        else:
            kinds = column.lengths or _spread(column.width or 0)
        places, size = [0.0] * WORD, 0.0
        for length, share in kinds:
            for place, probability in enumerate(self.places):
                pad = -place % self._alignment(column, length) if padded else 0
                places[(place + pad + length) % WORD] += probability * share
                size += probability * share * pad
        mean = _mean(column, kinds)
        mixed = tuple(there * new + (1 - there) * old for new, old in zip(places, self.places, strict=True))
        varies = self.varies or 0.0 < there < 1.0 or len(kinds) > 1
        return _Place(self.bytes + there * (mean + size), mixed, varies)

    @staticmethod
    def _alignment(column: Column, length: int) -> int:
        return 1 if column.shortens and length <= SHORT_BYTES else column.align


def _spread(width: int) -> Sequence[tuple[int, float]]:
    """Return lengths for a column of whose lengths only the mean is known: all places are equally likely after it."""
    low = max(1, width - 3)
    return [(low + step, 1 / WORD) for step in range(WORD)]


def _mean(column: Column, kinds: Sequence[tuple[int, float]]) -> float:
    """Return the mean length: of the lengths that are known, but within what ANALYZE counted and cut to whole bytes."""
    if column.length > 0:
        return float(column.length)
    width = column.width or 0
    if not column.lengths:
        return width + 0.5
    return min(max(sum(length * share for length, share in kinds), width), width + 0.999)


def rows_of_a_page(size: Size, fillfactor: int = 100, block_bytes: int = 8192) -> float:
    """Return how many rows a fresh page takes before the next one is begun.

    Rows of one size leave the same rest in each page; of sizes that vary, half a row on average.

    >>> rows_of_a_page(Size(36.0, 40.0, False)), rows_of_a_page(Size(36.0, 40.0, False), 70)
    (185.0, 129.0)
    """
    room = block_bytes - PAGE_HEADER_BYTES - reserve_of_a_page(fillfactor, block_bytes)
    each = size.aligned + POINTER_BYTES
    whole = room // each if not size.varies else (room - each / 2) / each
    return min(max(float(whole), 1.0), float(MOST_ROWS_OF_A_PAGE * block_bytes // 8192))


def reserve_of_a_page(fillfactor: int, block_bytes: int = 8192) -> int:
    """Return the bytes of each page that the fillfactor keeps free for updates."""
    return block_bytes * (100 - fillfactor) // 100
