"""What a database tells of its indexes: read from any server that can be reached, and nothing is written to it.

The catalogs are open to every role. The texts of other roles' statements need ``pg_monitor``, and planning one of them
needs the right to read its tables; what this role may not see is named in the catalog's ``unseen``, and never guessed.

A statement's plan says which table it reads as a whole, and by which condition it keeps rows. Planning runs functions
that the statement names, so it is asked for (:mod:`lab.observe.index_plans`); without, the counters tell that a table
is read as a whole, and not by which condition.

Counters reach the views up to ten seconds late from a connection that is idle; on PostgreSQL 13 and 14 not before it
works again or ends. An index that was used for the first time just now may look unused.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from lab import sql
from lab.errors import ObserverError
from lab.observe.connection import ask, connected
from lab.observe.index_plans import NOTHING, OWN, Plan, planned, refuse_superuser
from lab.observe.session import select_list
from lab.observe.settled import wait_settled
from lab.record.counters import Unreported
from lab.record.indexes import Asked, Catalog, ForeignKey, Index, Table

APPLICATION = "lab-admin-indexes"
_TIMEOUT_S = 20.0
HIDDEN = "<insufficient privilege>"

# column of the catalog -> what servers have called it; the first that is there is read
INDEXES: Mapping[str, tuple[str, ...]] = {
    "scans": ("idx_scan",),
    "last_scan": ("last_idx_scan",),
    "nulls_not_distinct": ("indnullsnotdistinct",),
}
TABLES: Mapping[str, tuple[str, ...]] = {
    "seq_scans": ("seq_scan",),
    "seq_rows_read": ("seq_tup_read",),
    "idx_scans": ("idx_scan",),
    "rows_live": ("n_live_tup",),
    "rows_inserted": ("n_tup_ins",),
    "rows_updated": ("n_tup_upd",),
    "rows_deleted": ("n_tup_del",),
}
STATEMENTS: Mapping[str, tuple[str, ...]] = {
    "query": ("query",),
    "calls": ("calls",),
    "rows": ("rows",),
    "hit_blocks": ("shared_blks_hit",),
    "read_blocks": ("shared_blks_read",),
    "total_ms": ("total_exec_time", "total_time"),
}


def read(dsn: str, plan: Plan = NOTHING, settle_s: float = 0.0) -> Catalog:
    """Read the catalog of the database that *dsn* names, on a read-only connection of its own.

    :param dsn: without a password; it may name a passfile or a service.
    :param settle_s: how long to wait for other backends to report their counters; who did not is in ``unseen``.
    :param plan: which statements of pg_stat_statements are planned, to see which tables they read as a whole:
        ``nothing``; ``own``, those that this role asked itself; ``all``, for the lab's own database alone.
    :raises ObserverError: if the DSN cannot be used, if the server does not answer in time, or if ``own`` is asked for
        by a superuser.
    """
    with connected(dsn, APPLICATION, timeout_s=_TIMEOUT_S) as connection:
        return _read(connection, plan, settle_s)


def _read(connection: Connection, plan: Plan, settle_s: float) -> Catalog:
    with connection.cursor() as cursor:
        cursor.execute(sql.load("indexes/catalog_path"))  # or anybody's function might be taken for the server's
        if plan == OWN:
            refuse_superuser(cursor)
    late = wait_settled(connection, settle_s)
    (scene,) = ask(connection, "indexes/scene")
    columns = {row["view"]: (row["schema"], row["columns"]) for row in ask(connection, "indexes/columns")}
    of_index = [*columns["pg_index"][1], *columns["pg_stat_all_indexes"][1]]
    apart = sql.load("indexes/apart").format(locked=sql.load("observe/locked"))
    of_table = columns["pg_stat_all_tables"][1]
    rows = ask(connection, "indexes/tables", {"columns": select_list(TABLES, of_table), "apart": apart})
    indexes = ask(connection, "indexes/indexes", {"columns": select_list(INDEXES, of_index), "apart": apart})
    locked = {row["oid"]: f"{row['schema']}.{row['name']}" for row in rows if row.pop("is_apart")}
    tables = [row for row in rows if row["oid"] not in locked]
    indexes = [row for row in indexes if row["table_oid"] not in locked]
    # a key of which the table cannot be looked at must not seem to have no index
    keys = [key for key in ask(connection, "indexes/foreign_keys") if key["table_oid"] not in locked]
    statements, unseen = _statements(connection, columns.get("pg_stat_statements"))
    if statements is not None:
        names = {str(table["bare_name"]) for table in tables}
        with connection.cursor() as cursor:
            statements, unplanned = planned(cursor, statements, names, plan)
        unseen = (*unseen, *unplanned)
    return Catalog(
        indexes=tuple(Index(**_tuples(row)) for row in indexes),
        tables=tuple(Table(**row) for row in tables),
        foreign_keys=tuple(ForeignKey(**_tuples(row)) for row in keys),
        statements=statements,
        unseen=(*unseen, *_locked(locked.values()), *_late(late)),
        **scene,
    )


def _locked(names: Collection[str]) -> tuple[str, ...]:
    return (f"tables: {', '.join(names)}; locked exclusively, or about to be",) if names else ()


def _late(backends: Sequence[Unreported]) -> tuple[str, ...]:
    if not backends:
        return ()
    pids = ", ".join(str(one.pid) for one in backends[:5])
    more = f" and {len(backends) - 5} more" if len(backends) > 5 else ""
    return (f"counters: pid {pids}{more} may hold some that were not reported yet",)


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _statements(
    connection: Connection, view: tuple[str, Sequence[str]] | None
) -> tuple[list[Asked] | None, tuple[str, ...]]:
    if view is None:
        return None, ("statements: the database has no extension pg_stat_statements",)
    schema, live = view
    try:
        rows = ask(connection, "indexes/statements", {"columns": select_list(STATEMENTS, live), "schema": schema})
    except ObserverError as error:
        return None, (f"statements: {error}",)
    seen = [row for row in rows if row["query"] not in (None, HIDDEN)]
    hidden = len(rows) - len(seen)
    unseen = (f"statements: the texts of {hidden} of {len(rows)} are hidden from this role; pg_monitor sees them",)
    return [_asked(row) for row in seen if is_query(row["query"])], unseen if hidden else ()


def _asked(row: Mapping[str, Any]) -> Asked:
    blocks = int(row["hit_blocks"]) + int(row["read_blocks"])
    return Asked(
        str(row["query"]), int(row["calls"]), int(row["rows"]), blocks, float(row["total_ms"]), is_own=row["is_own"]
    )


def is_query(statement: str) -> bool:
    """Whether a statement reads or changes rows, and so has a plan.

    >>> is_query("-- a comment\\n/* and one more */ SELECT 1"), is_query("BEGIN"), is_query("EXPLAIN SELECT 1")
    (True, False, False)
    """
    rest = statement.lstrip(" \t\r\n(")
    while rest.startswith(("--", "/*")):
        end = "\n" if rest.startswith("--") else "*/"
        rest = rest.partition(end)[2].lstrip(" \t\r\n(")
    return rest[:7].lower().startswith(("select", "with", "update", "delete", "insert", "merge"))
