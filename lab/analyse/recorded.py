"""What the statements of a recorded run did while it was measured: from the snapshots at the observer's marks."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from lab.analyse.delta import Row, at_mark
from lab.analyse.statements import StatementDeltas, statement_deltas
from lab.errors import RecordError
from lab.record.counters import Began, Snapshot, StatementCounters, names_of
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

    :raises RecordError: if the run has no two snapshots.
    """
    databases, statements = (run.table(name).to_pylist() for name in ("database", "statements"))
    ahead_us = run.manifest.clock_unix_us - run.manifest.clock_monotonic_us
    for marks in MARKS:
        found = [snapshot_at(mark, databases, statements, ahead_us) for mark in marks]
        before, after = found
        if before is not None and after is not None:
            span_us = before.t_us, after.t_us
            seconds = (after.t_us - before.t_us) / 1e6
            return RecordedStatements(run, marks, seconds, statement_deltas(before, after), _answered(run, span_us))
    raise RecordError(f"run {run.folder.name} has no two snapshots of the server's counters; make the run again")


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
    return Began(**{**known, "postmaster_start": "", "bgwriter_reset": row.get("cluster_reset")})


def _statement(row: Row) -> StatementCounters:
    """Make a value of a row; columns that an older record lacks are None, and the ids that a run does not keep 0."""
    kept = {item.name: row[item.name] for item in fields(StatementCounters) if item.name in row}
    return StatementCounters(**{**kept, "dbid": 0, "queryid": row["queryid"] or 0})


def _answered(run: Run, span_us: tuple[int, int]) -> int | None:
    if run.manifest.detail != "requests":
        return None
    done_us = run.table("requests", ("done_us",))["done_us"].drop_null().to_numpy()
    return int(np.count_nonzero((done_us >= span_us[0]) & (done_us <= span_us[1])))
