"""csvlog: rows of CSV whose messages hold quotes, commas and newlines of their own.

A block is cut where a line begins as an entry does, and all quotes before it are closed. Then Arrow reads it as a
whole, and the block counts only if it has as many rows as lines that begin so. If not (a message holds such a line, or
something is broken), the block is read entry by entry, and what is no entry is counted as skipped.
"""

import csv
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.csv as arrow_csv

from lab.slowlog.block import MOST_BYTES, STUB_BYTES, Entries, Row, clean, from_rows
from lab.slowlog.prefix import MAIN

COLUMNS = (23, 24, 26)  # PostgreSQL 9.0 to 12, 13, 14 and later
SEVERITIES = frozenset(["DEBUG", *MAIN])

_TIME, _SESSION, _SEVERITY, _MESSAGE, _DETAIL = 0, 5, 11, 13, 14
_BEGIN_BYTES = 80  # which tell that a line begins an entry
_TRIES = 64
_BEGIN = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\"\n]{1,40},"
_LINE = re.compile(rb"^" + _BEGIN, re.MULTILINE)
_AT = re.compile(_BEGIN)
_NEXT = re.compile(rb"\n" + _BEGIN)
_ANYWHERE = re.compile(_BEGIN + rb"(?:\"|,)")
_CENTURY = b"\n20"

csv.field_size_limit(2**31 - 1)


def blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a file into blocks that begin with an entry and end with one, the last one as it is.

    Of an entry longer than 16 MB, or as much that is no entry, only the beginning is left.
    """
    data, skipping = b"", False
    for chunk in chunks:
        data += chunk
        if skipping:
            data, skipping = _skipped(data)
        cut = 0 if skipping else _boundary(data)
        if cut:
            yield data[:cut]
            data = data[cut:]
        elif len(data) > MOST_BYTES:
            yield _stub(data)
            data, skipping = data[-_BEGIN_BYTES:], True
    if data and not skipping:
        yield data


def _stub(data: bytes) -> bytes:
    """Return the first line of what is skipped, if an entry begins there, and a line that is none, to be counted."""
    return (data[:STUB_BYTES].split(b"\n")[0] + b"\n" if _AT.match(data) else b"") + b"(too long)\n"


def _skipped(data: bytes) -> tuple[bytes, bool]:
    """Return what is left from the first line on that begins as an entry does, and whether there is none yet."""
    at = _NEXT.search(data)
    return (data[at.start() + 1 :], False) if at else (data[-_BEGIN_BYTES:], True)


def _boundary(data: bytes) -> int:
    """Return where the last entry begins that has all quotes before it closed; 0 if there is none."""
    quotes, end, first = data.count(b'"'), len(data), 0
    for _ in range(_TRIES):
        at = _entry_before(data, end)
        if at == 0:
            break
        first = first or at
        quotes -= data.count(b'"', at, end)
        end = at
        if quotes % 2 == 0:
            return at
    return first if len(data) > MOST_BYTES else 0


def _entry_before(data: bytes, end: int) -> int:
    """Return where the last line begins that begins as an entry does, before *end*; 0 if there is none."""
    while (newline := data.rfind(_CENTURY, 0, end)) >= 0:
        if newline + 1 < end and _AT.match(data, newline + 1):
            return newline + 1
        end = newline
    return 0


def columns_of(head: bytes) -> int:
    """Return how many columns the rows of a file have, as its first entries say; 26 if none is whole."""
    for row in _rows(clean(head)):
        if len(row) in COLUMNS:
            return len(row)
    return COLUMNS[-1]


def parse(data: bytes, columns: int) -> Entries:
    """Return the entries of a block.

    :param columns: how many a row has; rows of other versions are read too, though slowly.
    """
    data = _unix(clean(data))
    return _whole(data, columns) or _one_by_one(data)


def _unix(data: bytes) -> bytes:
    """Undo what Windows makes of newlines: then each of them has a CR before it, those inside of messages too."""
    returns = data.count(b"\r\n")
    return data.replace(b"\r\n", b"\n") if returns and returns == data.count(b"\n") else data


def _whole(data: bytes, columns: int) -> Entries | None:
    """Read the block with Arrow; None if it is not as it should be."""
    if not _AT.match(data):
        return None
    odd: list[object] = []  # rows with another number of columns

    def leave_out(row: object) -> str:
        odd.append(row)
        return "skip"

    names = [str(number) for number in range(columns)]
    wanted = [names[place] for place in (_TIME, _SESSION, _SEVERITY, _MESSAGE, _DETAIL)]
    types = dict.fromkeys(wanted, pa.string()) | {names[_SEVERITY]: pa.dictionary(pa.int32(), pa.string())}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=leave_out),
            convert_options=arrow_csv.ConvertOptions(include_columns=wanted, column_types=types, check_utf8=False),
        )
    except pa.ArrowInvalid:
        return None
    if odd or not _as_many(table.num_rows, data):
        return None
    found = [pa.concat_arrays(table[name].chunks) for name in wanted]
    if not SEVERITIES.issuperset(found[2].dictionary.to_pylist()):
        return None
    return Entries(*found)


def _as_many(rows: int, data: bytes) -> bool:
    """Tell whether there are as many rows as lines that begin as an entry does: then no row has swallowed another."""
    return rows == data.count(_CENTURY) + 1 or rows == sum(1 for _ in _LINE.finditer(data))


def _one_by_one(data: bytes) -> Entries:
    rows: list[Row] = []
    skipped = 0
    pieces = _pieces(data)
    at = 0
    while at < len(pieces):
        taken, found, lost = _entry(pieces, at)
        rows += found
        skipped += lost
        at += taken
    return from_rows(rows, skipped)


def _pieces(data: bytes) -> list[bytes]:
    """Cut a block before each place where an entry may begin, in the middle of a line too."""
    starts = sorted({0, *(match.start() for match in _LINE.finditer(data)), *_glued(data)})
    ends = [*starts[1:], len(data)]
    return [piece for start, end in zip(starts, ends, strict=True) if (piece := data[start:end]).strip()]


def _glued(data: bytes) -> Iterator[int]:
    """Yield where an entry begins in the middle of a line, because what was before it was cut off."""
    return (match.start() for match in _ANYWHERE.finditer(data))


def _entry(pieces: list[bytes], at: int) -> tuple[int, list[Row], int]:
    """Return how many pieces belong together from *at* on, what entries are in them, and how many are lost."""
    text, quotes = b"", 0
    for taken, piece in enumerate(pieces[at : at + _TRIES], 1):
        text += piece
        quotes += piece.count(b'"')
        if quotes % 2 == 0:
            good, found = _good(text)
            if taken == 1 or (len(good), found) == (1, 1):
                return taken, good, found - len(good) or (not found)
    return 1, _good(pieces[at])[0], 1


def _good(text: bytes) -> tuple[list[Row], int]:
    """Return the rows that are entries, and how many rows there are."""
    good: list[Row] = []
    found = 0
    for row in _rows(text):
        found += 1
        good += [_row(row)] if _is_entry(row) else []
    return good, found


def _rows(text: bytes) -> Iterator[list[str]]:
    """Yield rows up to the first that is no CSV."""
    reader = csv.reader(text.decode(errors="replace").splitlines(keepends=True), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            yield []
            return
        if row is None:
            return
        if row:
            yield row


def _is_entry(row: list[str]) -> bool:
    return len(row) in COLUMNS and row[_SEVERITY] in SEVERITIES


def _row(row: list[str]) -> Row:
    return row[_TIME], row[_SESSION], row[_SEVERITY], row[_MESSAGE], row[_DETAIL]
