"""A b-tree index's space: as full as its leaf pages are, and as large as a new one would be.

From PostgreSQL 13 on, entries of equal keys are merged: the key is kept once, with six bytes for each row. An estimate
that does not know it takes such an index to be several times as large as it is, and calls the difference negative
bloat. Here duplicates are merged as CREATE INDEX does it, where the index may do so at all: it is not unique, has no
INCLUDE columns, and its operator class calls keys equal only if their bytes are.

A new index has leaf pages of 90 % (its fillfactor). One whose keys came in random order settles at about 70 %: pages
that were split in halves. That is no defect that REINDEX would cure for long.

Source: PostgreSQL's ``nbtsort.c``, ``nbtdedup.c``, ``pgstatindex.c``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.analyse.layout import PAGE_HEADER_BYTES, POINTER_BYTES, WORD, aligned, index_row_size
from lab.record.bloat import ESTIMATE, EXACT, Column, Index, IndexSpace, LookedIndex, Reading, SeenIndex

SPECIAL_BYTES = 16  # at the end of each page
ROW_BYTES = 6  # of a row in a merged entry
_NULL_BYTES = 16.0  # of an entry whose only value is null
INNER_FILL = 0.7  # of pages above the leaves
DENSE = "denser than its fillfactor: merged entries fill a page better than single ones"
NO_WIDTHS = "never analyzed, or this role may not see its statistics: nothing to estimate from"
ONLY_BTREE = "neither pgstatindex nor the estimate knows this kind of index"
DEAD_UNKNOWN = "nobody has counted the table's dead rows: REINDEX gives back more if they have entries here"
PARTLY = "several columns: how many different keys they make together is a guess"
_LEAST_PAGES, _SMALL_PAGES = 2, 50  # the first page, and one leaf: less cannot be
_OVERSHOT = 10.0  # points by which a merged entry, a tenth of a page, may overshoot the fillfactor; a single one: 1
UNMERGED = "without merging of duplicates: too large wherever keys occur twice"


def spaces(seen: SeenIndex, rows: float | None, live: float | None = None, dead: float | None = 0.0) -> LookedIndex:
    """Return an index by every way that it was looked at.

    :param rows: how many are alive in its table, for the estimate.
    :param live: how many are alive by the best way that was gone; *dead*: how many dead ones may have entries.
    """
    found = {
        one.way: _unvacuumed(seen.index, one, _space(seen.index, one, rows), rows if live is None else live, dead)
        for one in seen.readings
    }
    return LookedIndex(seen.index, found, seen.missing)


def _space(index: Index, reading: Reading, rows: float | None) -> IndexSpace:
    space = exact(index, reading.row) if reading.way == EXACT else estimate(index, rows)
    few = _LEAST_PAGES < index.pages < _SMALL_PAGES and space.rebuild_pct is not None
    return replace(space, took_ms=reading.took_ms, notes=(*space.notes, *(_few_note(index) if few else ())))


def _unvacuumed(
    index: Index, reading: Reading, space: IndexSpace, live: float | None, dead: float | None
) -> IndexSpace:
    """Take back what pgstatindex cannot know: it counts the entries of dead rows as full, and REINDEX drops them.

    A dead row has an entry, or none: after a HOT update, or where a search has marked the entry and made room.
    """
    if reading.way != EXACT or space.rebuild_pct is None or dead == 0:
        return space
    if dead is None:
        return replace(space, notes=(*space.notes, DEAD_UNKNOWN))
    most = exact(index, {**reading.row, "avg_leaf_density": (space.density_pct or 0.0) * _alive(index, live, dead)})
    gain, least = most.rebuild_pct or 0.0, space.rebuild_pct
    if gain - least <= 1:
        return space
    note = (
        f"{dead:,.0f} dead rows are not vacuumed: pgstatindex counts their entries as full, and REINDEX drops them; "
        f"it gives back {least:.1f} % if they have none (HOT updates), and about {gain:.1f} % if each has one"
    )
    return replace(space, rebuilt_bytes=None, notes=(note,))


def _alive(index: Index, live: float | None, dead: float) -> float:
    """Return the share of entries whose rows are alive, if each dead row has one; all may be in a partial index."""
    if index.partial:
        return max(0.0, 1 - dead / index.counted_rows) if index.counted_rows > 0 else 0.0
    return (live or 0.0) / ((live or 0.0) + dead)


def _few_note(index: Index) -> tuple[str, ...]:
    return (f"{index.pages} pages in all: one page more or less decides on {100 / index.pages:.0f} points",)


def _entries(index: Index, rows: float | None) -> float | None:
    """Return how many entries a new index would have; those of a partial one only ANALYZE and VACUUM count."""
    if index.partial or rows is None:
        return index.counted_rows if index.counted_rows >= 0 else None
    return rows


def exact(index: Index, row: Any) -> IndexSpace:
    """Return what pgstatindex has read. A new index would have its entries in leaves of the index's fillfactor."""
    density = float(row["avg_leaf_density"]) if row["leaf_pages"] else 0.0
    density = 0.0 if density != density else density  # NaN of an index without entries
    leaves = float(row["leaf_pages"])
    fresh = max(1.0, leaves * density / index.fillfactor) if density else 1.0
    inner = float(row["internal_pages"]) * fresh / leaves if leaves else 0.0
    rebuilt, size = float(round(1 + fresh + inner) * index.block_bytes), float(row["index_size"])
    over = density - index.fillfactor
    grows = over > (_OVERSHOT if index.merges_duplicates else 1.0) and rebuilt > size
    if not grows:
        rebuilt = min(rebuilt, size)
    notes = (_larger(index, rebuilt),) if grows else (DENSE,) * (over > 1)
    return IndexSpace(
        EXACT, int(row["index_size"]), density, rebuilt, read_blocks=int(row["index_size"]) // index.block_bytes,
        notes=notes,
    )  # fmt: skip


def _larger(index: Index, rebuilt_bytes: float) -> str:
    more = 100 * (rebuilt_bytes / index.size_bytes - 1)
    return f"REINDEX makes it {more:.0f} % larger, for its fillfactor is {index.fillfactor}"


def estimate(index: Index, rows: float | None, *, merged: bool = True, padded: bool = True) -> IndexSpace:
    """Return what a new index on *rows* would take, from ANALYZE's widths and its count of different values.

    :param merged: with equal keys merged, where the index does so; without, as the usual estimates compute.
    """
    size = index_row_size(index.columns, padded=padded) if index.columns else None
    rows = _entries(index, rows)
    if index.method != "btree":
        return IndexSpace(ESTIMATE, index.size_bytes, notes=(ONLY_BTREE,))
    if size is None or rows is None:
        return IndexSpace(ESTIMATE, index.size_bytes, notes=(NO_WIDTHS,))
    each = size.aligned + POINTER_BYTES
    entries_bytes, notes = rows * each, tuple[str, ...]()
    if index.merges_duplicates and merged:
        entries_bytes = _merged_bytes(index, rows, padded)
        notes = (PARTLY,) if len(index.columns) > 1 else ()
    elif index.merges_duplicates:
        notes = (UNMERGED,)
    pages = _pages(entries_bytes, each, index)
    return IndexSpace(ESTIMATE, index.size_bytes, None, float(pages * index.block_bytes), notes=notes)


def _merged_bytes(index: Index, rows: float, padded: bool) -> float:
    """Return the bytes of entries with their pointers, equal keys merged; a merged one is a tenth of a page at most."""
    most = (index.block_bytes // 10 // WORD * WORD - POINTER_BYTES) // WORD * WORD
    total = 0.0
    for group in _groups(index.columns, rows, padded):
        capacity = max(1, int((most - group.entry_bytes) // ROW_BYTES))
        low, share = int(group.rows), group.rows - int(group.rows)
        few, many = (_key_bytes(count, group.entry_bytes, capacity) for count in (low, low + 1))
        total += group.keys * ((1 - share) * few + share * many)
    return total


@dataclass(frozen=True, slots=True)
class _Group:
    """Keys that are alike: how many rows each has, how many they are, and an entry's bytes."""

    rows: float
    keys: float
    entry_bytes: float


def _groups(columns: Sequence[Column], rows: float, padded: bool) -> list[_Group]:
    """Return the keys in groups. Of one column: its null values, its most common ones, and the rest, which share.

    Of several: as many keys as the product of their values, all alike.
    """
    if len(columns) > 1:
        keys = min(math.prod(_values(column, rows) for column in columns), max(rows, 1.0))
        return [_Group(rows / keys, keys, _entry_bytes(columns, padded))]
    (column,) = columns
    entry_bytes = _entry_bytes([replace(column, null_share=0.0)], padded)
    nulls, common = rows * (column.null_share or 0.0), [rows * share for share in column.common_shares]
    groups = [_Group(nulls, 1.0, _NULL_BYTES)] if nulls >= 1 else []
    groups += [_Group(count, 1.0, entry_bytes) for count in common if count >= 1]
    rest_rows = rows - nulls - sum(common)
    if rest_rows >= 1:
        rest_keys = min(max(_values(column, rows) - len(common), 1.0), rest_rows)
        groups.append(_Group(rest_rows / rest_keys, rest_keys, entry_bytes))
    return groups


def _entry_bytes(columns: Sequence[Column], padded: bool) -> float:
    size = index_row_size(columns, padded=padded)
    return size.aligned if size is not None else 0.0


def _values(column: Column, rows: float) -> float:
    known = column.n_distinct or -1.0
    return max(1.0, known if known > 0 else -known * rows)


def _key_bytes(rows: int, entry_bytes: float, capacity: int) -> float:
    whole, rest = divmod(rows, capacity)
    return whole * _entry(capacity, entry_bytes) + (_entry(rest, entry_bytes) if rest else 0.0)


def _entry(rows: int, entry_bytes: float) -> float:
    merged = aligned(ROW_BYTES * rows) if rows > 1 else 0
    return entry_bytes + merged + POINTER_BYTES


def _pages(entries_bytes: float, each_bytes: float, index: Index) -> int:
    """Return leaves, the pages above them, and the first page of the file, which has no entries."""
    room = index.block_bytes - PAGE_HEADER_BYTES - SPECIAL_BYTES
    leaf_bytes = room - index.block_bytes * (100 - index.fillfactor) // 100
    pages = level = max(1, -(-int(entries_bytes) // int(leaf_bytes)))
    while level > 1:
        level = max(1, -(-int(level * each_bytes) // int(room * INNER_FILL)))
        pages += level
    return pages + 1
