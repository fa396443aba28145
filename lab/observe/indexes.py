"""What a database tells of its indexes: read from any server that can be reached, and nothing is written to it.

The catalogs are open to every role. The texts of other roles' statements need ``pg_monitor``, and planning one of them
needs the right to read its tables; what this role may not see is named in the catalog's ``unseen``, and never guessed.

A statement's plan says which table it reads as a whole, and by which condition it keeps rows. The text that
pg_stat_statements has carries no values, so it is planned for any value, as a prepared statement is in the end. It is
not run: PREPARE and EXPLAIN do not execute, and the session is read-only. Planning can count scans of an index (the
planner looks up its ends); without values and without merge joins it has no reason to.

Counters reach the views up to ten seconds late from a connection that is idle; on PostgreSQL 13 and 14 not before it
works again or ends. An index that was used for the first time just now may look unused.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.errors import ObserverError
from lab.observe.session import check_dsn, one_line, select_list
from lab.observe.settled import wait_settled
from lab.record.counters import Unreported
from lab.record.indexes import Asked, Catalog, ForeignKey, Index, Table, WholeRead

OPTIONS = (
    "-c default_transaction_read_only=on -c jit=off -c statement_timeout=20000 -c lock_timeout=2000 -c timezone=UTC"
    " -c idle_in_transaction_session_timeout=60000"
)
MOST_PLANNED = 50  # statements, those with the most blocks first: what reads whole tables is among them
PASS_ON = ("Sort", "Incremental Sort", "ModifyTable", "LockRows", "Result", "Append", "Materialize", "Seq Scan")
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


def read(dsn: str, plan: bool = True, settle_s: float = 0.0) -> Catalog:
    """Read the catalog of the database that *dsn* names, on a read-only connection of its own.

    :param dsn: without a password; it may name a passfile or a service.
    :param settle_s: how long to wait for other backends to report their counters; who did not is in ``unseen``.
    :param plan: plan the statements of pg_stat_statements, to see which tables they read as a whole.
    :raises ObserverError: if the DSN cannot be used, or the server does not answer in time.
    """
    check_dsn(dsn)
    try:
        with _connected(dsn) as connection:
            return _read(connection, plan, settle_s)
    except psycopg2.Error as error:
        raise ObserverError(f"the indexes could not be read: {one_line(error)}; see that the server answers") from None


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    connection = psycopg2.connect(dsn, application_name="lab-admin-indexes", options=OPTIONS, connect_timeout=10)
    try:
        connection.autocommit = True  # in a transaction the server would repeat its first answer
        yield connection
    finally:
        connection.close()


def _read(connection: Connection, plan: bool, settle_s: float) -> Catalog:
    late = wait_settled(connection, settle_s)
    with connection.cursor() as cursor:
        cursor.execute(sql.load("observe/quiet"))
        asker = _Asker(cursor)
        (scene,) = asker.ask("scene")
        columns = {view: (schema, live) for view, schema, live in asker.plain("columns")}
        of_index = [*columns["pg_index"][1], *columns["pg_stat_all_indexes"][1]]
        indexes = asker.ask("indexes", columns=select_list(INDEXES, of_index))
        tables = asker.ask("tables", columns=select_list(TABLES, columns["pg_stat_all_tables"][1]))
        keys = asker.ask("foreign_keys")
        statements, unseen = _statements(asker, columns.get("pg_stat_statements"))
        if statements is not None and plan:
            names = {str(table["bare_name"]) for table in tables}
            statements, unplanned = _planned(connection, statements, names)
            unseen = (*unseen, *unplanned)
    return Catalog(
        indexes=tuple(Index(**_tuples(row)) for row in indexes),
        tables=tuple(Table(**row) for row in tables),
        foreign_keys=tuple(ForeignKey(**_tuples(row)) for row in keys),
        statements=statements,
        unseen=(*unseen, *_late(late)),
        **scene,
    )


def _late(backends: Sequence[Unreported]) -> tuple[str, ...]:
    if not backends:
        return ()
    pids = ", ".join(str(one.pid) for one in backends[:5])
    more = f" and {len(backends) - 5} more" if len(backends) > 5 else ""
    return (f"counters: pid {pids}{more} may hold some that were not reported yet",)


class _Asker:
    """Runs the questions of ``lab/sql/indexes``, with rows by name."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def plain(self, name: str, **parts: str) -> list[tuple[Any, ...]]:
        text = sql.load(f"indexes/{name}")
        self._cursor.execute(text.format(**parts) if parts else text)
        return list(self._cursor.fetchall())

    def ask(self, name: str, **parts: str) -> list[dict[str, Any]]:
        rows = self.plain(name, **parts)
        names = [column.name for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _statements(asker: _Asker, view: tuple[str, Sequence[str]] | None) -> tuple[list[Asked] | None, tuple[str, ...]]:
    if view is None:
        return None, ("statements: the database has no extension pg_stat_statements",)
    schema, live = view
    try:
        rows = asker.ask("statements", columns=select_list(STATEMENTS, live), schema=schema)
    except psycopg2.Error as error:
        return None, (f"statements: {one_line(error)}",)
    seen = [row for row in rows if row["query"] not in (None, HIDDEN)]
    hidden = len(rows) - len(seen)
    unseen = (f"statements: the texts of {hidden} of {len(rows)} are hidden from this role; pg_monitor sees them",)
    return [_asked(row) for row in seen if is_query(row["query"])], unseen if hidden else ()


def _asked(row: Mapping[str, Any]) -> Asked:
    blocks = int(row["hit_blocks"]) + int(row["read_blocks"])
    return Asked(str(row["query"]), int(row["calls"]), int(row["rows"]), blocks, float(row["total_ms"]))


def _planned(
    connection: Connection, statements: Sequence[Asked], tables: Collection[str]
) -> tuple[list[Asked], tuple[str, ...]]:
    """Plan the statements that name a table, those with the most blocks first."""
    ordered = sorted(statements, key=lambda one: -one.blocks)
    chosen = [one for one in ordered if any(name in one.query for name in tables)]
    planned = {}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("indexes/plan_settings"))
        for one in chosen[:MOST_PLANNED]:
            planned[one] = _whole_reads(cursor, one.query)
    failed = sum(found is None for found in planned.values())
    made = [
        Asked(one.query, one.calls, one.rows, one.blocks, one.total_ms, planned.get(one)) for one in ordered
    ]  # fmt: skip
    note = f"plans: {failed} of {len(planned)} statements could not be planned by this role as they stand"
    return made, (note,) if failed else ()


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


def quoted(name: str) -> str:
    """Return a name as the server quotes it in what it writes, keywords left aside.

    >>> quoted("posts"), quoted("Posts")
    ('posts', '"Posts"')
    """
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name)
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _whole_reads(cursor: Any, query: str) -> tuple[WholeRead, ...] | None:
    """Plan one statement for any value; None if that cannot be done."""
    try:
        cursor.execute(sql.load("indexes/plan_prepare").replace("{statement}", query))
        try:
            cursor.execute(sql.load("indexes/plan_parameters"))
            count = int(cursor.fetchone()[0])
            values = f"({', '.join(['NULL'] * count)})" if count else ""
            cursor.execute(sql.load("indexes/plan_explain").replace("{values}", values))
            plan = cursor.fetchone()[0]
        finally:
            cursor.execute(sql.load("indexes/plan_forget"))
    except psycopg2.Error:
        return None
    return tuple(dict.fromkeys(_scans([plan[0]["Plan"]])))


def _scans(nodes: Iterable[Mapping[str, Any]], is_reduced: bool = False) -> Iterator[WholeRead]:
    for node in nodes:
        if node["Node Type"] == "Seq Scan" and "Filter" in node:
            table, alias = f"{quoted(node['Schema'])}.{quoted(node['Relation Name'])}", quoted(node["Alias"])
            condition = str(node["Filter"]).replace(f"{alias}.", "")
            yield WholeRead(table, condition, int(node["Plan Rows"]), is_reduced)
        yield from _scans(node.get("Plans", ()), is_reduced or node["Node Type"] not in PASS_ON)
