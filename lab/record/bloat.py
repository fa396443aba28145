"""What is known of a table's and an index's space: by the catalog, by the counters, and by each way to look at it.

Three questions are asked about a table that has grown, and no way answers all of them:

``vacuum``
    What would VACUUM free? The bytes of dead rows.
``reuse``
    What can new rows use, after that? Dead and free bytes, without what the fillfactor keeps for updates.
``rewrite``
    What would VACUUM FULL give back to the disk? The file, less what the live rows take in a new one.

Sizes are bytes; a share is of the file, in per cent. ``None`` is for what a way cannot say; its *notes* say why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

EXACT, APPROX, ESTIMATE, COUNTERS = "exact", "approx", "estimate", "counters"
WAYS = (EXACT, APPROX, ESTIMATE, COUNTERS)
MB = 1024**2
PAGE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it lies in a row, and what ANALYZE found of it (``None``: nothing, or this role may not see it)."""

    number: int
    name: str
    length: int  # bytes; -1: it varies
    align: int  # 1, 2, 4 or 8
    dropped: bool = False
    added: bool = False  # with a default, and not written into the rows that were there
    shortens: bool = False  # its header is one byte where the value is short, and then it is not aligned
    null_share: float | None = None
    width: int | None = None  # mean bytes as stored, cut to whole ones
    n_distinct: float | None = None  # below 0: of each row
    common_shares: Sequence[float] = ()  # of all rows, of each of the most common values
    lengths: Sequence[tuple[int, float]] = ()  # stored bytes and their share, of the values that ANALYZE kept


@dataclass(frozen=True, slots=True)
class Counters:
    """What the server has counted of a table. *newpage* is None before PostgreSQL 16."""

    live: int
    dead: int
    changed: int  # since ANALYZE
    updated: int
    hot: int  # updates that needed no new index entries
    newpage: int | None  # updates whose new row went to another page
    vacuums: int  # by people and by autovacuum
    analyzes: int
    last_vacuum: datetime | None
    last_analyze: datetime | None
    inserted: int = 0  # since the counters began, those rolled back among them
    deleted: int = 0

    @property
    def dead_pct(self) -> float | None:
        """The share of dead rows among all, as the classic query computes it; None without rows."""
        return 100 * self.dead / (self.live + self.dead) if self.live + self.dead else None

    @property
    def hot_pct(self) -> float | None:
        """The share of updates that were HOT; None without updates."""
        return 100 * self.hot / self.updated if self.updated else None


@dataclass(frozen=True, slots=True)
class Table:
    """A table, a materialised view, or the TOAST table of one."""

    oid: int
    label: str  # as SQL writes it: with its schema where the search path needs it
    size_bytes: int
    block_bytes: int = 8192
    kind: str = "r"
    toast_of: str = ""
    counted_pages: int = 0  # pg_class: at the last VACUUM or ANALYZE
    counted_rows: float = -1.0  # below 0 (14 and later), or 0 with no pages counted: never
    visible_pages: int = 0  # that pgstattuple_approx need not read
    fillfactor: int = 100
    columns: Sequence[Column] = ()
    counters: Counters | None = None

    @property
    def pages(self) -> int:
        """Pages of the file, now."""
        return self.size_bytes // self.block_bytes

    @property
    def dropped(self) -> int:
        """How many columns were dropped."""
        return sum(column.dropped for column in self.columns)

    @property
    def added(self) -> int:
        """How many columns were added with a default that older rows do not contain; a rewrite puts it into them."""
        return sum(column.added and not column.dropped for column in self.columns)


@dataclass(frozen=True, slots=True)
class Index:
    """An index of one of these tables."""

    oid: int
    table_oid: int
    label: str
    size_bytes: int
    method: str = "btree"
    block_bytes: int = 8192
    counted_rows: float = -1.0
    fillfactor: int = 90
    is_unique: bool = False
    partial: bool = False
    merges_duplicates: bool = False
    columns: Sequence[Column] = ()

    @property
    def pages(self) -> int:
        """Pages of the file, now."""
        return self.size_bytes // self.block_bytes


@dataclass(frozen=True, slots=True)
class Space:
    """A table's space as one way sees it. Bytes; ``None``: that it cannot say."""

    way: str
    size_bytes: int
    live_rows: float | None = None
    dead_rows: float | None = None
    live_bytes: float | None = None
    dead_bytes: float | None = None  # VACUUM would free them
    free_bytes: float | None = None
    reserve_bytes: float = 0.0  # of the free ones: kept for updates by the fillfactor
    rewritten_bytes: float | None = None  # what a new file would take
    took_ms: float | None = None
    read_blocks: int = 0  # of the table
    notes: Sequence[str] = ()

    @property
    def dead_pct(self) -> float | None:
        """What VACUUM would free, of the file."""
        return self._pct(self.dead_bytes)

    @property
    def free_pct(self) -> float | None:
        """What is free, of the file."""
        return self._pct(self.free_bytes)

    @property
    def reuse_pct(self) -> float | None:
        """What new rows could use after VACUUM, of the file: dead and free, less the reserve."""
        unused = _sum(self.dead_bytes, self.free_bytes)
        return self._pct(None if unused is None else max(0.0, unused - self.reserve_bytes))

    @property
    def rewrite_pct(self) -> float | None:
        """What a rewrite would give back, of the file; below 0 where it makes the file larger."""
        if self.rewritten_bytes is None:
            return None
        gain = self.size_bytes - self.rewritten_bytes
        return self._pct(gain if self.grows_by_pct else max(0.0, gain))

    @property
    def grows_by_pct(self) -> float:
        """By how much a rewrite makes the file larger; up to one page or 1 % of it are rounding, and so 0."""
        more = (self.rewritten_bytes or 0.0) - self.size_bytes
        return 100 * more / self.size_bytes if more > max(PAGE_BYTES, self.size_bytes / 100) else 0.0

    def _pct(self, part_bytes: float | None) -> float | None:
        if part_bytes is None:
            return None
        return 100 * part_bytes / self.size_bytes if self.size_bytes else 0.0


@dataclass(frozen=True, slots=True)
class IndexSpace:
    """An index's space as one way sees it. *density_pct*: how full the leaf pages are."""

    way: str
    size_bytes: int
    density_pct: float | None = None
    rebuilt_bytes: float | None = None
    took_ms: float | None = None
    read_blocks: int = 0
    notes: Sequence[str] = ()

    @property
    def rebuild_pct(self) -> float | None:
        """What REINDEX would give back, of the file; below 0 where the index is denser than a new one is thought."""
        if self.rebuilt_bytes is None:
            return None
        return 100 * (self.size_bytes - self.rebuilt_bytes) / self.size_bytes if self.size_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server answered by one way: the row of pgstattuple's function, none where the catalog is enough."""

    way: str
    took_ms: float
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeenIndex:
    """An index, what was read of it, and why a way was not gone."""

    index: Index
    readings: Sequence[Reading] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A table, what was read of it and its indexes, and why a way was not gone."""

    table: Table
    readings: Sequence[Reading] = ()
    indexes: Sequence[SeenIndex] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookedIndex:
    """An index by every way that was asked for and could be had."""

    index: Index
    spaces: Mapping[str, IndexSpace]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """A table, by every way that was asked for and could be had, and its indexes."""

    table: Table
    spaces: Mapping[str, Space]
    indexes: Sequence[LookedIndex] = ()
    missing: Mapping[str, str] = field(default_factory=dict)  # way -> why it was not gone


@dataclass(frozen=True, slots=True)
class Sample:
    """A table at one moment of its course. *vacuums*: by people and by autovacuum, so far."""

    at_s: float
    size_bytes: int
    dead_bytes: int
    free_bytes: int
    vacuums: int


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
