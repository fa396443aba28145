"""What servers from 13 to 18 have called the columns that the lab asks for: the first that a view has is read.

Chosen by the view that is there and not by the version: after pg_upgrade an extension may be older than its server.
"""

from collections.abc import Mapping

Names = Mapping[str, tuple[str, ...]]


def _same(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


STATEMENTS: Names = {
    **_same("userid", "dbid", "toplevel", "queryid", "query", "calls", "plans", "rows"),
    "total_plan_ms": ("total_plan_time",),
    "total_exec_ms": ("total_exec_time", "total_time"),
    "stddev_exec_ms": ("stddev_exec_time", "stddev_time"),
    "min_exec_ms": ("min_exec_time", "min_time"),
    "max_exec_ms": ("max_exec_time", "max_time"),
    **_same("shared_blks_hit", "shared_blks_read", "shared_blks_dirtied", "shared_blks_written"),
    **_same("local_blks_hit", "local_blks_read", "temp_blks_read", "temp_blks_written"),
    "blk_read_ms": ("shared_blk_read_time", "blk_read_time"),
    "blk_write_ms": ("shared_blk_write_time", "blk_write_time"),
    **_same("wal_records", "wal_fpi", "wal_bytes", "stats_since"),
}

TABLES: Names = {
    **_same("relid", "seq_scan", "seq_tup_read", "idx_scan", "idx_tup_fetch"),
    **_same("n_tup_ins", "n_tup_upd", "n_tup_del", "n_tup_hot_upd", "n_tup_newpage_upd"),
    **_same("vacuum_count", "autovacuum_count", "analyze_count", "autoanalyze_count"),
    "total_vacuum_ms": ("total_vacuum_time",),
    "total_autovacuum_ms": ("total_autovacuum_time",),
    "total_analyze_ms": ("total_analyze_time",),
    "total_autoanalyze_ms": ("total_autoanalyze_time",),
    **_same("n_live_tup", "n_dead_tup", "n_mod_since_analyze", "n_ins_since_vacuum"),
    **_same("last_vacuum", "last_autovacuum", "last_analyze", "last_autoanalyze"),
}

INDEXES: Names = _same("indexrelid", "relid", "idx_scan", "idx_tup_read", "idx_tup_fetch", "last_idx_scan")

DATABASE: Names = {
    **_same("sessions", "sessions_abandoned", "sessions_fatal", "sessions_killed", "xact_commit", "xact_rollback"),
    "session_ms": ("session_time",),
    "active_ms": ("active_time",),
    "idle_in_transaction_ms": ("idle_in_transaction_time",),
    **_same("blks_read", "blks_hit", "tup_returned", "tup_fetched", "tup_inserted", "tup_updated", "tup_deleted"),
    "blk_read_ms": ("blk_read_time",),
    "blk_write_ms": ("blk_write_time",),
    **_same("conflicts", "deadlocks", "temp_files", "temp_bytes", "checksum_failures"),
}

# of three views: the checkpoints left pg_stat_bgwriter for pg_stat_checkpointer in 17; pg_stat_wal came in 14
BGWRITER: Names = {
    "checkpoints_timed": ("checkpoints_timed",),
    "checkpoints_requested": ("checkpoints_req",),
    "checkpoint_write_ms": ("checkpoint_write_time",),
    "checkpoint_sync_ms": ("checkpoint_sync_time",),
    "buffers_checkpoint": ("buffers_checkpoint",),
    **_same("buffers_clean", "maxwritten_clean", "buffers_backend", "buffers_backend_fsync", "buffers_alloc"),
}
CHECKPOINTER: Names = {
    "checkpoints_timed": ("num_timed",),
    "checkpoints_requested": ("num_requested",),
    "checkpoint_write_ms": ("write_time",),
    "checkpoint_sync_ms": ("sync_time",),
    "buffers_checkpoint": ("buffers_written",),
    "checkpointer_reset": ("stats_reset",),
}
WAL: Names = {**_same("wal_records", "wal_fpi", "wal_bytes", "wal_buffers_full"), "wal_reset": ("stats_reset",)}

# of the record's table ``database``
RECORDED_DATABASE: Names = {
    "sessions": ("sessions",),
    "numbackends": ("numbackends",),
    "xact_commit": ("xact_commit",),
    "xact_rollback": ("xact_rollback",),
    "active_ms": ("active_time",),
    "idle_in_transaction_ms": ("idle_in_transaction_time",),
    "blks_read": ("blks_read",),
    "blks_hit": ("blks_hit",),
    "stats_reset": ("stats_reset",),
}

# with the question's name for its table
AUTOVACUUM: Names = {
    "frozen_pages": ("c.relallfrozen",),
    "inserted_rows": ("s.n_ins_since_vacuum",),
}

BLOAT: Names = {
    "live": ("n_live_tup",),
    "dead": ("n_dead_tup",),
    "changed": ("n_mod_since_analyze",),
    "inserted": ("n_tup_ins",),
    "deleted": ("n_tup_del",),
    "updated": ("n_tup_upd",),
    "hot": ("n_tup_hot_upd",),
    "newpage": ("n_tup_newpage_upd",),
    "vacuumed": ("vacuum_count",),
    "autovacuumed": ("autovacuum_count",),
    "analyzed": ("analyze_count",),
    "autoanalyzed": ("autoanalyze_count",),
    "last_vacuum": ("last_vacuum",),
    "last_autovacuum": ("last_autovacuum",),
    "last_analyze": ("last_analyze",),
    "last_autoanalyze": ("last_autoanalyze",),
}

SESSION: Names = {
    "pid": ("pid",),
    "user_name": ("usename",),
    "database_name": ("datname",),
    "application_name": ("application_name",),
    "client_addr": ("client_addr",),
    "backend_type": ("backend_type",),
    "leader_pid": ("leader_pid",),
    "backend_start": ("backend_start",),
    "xact_start": ("xact_start",),
    "query_start": ("query_start",),
    "state_change": ("state_change",),
    "state": ("state",),
    "wait_event_type": ("wait_event_type",),
    "wait_event": ("wait_event",),
    "query": ("query",),
    "query_id": ("query_id",),
    "xid": ("backend_xid",),
    "xmin": ("backend_xmin",),
}

LOCK_TAG = (
    "locktype", "database", "relation", "page", "tuple", "virtualxid", "transactionid", "classid", "objid", "objsubid",
)  # fmt: skip
# the view is joined with one that has some of the same names
LOCKS: Names = {name: (f"l.{name}",) for name in (*LOCK_TAG, "pid", "mode", "granted", "waitstart")}

# what stands for {columns} in a question; of the others analyse/statements.py knows what may stand there
LISTS: Mapping[str, tuple[Names, ...]] = {
    "bloat/counters": (BLOAT,),
    "observe/autovacuum_tables": (AUTOVACUUM,),
    "observe/database": (RECORDED_DATABASE,),
    "observe/database_counters": (DATABASE,),
    "observe/index_counters": (INDEXES,),
    "observe/one_view": (BGWRITER, CHECKPOINTER, WAL),
    "observe/statement_counters": (STATEMENTS,),
    "observe/table_counters": (TABLES,),
    "triage/locks": (LOCKS,),
    "triage/sessions": (SESSION,),
    "triage/signal": (SESSION,),
}
