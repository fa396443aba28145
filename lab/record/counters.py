"""The server's counters as values: what one look at them saw, and what it could not see.

Counters are sums since their statistics began; they are read in pairs (:mod:`lab.analyse.delta`). ``None`` is what this
server does not count, or what this role may not see: never 0. Blocks are of the server's block size, 8 KiB by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Unreported:
    """A backend that may hold counters which the statistics views do not show yet."""

    pid: int
    application: str  # application_name
    why: str  # why nobody can tell from outside that it has reported

    def __str__(self) -> str:
        """Return it as a few words for a person."""
        return f"pid {self.pid} ({self.application or 'no name'}): {self.why}"


@dataclass(frozen=True, slots=True)
class StatementCounters:
    """One row of pg_stat_statements; ids are the server's own, and not comparable between major versions."""

    userid: int
    dbid: int
    toplevel: bool | None  # not inside a function; None before 14
    queryid: int
    query: str
    role: str = ""
    calls: int = 0
    plans: int | None = None
    total_plan_ms: float | None = None
    total_exec_ms: float | None = None
    stddev_exec_ms: float | None = None  # over all calls since the counters began, as the next two
    min_exec_ms: float | None = None
    max_exec_ms: float | None = None
    rows: int | None = None
    shared_blks_hit: int | None = None
    shared_blks_read: int | None = None
    shared_blks_dirtied: int | None = None
    shared_blks_written: int | None = None
    local_blks_hit: int | None = None
    local_blks_read: int | None = None
    temp_blks_read: int | None = None
    temp_blks_written: int | None = None
    blk_read_ms: float | None = None  # 0 unless track_io_timing is on
    blk_write_ms: float | None = None
    wal_records: int | None = None
    wal_fpi: int | None = None
    wal_bytes: int | None = None
    stats_since: str | None = None  # when these counters began (17 and later)

    @property
    def key(self) -> tuple[int, int, bool | None, int]:
        """What tells one row of the view from the others."""
        return self.userid, self.dbid, self.toplevel, self.queryid


@dataclass(frozen=True, slots=True)
class TableCounters:
    """One table, materialised view or TOAST table. Of a TOAST table *name* is its table's, and *toast* is true."""

    relid: int
    schema: str
    name: str
    toast: bool = False
    seq_scan: int | None = None
    seq_tup_read: int | None = None
    idx_scan: int | None = None
    idx_tup_fetch: int | None = None
    n_tup_ins: int | None = None
    n_tup_upd: int | None = None
    n_tup_del: int | None = None
    n_tup_hot_upd: int | None = None
    n_tup_newpage_upd: int | None = None  # 16 and later
    vacuum_count: int | None = None
    autovacuum_count: int | None = None
    analyze_count: int | None = None
    autoanalyze_count: int | None = None
    total_vacuum_ms: float | None = None  # 18 and later, as the next three
    total_autovacuum_ms: float | None = None
    total_analyze_ms: float | None = None
    total_autoanalyze_ms: float | None = None
    n_live_tup: int | None = None  # an estimate, as the following
    n_dead_tup: int | None = None
    n_mod_since_analyze: int | None = None
    n_ins_since_vacuum: int | None = None
    last_vacuum: str | None = None
    last_autovacuum: str | None = None
    last_analyze: str | None = None
    last_autoanalyze: str | None = None
    reltuples: float | None = None  # pg_class: what the last VACUUM or ANALYZE estimated; -1 (14) or 0: none yet
    relpages: int | None = None
    heap_bytes: int | None = None  # the main fork; None while somebody holds or wants the table for himself
    total_bytes: int | None = None  # with indexes, TOAST and the other forks; None as above


@dataclass(frozen=True, slots=True)
class IndexCounters:
    """One index."""

    indexrelid: int
    relid: int  # its table
    schema: str
    table: str
    name: str
    idx_scan: int | None = None
    idx_tup_read: int | None = None
    idx_tup_fetch: int | None = None
    last_idx_scan: str | None = None  # 16 and later
    index_bytes: int | None = None  # None while somebody holds or wants the table for himself


@dataclass(frozen=True, slots=True)
class Began:
    """When what began: if one of these differs between two looks, the counters behind it have no difference."""

    postmaster_start: str
    bgwriter_reset: str | None = None
    archiver_reset: str | None = None  # a crash resets both, a person seldom does
    database_reset: str | None = None  # also when a single table or index was reset
    statements_reset: str | None = None  # 14 and later
    checkpointer_reset: str | None = None  # 17 and later
    wal_reset: str | None = None  # 14 and later
    statements_dealloc: int | None = None  # times that statements were dropped for want of room (14 and later)
    statements_dealloc_after: int | None = None  # the same when the look was over; a recorded run has only the one
    statements_kept: bool | None = None  # pg_stat_statements.save: kept over a restart


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at the counters of a database and of its server.

    *unreported* names the backends whose counters may be missing in *tables*, *indexes* and *counters*; statements are
    never late. *hidden* says in words what this role could not see, or what the server does not count. *statements* is
    None where there is no pg_stat_statements. *running*: the client statements that had begun, by pid and when.
    """

    taken_at: datetime  # by the server's clock
    t_us: int  # by the lab's
    version: int  # server_version_num, for the record
    database: str
    datid: int
    began: Began
    counters: Mapping[str, Any]  # of pg_stat_database; names as in lab.sql.columns
    server: Mapping[str, Any] = field(default_factory=dict)  # checkpoints, buffers, WAL
    statements: tuple[StatementCounters, ...] | None = ()
    tables: tuple[TableCounters, ...] = ()
    indexes: tuple[IndexCounters, ...] = ()
    unreported: tuple[Unreported, ...] = ()
    hidden: tuple[str, ...] = ()
    hidden_statements: int = 0  # those whose text this role may not read; their calls it may
    hidden_calls: int = 0
    running: tuple[tuple[int, str], ...] = ()
    own_backend: str = ""  # who looked: pid and start
    own_transactions: int | None = None  # that this backend had reported, so that two of its looks leave them out

    @property
    def settled(self) -> bool:
        """Whether every backend had reported."""
        return not self.unreported

    def table(self, name: str, schema: str = "public", toast: bool = False) -> TableCounters:
        """Return one table's counters.

        :raises KeyError: if the database has no such table.
        """
        for table in self.tables:
            if (table.name, table.schema, table.toast) == (name, schema, toast):
                return table
        raise KeyError(f"{schema}.{name}")


def names_of(kind: type, leaving_out: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of a value's fields, in order.

    >>> names_of(Unreported, leaving_out=("why",))
    ('pid', 'application')
    """
    return tuple(item.name for item in fields(kind) if item.name not in leaving_out)
