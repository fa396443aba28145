"""What a database says of its indexes at one moment: the catalog's facts, and the counters beside them.

The reader is :mod:`lab.observe.indexes`; what :mod:`lab.analyse.indexes` makes of it are findings.
Names are quoted as SQL needs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Index:
    """One index. Of *keys*, *kinds* and *orders* each has an entry for every column of its key."""

    oid: int
    parent: int | None  # the partitioned index that it is a part of
    schema: str
    table: str
    table_oid: int
    name: str
    method: str  # btree, hash, gin, ...
    keys: tuple[str, ...]  # column names or expressions
    kinds: tuple[str, ...]  # operator class, its parameters, collation
    orders: tuple[int, ...]  # 1: descending, 2: nulls first, 3: both
    included: tuple[str, ...]
    predicate: str
    has_expression: bool
    is_unique: bool
    is_primary: bool
    is_exclusion: bool
    is_replica_identity: bool
    is_immediate: bool  # uniqueness is checked at once, not at the commit
    is_valid: bool
    is_ready: bool  # writers keep it up to date
    is_partitioned: bool  # has no pages of its own; its partitions' indexes have
    constraint: str | None  # the primary key, unique or exclusion constraint that it keeps
    is_referenced: bool  # a foreign key relies on it
    built_by: int | None  # the pid that is building it now
    size_bytes: int | None
    definition: str
    scans: int | None  # since the counters began; None where none are kept
    last_scan: datetime | None  # 16 and later
    nulls_not_distinct: bool | None  # 15 and later
    rows_estimated: int | None = None  # that it holds; None: not known

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def full_table(self) -> str:
        """Schema and name of its table."""
        return f"{self.schema}.{self.table}"

    @property
    def enforces(self) -> bool:
        """Whether it is there to keep something true or to tell rows apart, and not for reading alone."""
        return self.is_unique or self.is_exclusion or self.is_replica_identity or self.constraint is not None


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Counters are since they began; None where none are kept."""

    oid: int
    schema: str
    name: str
    bare_name: str  # not quoted
    rows_estimated: int
    is_analyzed: bool
    size_bytes: int | None
    block_bytes: int
    seq_scans: int | None
    seq_rows_read: int | None
    idx_scans: int | None
    rows_live: int | None
    rows_inserted: int | None
    rows_updated: int | None
    rows_deleted: int | None
    parent: int | None = None  # the partitioned table that it is a part of
    is_partitioned: bool = False  # has no rows of its own; its partitions have

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def blocks(self) -> int:
        """How many blocks a whole read of it takes."""
        return (self.size_bytes or 0) // self.block_bytes


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One foreign key: the *columns* of a table that refer to a row of the parent."""

    name: str
    table_oid: int
    columns: tuple[str, ...]
    parent_oid: int
    distinct: tuple[float | None, ...] = ()  # values of each column: a count, or below 0 a share of the rows, negated


@dataclass(frozen=True, slots=True)
class WholeRead:
    """What a plan made for any value does to a table: it reads the whole of it, and keeps what passes *condition*."""

    table: str  # schema and name
    condition: str
    rows_kept: int  # that pass, as the planner estimates for any value
    is_reduced: bool = False  # what passes is joined, added up or cut off: the statement's rows do not tell how much


@dataclass(frozen=True, slots=True)
class Asked:
    """What pg_stat_statements knows of one statement, and the whole reads in its plan; None: not planned."""

    query: str
    calls: int
    rows: int
    blocks: int  # hit and read, of tables and indexes alike
    total_ms: float
    whole_reads: tuple[WholeRead, ...] | None = None
    is_own: bool = False  # the role that reads has asked it


@dataclass(frozen=True, slots=True)
class Catalog:
    """All of one database. *statements* is None where pg_stat_statements is not there."""

    database: str
    read_at: datetime
    counted_since: datetime | None  # counters count at least since then; None: not known
    in_recovery: bool
    counts: bool  # track_counts
    standbys: int
    indexes: Sequence[Index]
    tables: Sequence[Table]
    foreign_keys: Sequence[ForeignKey]
    statements: Sequence[Asked] | None
    unseen: tuple[str, ...] = ()  # what this role may not see, or what is late, in words


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. *index* is empty for what is missing; *other* names the index that does the same work."""

    kind: str  # invalid, duplicate, overlapping, unused, missing
    table: str
    index: str
    size_bytes: int | None  # of the index that could go; None for what is missing
    evidence: tuple[str, ...]
    cautions: tuple[str, ...]
    cure: str  # the statement that would act on it
    other: str = ""
    columns: tuple[str, ...] = ()  # of what is missing

    @property
    def what(self) -> str:
        """The index, or the columns that have none."""
        return self.index or f"{self.table} ({', '.join(self.columns)})"
