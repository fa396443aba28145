"""What statements and tables of a recorded run did: from the snapshots at its marks."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from lab.analyse.delta import Row, TableDelta, at_mark, relations_lost, table_deltas
from lab.analyse.statements import StatementDeltas, statement_deltas
from lab.errors import RecordError
from lab.record.counters import Began, Snapshot, StatementCounters, TableCounters, names_of
from lab.record.run import Run

MARKS = (("warm", "load_done"), ("start", "after"))  # the first of which a run has both


@dataclass(frozen=True, slots=True)
class RecordedStatements:
    """A run's statements between two of its marks. *requests* that were answered then; None if they were not kept."""

    run: Run
    marks: tuple[str, str]
    seconds: float
    statements: StatementDeltas
    requests: int | None


def recorded_statements(run: Run) -> RecordedStatements:
    """Return what the statements did while the run was measured; for the whole run where those marks are missing.

    Of an application or a database that is not the lab's it is the whole run: all of its load is in it.

    :raises RecordError: if the run has no two snapshots.
    """
    databases, statements = (run.table(name).to_pylist() for name in ("database", "statements"))
    ahead_us = run.manifest.clock_unix_us - run.manifest.clock_monotonic_us
    # of somebody's application the requests of the whole load are counted, and so are its statements
    for marks in reversed(MARKS) if run.manifest.own else MARKS:
        found = [snapshot_at(mark, databases, statements, ahead_us) for mark in marks]
        before, after = found
        if before is not None and after is not None:
            span_us = before.t_us, after.t_us
            seconds = (after.t_us - before.t_us) / 1e6
            return RecordedStatements(run, marks, seconds, statement_deltas(before, after), _answered(run, span_us))
    if run.manifest.own and not run.manifest.own.get("database"):
        raise RecordError(f"run {run.folder.name} has no statements: no database was observed; give lab run a --dsn")
    raise RecordError(f"run {run.folder.name} has no two snapshots of the server's counters; make the run again")


def recorded_tables(run: Run) -> tuple[TableDelta, ...]:
    """Return what happened to each table between the marks ``start`` and ``after``; nothing where they are missing.

    All backends of the app had ended at the second, so that nothing is late; the whole run is in it, warm-up and all.

    :raises RecordError: if the run cannot be read.
    """
    if "tables" not in run.manifest.files:
        return ()
    rows, databases = run.table("tables").to_pylist(), run.table("database").to_pylist()
    looks = [snapshot_at(mark, databases, []) for mark in MARKS[1]]
    before, after = ([_table(row) for row in at_mark(rows, mark)] for mark in MARKS[1])
    if looks[0] is None or looks[1] is None or not before:
        return ()
    return table_deltas(before, after, relations_lost(looks[0].began, looks[1].began))


def _table(row: Row) -> TableCounters:
    return TableCounters(**{item.name: row[item.name] for item in fields(TableCounters) if item.name in row})


def snapshot_at(mark: str, databases: list[Row], statements: list[Row], ahead_us: int = 0) -> Snapshot | None:
    """Return what the observer saw at a mark; None if there is none. It looks at neither tables nor indexes.

    :param databases: all rows of the record's table ``database``, and *statements* of that of this name.
    :param ahead_us: wall clock minus monotonic clock.
    """
    row = next(iter(at_mark(databases, mark)), None)
    if row is None:
        return None
    return Snapshot(
        taken_at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["t_us"] + ahead_us),
        t_us=row["t_us"],
        version=0,
        database="",
        datid=0,
        began=_began(row),
        counters=row,
        # a run of a server without pg_stat_statements has no row at any mark
        statements=tuple(map(_statement, at_mark(statements, mark))) if statements else None,
    )


def _began(row: Row) -> Began:
    known: dict[str, Any] = {name: row.get(name) for name in names_of(Began)}
    return Began(
        **{
            **known,
            "postmaster_start": "",
            "bgwriter_reset": row.get("cluster_reset"),
            "database_reset": row.get("stats_reset"),
        }
    )


def _statement(row: Row) -> StatementCounters:
    """Make a value of a row; columns that an older record lacks are None, and the ids that a run does not keep 0."""
    kept = {item.name: row[item.name] for item in fields(StatementCounters) if item.name in row}
    return StatementCounters(**{**kept, "dbid": 0, "queryid": row["queryid"] or 0})


def _answered(run: Run, span_us: tuple[int, int]) -> int | None:
    if run.manifest.detail != "requests":
        return None
    done_us = run.table("requests", ("done_us",))["done_us"].drop_null().to_numpy()
    return int(np.count_nonzero((done_us >= span_us[0]) & (done_us <= span_us[1])))
