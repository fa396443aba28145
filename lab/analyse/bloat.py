"""A table's space by four ways: read exactly, read in part, estimated from statistics, and counted by events.

What each is asked, and whether it can answer:

=========  ================================  ============================  ======================================
way        what would VACUUM free            what can be reused            what would a rewrite give back
=========  ================================  ============================  ======================================
exact      yes                               yes                           but for dropped and added columns
approx     yes, of the pages that it reads   all-visible pages: by the     but for dropped columns
                                             free space map
estimate   as n_dead_tup knows it            but for dropped columns       yes, if ANALYZE is recent
counters   rows and no bytes                 no                            no
=========  ================================  ============================  ======================================

The arithmetic of the estimate is the lab's own: :mod:`lab.analyse.layout` has the rows, with padding and dropped
columns, here are the pages. The usual estimates leave out padding and the fillfactor, and count the rows of the last
ANALYZE; that is what *padded*, *with_fillfactor* and *counted* switch off, for comparison.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.analyse import index_bloat
from lab.analyse.layout import (
    PAGE_HEADER_BYTES,
    POINTER_BYTES,
    WORD,
    Size,
    aligned,
    reserve_of_a_page,
    row_size,
    rows_of_a_page,
)
from lab.record.bloat import APPROX, COUNTERS, ESTIMATE, EXACT, WAYS, Looked, Seen, Space, Table

NEVER_ANALYZED = "never analyzed, or this role may not see its statistics: nothing to estimate from"
NO_COLUMNS = "ANALYZE keeps no column widths of a TOAST table: nothing to estimate from"
LOST = "the counters know no rows although the catalog does: lost in a crash, or reset; the last ANALYZE's are taken"
ROWS_ONLY = "rows only, and no free space: after VACUUM an empty half of the file is not seen"
UNSURE = (
    "dead is n_dead_tup's: what a session changed just before its own VACUUM is counted after it, and is free by now; "
    "approx and exact read it"
)
_SAME, _APART = 0.01, 0.05  # of the rows: two counts agree, or do not
_SPARE = 1.05  # widths are means
_STALE_SHARE = 0.1  # of the rows changed since ANALYZE: the widths may be others


def spaces(seen: Seen) -> Looked:
    """Return a table and its indexes by every way that it was looked at."""
    reading = {one.way: one for one in seen.readings}
    known = {way: tell(seen.table) for way, tell in ((ESTIMATE, estimate), (COUNTERS, counted)) if way in reading}
    known |= {
        way: tell(seen.table, reading[way].row) for way, tell in ((EXACT, exact), (APPROX, approx)) if way in reading
    }
    timed = {way: replace(known[way], took_ms=reading[way].took_ms) for way in WAYS if way in known}
    timed = {way: _said_if_larger(seen.table, space) for way, space in timed.items()}
    if ESTIMATE in timed:
        timed[ESTIMATE] = _doubted(seen, timed[ESTIMATE])
    rows, (live, dead) = rows_alive(seen.table), _unvacuumed(seen)
    return Looked(
        seen.table,
        timed,
        tuple(index_bloat.spaces(one, rows.live, live, dead) for one in seen.indexes),
        seen.missing,
    )


def exact(table: Table, row: Mapping[str, Any]) -> Space:
    """Return what pgstattuple has read: all of the file."""
    live, size = float(row["tuple_count"]), float(row["table_len"])
    return Space(
        EXACT,
        int(size),
        live,
        float(row["dead_tuple_count"]),
        float(row["tuple_len"]),
        float(row["dead_tuple_len"]),
        float(row["free_space"]),
        _reserve(table, size),
        _rewritten(table, live, _size_of(table, live, float(row["tuple_len"]))),
        read_blocks=int(size) // table.block_bytes,
        notes=(*_dropped_note(table), *(f"{note}, which this figure leaves out" for note in _added_note(table))),
    )


def approx(table: Table, row: Mapping[str, Any]) -> Space:
    """Return what pgstattuple_approx has read: the pages that are not all-visible; of the others the free space map.

    Of a page that it has not read it takes all that is not free for rows, so their mean size is not among its answers:
    for a rewrite the widths are ANALYZE's.
    """
    live, size = float(row["approx_tuple_count"]), float(row["table_len"])
    known = row_size(table.columns) if table.columns else None
    return Space(
        APPROX,
        int(size),
        live,
        float(row["dead_tuple_count"]),
        float(row["approx_tuple_len"]),
        float(row["dead_tuple_len"]),
        float(row["approx_free_space"]),
        _reserve(table, size),
        _rewritten(table, live, known) if known else None,
        read_blocks=round(float(row["scanned_percent"]) / 100 * size / table.block_bytes),
        notes=(*_held_note(table), *_added_note(table)),
    )


def counted(table: Table) -> Space:
    """Return what the counters say: events, not what lies in the file."""
    seen = table.counters
    if seen is None:
        return Space(COUNTERS, table.size_bytes, notes=("this role may not see its counters",))
    if counted_late(table):
        return Space(COUNTERS, table.size_bytes, notes=(_late_note(table),))
    notes = (ROWS_ONLY,)
    return Space(COUNTERS, table.size_bytes, float(seen.live), float(seen.dead), notes=notes)


def estimate(table: Table, *, padded: bool = True, with_fillfactor: bool = True, by_counters: bool = True) -> Space:
    """Return what the table would take if its rows were written anew, from ANALYZE's widths, and what is left.

    :param padded: with the padding between columns.
    :param with_fillfactor: with what the fillfactor keeps free, as a rewrite would keep it again.
    :param by_counters: rows that are alive by the counters; without, those of the last ANALYZE or VACUUM.
    """
    nothing = Space(ESTIMATE, table.size_bytes)
    if not table.size_bytes:
        return replace(nothing, live_rows=0.0, dead_rows=0.0, live_bytes=0.0, dead_bytes=0.0, free_bytes=0.0,
                       rewritten_bytes=0.0)  # fmt: skip
    size = row_size(table.columns, padded=padded) if table.columns else None
    rows = rows_alive(table, by_counters)
    if size is None or rows.live is None:
        return replace(nothing, notes=(NO_COLUMNS if table.toast_of else NEVER_ANALYZED,))
    fillfactor = table.fillfactor if with_fillfactor else 100
    fresh = rows_of_a_page(size, fillfactor, table.block_bytes)
    between, pointers = _between(table, size, rows.live, rows.dead, fresh)
    # a dead row that was pruned has left a pointer and no bytes, and n_dead_tup counts it all the same
    kept = min(rows.dead, between / size.aligned)
    # what is left of a dropped column lies within the live rows, an added one lacks there, and nobody counted it
    known = not table.dropped and not table.added
    orphans = pointers - rows.live - rows.dead
    said = (rows.note, *_stale_note(table, rows), *_held_note(table), *_added_note(table),
            *_pointer_note(table, orphans))  # fmt: skip
    return Space(
        ESTIMATE,
        table.size_bytes,
        rows.live,
        rows.dead,
        rows.live * size.bytes if known else None,
        kept * size.bytes if known else None,
        between - kept * size.aligned if known else None,
        _reserve(table, table.size_bytes),
        _rewritten(replace(table, fillfactor=fillfactor), rows.live, size),
        notes=tuple(text for text in said if text),
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows are alive and dead, as far as catalog and counters know, and what must be said of it."""

    live: float | None  # None: nobody has counted them
    dead: float = 0.0
    note: str = ""


def rows_alive(table: Table, by_counters: bool = True) -> Rows:
    """Return how many rows there are: by the counters, if these can be true, else as the planner takes it.

    Counters that were reported late, after the VACUUM or ANALYZE that counted the same rows, say too many.
    """
    if table.counted_rows < 0 or not (table.counted_rows or table.counted_pages):
        return Rows(None)
    # as many in each page as there were when they were counted
    scaled = table.counted_rows * (table.pages / table.counted_pages if table.counted_pages else 1.0)
    seen = table.counters
    if not by_counters or seen is None:
        return Rows(scaled)
    if counted_late(table):
        return Rows(
            scaled, note=f"{_late_note(table)}; the {scaled:,.0f} are taken, and none as dead; approx and exact read it"
        )
    if not seen.live and not seen.dead and table.counted_rows and not seen.last_analyze and not seen.last_vacuum:
        return Rows(scaled, note=LOST)
    size = row_size(table.columns) if table.columns else None
    fit = table.pages * rows_of_a_page(size, 100, table.block_bytes) if size is not None else math.inf
    if seen.live <= _SPARE * fit:
        return Rows(float(seen.live), float(seen.dead))
    if seen.live > _SPARE * scaled:
        return Rows(scaled, note=f"the counters say {seen.live:,} rows, of which {fit:,.0f} fit into the file: counted "
                                 f"twice; taken are the {scaled:,.0f} of the last VACUUM or ANALYZE")  # fmt: skip
    narrow = f"only {fit:,.0f} of its {seen.live:,} rows would fit, were they as ANALYZE says: they are narrower"
    return Rows(float(seen.live), float(seen.dead), "" if table.added else narrow)


def counted_late(table: Table) -> bool:
    """Whether the last changes were added to the counters after the VACUUM or ANALYZE that had seen them already.

    A session reports what it changed up to a second later (half a second before 15), and its own VACUUM does not wait
    for it. Then what was inserted less what was deleted is what VACUUM counted, and the rows that are said to be alive
    are others. Rows that were rolled back, or emptied by TRUNCATE, can look the same if they are as many.
    """
    seen = table.counters
    if seen is None or not (seen.last_vacuum or seen.last_analyze):
        return False
    if not table.size_bytes:
        return seen.dead > 0
    known, alive = table.counted_rows, seen.inserted - seen.deleted
    return abs(alive - known) <= _SAME * known and abs(seen.live - alive) > _APART * max(seen.live, alive)


def _late_note(table: Table) -> str:
    seen = table.counters
    told = f"the counters say {seen.live:,} rows alive and {seen.dead:,} dead, " if seen else ""
    return (
        f"{told}but VACUUM or ANALYZE counted {max(0.0, table.counted_rows):,.0f}, as many as were inserted and not "
        "deleted: changes were reported after it had seen them"
    )


def _unvacuumed(seen: Seen) -> tuple[float | None, float | None]:
    """Return how many rows are alive, and how many dead ones may have index entries; None: not known.

    pgstattuple does not count a dead row that was pruned: its entries are there all the same. The counters do.
    """
    found = {one.way: one.row for one in seen.readings if one.row}
    dead = [float(row["dead_tuple_count"]) for row in found.values()]
    rows, counters = rows_alive(seen.table), seen.table.counters
    live = rows.live
    if counters is not None and rows.note != LOST and not counted_late(seen.table):
        dead, live = [*dead, float(counters.dead)], float(counters.live) if live is None else live
    elif counters is None or rows.note == LOST:
        dead = [count for count in dead if count]
    live = float(found[APPROX]["approx_tuple_count"]) if APPROX in found else live
    live = float(found[EXACT]["tuple_count"]) if EXACT in found else live
    return live, max(dead, default=0.0 if counted_late(seen.table) else None)


def _doubted(seen: Seen, space: Space) -> Space:
    """Say so where the dead rows of the estimate may be free already: a late UPDATE leaves the live ones right."""
    counters = seen.table.counters
    if counters is None or not counters.last_vacuum or (space.dead_pct or 0.0) < 1 or counters.changed < counters.dead:
        return space
    found = {one.way: int(one.row["dead_tuple_count"]) for one in seen.readings if one.row}
    if not found:
        return replace(space, notes=(*space.notes, UNSURE))
    way, dead = max(found.items(), key=lambda one: one[1])
    if 2 * dead >= counters.dead:
        return space
    note = f"{way} finds {dead:,} dead rows: the others are pruned, or were counted after the VACUUM that removed them"
    return replace(space, notes=(*space.notes, note))


def _between(table: Table, size: Size, live: float, dead: float, fresh: float) -> tuple[float, float]:
    """Return the bytes that are no page header, no live row and no pointer, and how many pointers that takes.

    A pointer outlives its row, so as many are taken as the pages had when they were full.
    """
    pointers = max(live + dead, table.pages * fresh)
    taken = table.pages * PAGE_HEADER_BYTES + live * size.aligned + pointers * POINTER_BYTES
    return max(0.0, table.size_bytes - taken), pointers


def _size_of(table: Table, live: float, live_bytes: float) -> Size:
    """Return the mean size of rows that were measured; what is left of dropped columns is in them."""
    mean = live_bytes / live if live else 0.0
    known = row_size(table.columns) if table.columns else None
    if known is not None and known.varies:
        return Size(mean, mean + known.aligned - known.bytes, True)
    if mean.is_integer():
        return Size(mean, float(aligned(int(mean))), False)
    return Size(mean, mean + (WORD - 1) / 2, True)


def _rewritten(table: Table, live: float, size: Size) -> float:
    """Return the bytes of a new file."""
    return -(-live // rows_of_a_page(size, table.fillfactor, table.block_bytes)) * table.block_bytes


def _reserve(table: Table, size_bytes: float) -> float:
    return size_bytes / table.block_bytes * reserve_of_a_page(table.fillfactor, table.block_bytes)


def _dropped_note(table: Table) -> tuple[str, ...]:
    if not table.dropped:
        return ()
    return (f"{_dropped(table)}: what is left of it counts as live here, and a rewrite would remove it",)


def _held_note(table: Table) -> tuple[str, ...]:
    if not table.dropped:
        return ()
    return (f"{_dropped(table)}: how much of it is still in the rows is not known; a rewrite would remove it",)


def _added_note(table: Table) -> tuple[str, ...]:
    if not table.added:
        return ()
    what = "1 column was" if table.added == 1 else f"{table.added} columns were"
    return (f"{what} added with a default that older rows do not contain: a rewrite puts it into each of them",)


def _said_if_larger(table: Table, space: Space) -> Space:
    if not space.grows_by_pct:
        return space
    why = f", for its fillfactor is {table.fillfactor}" if table.fillfactor < 100 and not table.added else ""
    return replace(space, notes=(*space.notes, f"a rewrite makes the file {space.grows_by_pct:.0f} % larger{why}"))


def _pointer_note(table: Table, orphans: float) -> tuple[str, ...]:
    """Say what cannot be known: from 14 on VACUUM removes pointers at the end of a page's list, and no others."""
    points = 100 * orphans * POINTER_BYTES / table.size_bytes
    if points < 1:
        return ()
    most = "1 point" if round(points) == 1 else f"{points:.0f} points"
    return (f"up to {most} more may be free: removed rows are taken to have left their pointers",)


def _dropped(table: Table) -> str:
    return "1 dropped column" if table.dropped == 1 else f"{table.dropped} dropped columns"


def _stale_note(table: Table, rows: Rows) -> tuple[str, ...]:
    seen = table.counters
    if seen is None or rows.note or seen.changed <= _STALE_SHARE * max(rows.live or 0.0, 1.0):
        return ()
    return (f"{seen.changed:,} rows have changed since ANALYZE: their widths may be others",)
