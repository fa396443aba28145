"""The columns of a run's Parquet files: name, type, meaning.

A value that could not be had is null. Times (``_us``) are the shared monotonic clock in microseconds unless they are
named ``after``. ``docs/reference.md`` is checked against this table.
"""

import pyarrow as pa

_I, _F, _S, _B = pa.int64(), pa.float64(), pa.string(), pa.bool_()


def _schema(columns: list[tuple[str, pa.DataType, str]]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, metadata={"help": text}) for name, kind, text in columns])


UNITS = {  # what a name ends with -> its unit
    "_us": "us",
    "_ms": "ms",
    "_s": "s",
    "_bytes": "bytes",
}
_BLOCKS = ("blks_", "_blks", "relpages")  # of the server's block size, mostly 8 KiB


def unit(column: str) -> str:
    """Return a column's unit; empty for counts, ids, and what is no number.

    >>> unit("done_us"), unit("shared_blks_hit"), unit("calls")
    ('us', 'blocks', '')
    """
    if column == "bytes":
        return "bytes"
    if any(part in column for part in _BLOCKS):
        return "blocks"
    return next((name for end, name in UNITS.items() if column.endswith(end)), "")


TABLES: dict[str, pa.Schema] = {
    "requests": _schema(
        [
            ("intended_us", _I, "when the request was planned to start"),
            ("sent_us", _I, "when it was sent; null if it never was"),
            ("done_us", _I, "when its answer was read; null if unfinished"),
            ("age_us", _I, "of an unfinished request: its age from the intended start when the run ended"),
            ("pool_us", _I, "Server-Timing pool: waiting for a checkout"),
            ("connect_us", _I, "Server-Timing connect: opening a server connection"),
            ("sql_us", _I, "Server-Timing sql: executing statements"),
            ("app_us", _I, "Server-Timing app: all of it inside the application"),
            ("bytes", _I, "body of the answer, bytes"),
            ("status", pa.int32(), "HTTP status; 0 if there was no answer"),
            ("route", pa.dictionary(pa.int16(), _S), "name of the route"),
            ("first", _B, "the first of its TCP connection"),
            ("failed", _B, "no answer, a status of 400 and more, or what a locustfile calls a failure"),
            ("unfinished", _B, "in flight, or not sent, when the run ended"),
            ("process", _I, "the load process, as the manifest's loaders name it"),
        ]
    ),
    "histogram": _schema(
        [
            ("slice_us", _I, "start of the slice of time that is counted, after the start of the load"),
            ("route", pa.dictionary(pa.int8(), _S), "name of the route"),
            (
                "kind",
                pa.dictionary(pa.int8(), _S),
                "latency or service (of successes, by their intended start), answered (successes, by their answer), "
                "failed, unfinished",
            ),
            ("value_us", _F, "the value for which the bucket stands: within 0.5 % of every value in it"),
            ("count", _I, "how many requests"),
            ("sum_us", _I, "the sum of their exact values"),
        ]
    ),
    "lag": _schema(
        [
            ("t_us", _I, "when"),
            ("lag_us", _I, "how late the load generator's event loop was"),
            ("process", _I, "the load process, as the manifest's loaders name it"),
        ]
    ),
    "activity": _schema(
        [
            ("t_us", _I, "when the sample was taken"),
            ("application", _S, "application_name"),
            ("state", _S, "state of the backends, as in pg_stat_activity"),
            (
                "wait_event_type",
                _S,
                "what they wait for: the type; null means running, or waiting uninstrumented",
            ),
            ("wait_event", _S, "what they wait for"),
            ("backends", _I, "how many"),
        ]
    ),
    "samples": _schema(
        [
            ("t_us", _I, "when the sample was taken; one row for each, also when no backend was seen"),
            ("late_us", _I, "how much later than its jittered schedule"),
            ("took_us", _I, "how long the query took, as the observer saw it"),
        ]
    ),
    "database": _schema(
        [
            ("t_us", _I, "when"),
            ("mark", _S, "the phase boundary that this snapshot belongs to"),
            ("sessions", _I, "sessions opened since the counters began (14 and later)"),
            ("numbackends", _I, "connections to the database"),
            ("xact_commit", _I, "transactions committed; each session adds one when it starts"),
            ("xact_rollback", _I, "transactions rolled back; read-only requests count here"),
            ("active_ms", _F, "time spent executing (14 and later), ms"),
            ("idle_in_transaction_ms", _F, "time spent idle in transaction (14 and later), ms"),
            ("blks_read", _I, "blocks not found in shared buffers"),
            ("blks_hit", _I, "blocks found in shared buffers"),
            ("stats_reset", _S, "when the counters were last reset"),
            ("cluster_reset", _S, "when the server's shared counters began again; a crash loses all counters"),
            ("archiver_reset", _S, "when the archiver's counters began again; a crash resets both"),
            ("statements_reset", _S, "when pg_stat_statements was last reset (14 and later)"),
            ("statements_dealloc", _I, "times that statements were dropped for want of room (14 and later)"),
        ]
    ),
    "statements": _schema(
        [
            ("t_us", _I, "when"),
            ("mark", _S, "the phase boundary that this snapshot belongs to"),
            ("userid", _I, "role that ran it"),
            ("toplevel", _B, "not inside a function (14 and later)"),
            ("queryid", _I, "the server's id; not comparable between major versions"),
            ("query", _S, "normalised text"),
            ("calls", _I, "executions since the counters began"),
            ("total_exec_ms", _F, "time executing, ms"),
            ("rows", _I, "rows returned or affected"),
            ("stddev_exec_ms", _F, "standard deviation of all calls' times since the counters began, ms"),
            ("shared_blks_hit", _I, "blocks found in shared buffers"),
            ("shared_blks_read", _I, "blocks not found there"),
            ("shared_blks_dirtied", _I, "blocks made dirty"),
            ("shared_blks_written", _I, "blocks that it had to write itself"),
            ("local_blks_hit", _I, "blocks of temporary tables found in memory"),
            ("local_blks_read", _I, "blocks of temporary tables not found there"),
            ("temp_blks_read", _I, "blocks read of temporary files"),
            ("temp_blks_written", _I, "blocks written of them"),
            ("wal_records", _I, "WAL records"),
            ("wal_fpi", _I, "full page images in the WAL"),
            ("wal_bytes", _I, "WAL, bytes"),
            ("stats_since", _S, "when this statement's counters began (17 and later)"),
        ]
    ),
    "tables": _schema(
        [
            ("t_us", _I, "when"),
            ("mark", _S, "start or after: before the load, and when all backends of the app had ended"),
            ("relid", _I, "the table's oid"),
            ("schema", _S, "its schema"),
            ("name", _S, "its name; of a TOAST table that of its table"),
            ("toast", _B, "whether it is the TOAST table"),
            ("seq_scan", _I, "sequential scans since the counters began, as the following"),
            ("seq_tup_read", _I, "live rows that these read"),
            ("idx_scan", _I, "index scans; null without an index"),
            ("idx_tup_fetch", _I, "live rows that these fetched"),
            ("n_tup_ins", _I, "rows inserted"),
            ("n_tup_upd", _I, "rows updated"),
            ("n_tup_del", _I, "rows deleted"),
            ("n_tup_hot_upd", _I, "rows updated without a new index entry"),
            ("n_tup_newpage_upd", _I, "rows updated whose new version went to another page (16 and later)"),
            ("vacuum_count", _I, "times vacuumed by hand, not with FULL"),
            ("autovacuum_count", _I, "times vacuumed by autovacuum"),
            ("analyze_count", _I, "times analyzed by hand"),
            ("autoanalyze_count", _I, "times analyzed by autovacuum"),
            ("total_autovacuum_ms", _F, "time of autovacuum's VACUUM (18 and later), ms"),
            ("total_autoanalyze_ms", _F, "time of autovacuum's ANALYZE (18 and later), ms"),
            ("n_live_tup", _I, "estimate of the live rows"),
            ("n_dead_tup", _I, "estimate of the dead rows"),
            ("n_mod_since_analyze", _I, "estimate of the rows changed since the last ANALYZE"),
            ("n_ins_since_vacuum", _I, "estimate of the rows inserted since the last VACUUM"),
            ("last_autovacuum", _S, "when autovacuum last vacuumed it"),
            ("last_autoanalyze", _S, "when autovacuum last analyzed it"),
            ("reltuples", _F, "rows by the last VACUUM or ANALYZE; -1 (before 14: 0) if there was none"),
            ("relpages", _I, "blocks by the last VACUUM or ANALYZE"),
            ("heap_bytes", _I, "size of the main fork, bytes; null while somebody held the table for himself"),
            ("total_bytes", _I, "size with indexes, TOAST and the other forks, bytes; null as above"),
        ]
    ),
    "system": _schema(
        [
            ("t_us", _I, "when"),
            (
                "role",
                _S,
                "app, generator, server, pooler, observer, lab (the command or notebook that runs it all) or machine",
            ),
            ("cpu_s", _F, "CPU time used so far, s; of the machine: all that was not idle"),
            ("steal_s", _F, "of the machine: time that the hypervisor gave to others, s"),
            ("throttled_s", _F, "of the machine: time that the control group was held back, s"),
            (
                "rss_bytes",
                _I,
                "resident memory, bytes; of the server it counts shared memory once per process",
            ),
        ]
    ),
    "pool": _schema(
        [
            ("t_us", _I, "when the sample was taken"),
            ("pid", _I, "the worker of the app"),
            ("size", _I, "what the pool keeps when idle; 0 without a pool"),
            ("checked_out", _I, "connections out, as the pool itself counts them; without a pool: held_now"),
            ("overflow", _I, "connections open beyond size; never negative"),
            ("idle", _I, "connections in the pool"),
            ("pending", _I, "checkouts under way: waiting, or connecting"),
            ("held_now", _I, "connections handed out and not back yet, as the meter counts them"),
            ("held_longest_s", _F, "how long the oldest of these has been out, s"),
            ("checkouts", _I, "connections handed out since the worker began, as the following"),
            ("timeouts", _I, "checkouts given up after the pool's timeout"),
            ("failed", _I, "checkouts that ended in any other error"),
            ("connects", _I, "server connections opened"),
            ("wait_s", _F, "waiting for a checkout, without connecting, s"),
            ("connect_s", _F, "opening connections, s"),
            ("hold_s", _F, "holding connections that came back, s"),
            ("waiting_s", _F, "what the pending have waited so far, without connecting, s"),
            ("connecting_s", _F, "what the pending have spent connecting so far, s"),
            ("holding_s", _F, "how long those held now have been out, in all, s"),
            ("occupied_s", _F, "the integral over time of the pool's own count of connections out; null without one"),
            ("threads_borrowed", _I, "AnyIO's worker threads that serve a handler"),
            ("threads_total", _I, "how many there may be"),
            ("threads_waiting", _I, "handlers that wait for a thread"),
        ]
    ),
    "pool_routes": _schema(
        [
            ("t_us", _I, "when; several times in a run, the last time after the load"),
            ("pid", _I, "the worker of the app"),
            ("route", _S, "the route that took the connections, by its declared path; (no route) outside of a request"),
            ("checkouts", _I, "connections handed out since the worker began, as the following"),
            ("timeouts", _I, "checkouts given up after the pool's timeout"),
            ("failed", _I, "checkouts that ended in any other error"),
            ("connects", _I, "server connections opened"),
            ("wait_s", _F, "waiting for a checkout, without connecting, s"),
            ("connect_s", _F, "opening connections, s"),
            ("hold_s", _F, "holding connections that came back, s"),
            ("hold_longest_s", _F, "the longest of all holds, those that are not back yet among them, s"),
            ("pending", _I, "checkouts under way: waiting, or connecting"),
            ("held_now", _I, "connections handed out and not back yet"),
            ("held_longest_s", _F, "how long the oldest of these has been out, s"),
        ]
    ),
    "memory": _schema(
        [
            ("t_us", _I, "when"),
            ("mark", _S, "the phase boundary that this snapshot belongs to: load_done"),
            ("pid", _I, "the backend, as the server numbers it"),
            ("application", _S, "application_name"),
            ("backend_type", _S, "as in pg_stat_activity: client backend"),
            ("state", _S, "state of the backend, as in pg_stat_activity"),
            ("rss_bytes", _I, "resident memory, all that it shares with others included"),
            ("pss_bytes", _I, "resident memory, of what it shares only its part"),
            (
                "private_bytes",
                _I,
                "resident memory that no other process has in use: mostly what comes free when the backend ends",
            ),
            ("shared_bytes", _I, "its part of shared memory such as shared_buffers, contained in pss_bytes"),
        ]
    ),
}
