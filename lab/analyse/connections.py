"""What the server saw of the app's connections: how many at a time, and how many sessions were opened in all.

Behind a PgBouncer these are its connections, and not the app's: it gives each the application_name of the client that
it serves.
"""

from typing import Any

import numpy as np

from lab.analyse.delta import at_mark, database_delta
from lab.record.run import Run

FIRST_MARK, LAST_MARK = "start", "after"


def backends(run: Run) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (us monotonic, backends of the app then) for every sample, also those that saw none; both may be empty."""
    rows = run.table("activity", ("t_us", "application", "backends"))
    mine = np.array(rows["application"].to_pylist(), dtype=object) == run.manifest.application
    seen_us, seen = rows["t_us"].to_numpy()[mine], rows["backends"].to_numpy()[mine]
    t_us = np.union1d(run.table("samples", ("t_us",))["t_us"].to_numpy(), seen_us)
    counts = np.zeros(len(t_us), np.int64)
    np.add.at(counts, np.searchsorted(t_us, seen_us), seen)
    return t_us, counts


def backends_in(run: Run, *states: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (us monotonic, backends of the app in one of *states* then) for every sample; both may be empty."""
    rows = run.table("activity", ("t_us", "application", "state", "backends"))
    application, state = (np.array(rows[name].to_pylist(), dtype=object) for name in ("application", "state"))
    mine = (application == run.manifest.application) & np.isin(state.astype(str), states)
    t_us = run.table("samples", ("t_us",))["t_us"].to_numpy()
    t_us = np.union1d(t_us, rows["t_us"].to_numpy())
    counts = np.zeros(len(t_us), np.int64)
    np.add.at(counts, np.searchsorted(t_us, rows["t_us"].to_numpy()[mine]), rows["backends"].to_numpy()[mine])
    return t_us, counts


def peak_backends(run: Run) -> int | None:
    """Return the most backends of the app in one sample; None if there was no sample."""
    _, counts = backends(run)
    return int(counts.max()) if len(counts) else None


def sessions_opened(run: Run) -> int | None:
    """Return the sessions opened between the marks ``start`` and ``after``.

    None where it is not known: before PostgreSQL 14, without both marks, or if the counters began again between them.
    """
    rows = run.table("database").to_pylist()
    first, last = (next(iter(at_mark(rows, mark)), None) for mark in (FIRST_MARK, LAST_MARK))
    opened = database_delta(first, last)["sessions"]
    return None if opened is None else int(opened)


def metered_connects(run: Run) -> int | None:
    """Return the server connections that the app's own meters counted.

    None unless every worker was heard, and behind a PgBouncer: what the app opens leads there, and how often that one
    connected to the server its console does not tell.
    """
    return None if run.manifest.pool.get("kind") == "pgbouncer" else logins(run)


def logins(run: Run) -> int | None:
    """Return the connections that the app's meters counted, wherever they lead; None unless every worker was heard."""
    workers = run.manifest.pool_counters.get("workers", [])
    counts = [worker.get("meter", {}).get("connects") for worker in workers]
    if not counts or None in counts or len(counts) != int(run.manifest.pool.get("workers", 1)):
        return None
    return int(sum(counts))
