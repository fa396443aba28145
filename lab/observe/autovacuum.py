"""What autovacuum looks at, read from a server in the columns that it has: one look, or one after the other.

The numbers are those of the connection's database. They are the server's counters, which lag behind the sessions that
write; autovacuum sees the same ones. What the role may not see is named in the look's notes.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg2.extensions import connection as Connection

from lab.observe.connection import ask, catalog_columns
from lab.observe.horizon import holders
from lab.observe.session import select_list
from lab.record.autovacuum import Look, Rules, Table
from lab.record.options import options
from lab.sql.columns import AUTOVACUUM

_OFF = ("off", "false", "no", "0")


def look(connection: Connection) -> Look:
    """Return what autovacuum sees of the connection's database now. The connection must be in autocommit.

    :raises ObserverError: if the server does not answer.
    """
    server = ask(connection, "observe/autovacuum_server")[0]
    settings = {row["name"]: row["setting"] for row in ask(connection, "observe/autovacuum_settings")}
    held = holders(connection)
    return Look(
        at=server["at"],
        database=server["database"],
        tables=tables(connection),
        rules=rules(settings),
        holders=held,
        databases=server["databases"],
        workers=None if held.unseen else server["workers"],
        endangered=tuple(server["endangered"]),
        server=ask(connection, "observe/system_identifier")[0]["system_identifier"] if server["tells_identity"] else "",
        started_at=server["started_at"],
        in_recovery=server["in_recovery"],
        notes=_notes(held.unseen),
    )


_WHERE = {"pg_class": "c", "pg_stat_all_tables": "s"}  # autovacuum's numbers stand, as the question calls them


def looks(connection: Connection, seconds: float, every_s: float = 0.5) -> Iterator[Look]:
    """Give a look now, then one every *every_s* for *seconds*; at least two, unless *seconds* is 0."""
    end = time.monotonic() + seconds
    yield look(connection)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(every_s, left))
        yield look(connection)


def tables(connection: Connection) -> tuple[Table, ...]:
    """Return every table, materialized view and TOAST table of the database that autovacuum may work on."""
    found = catalog_columns(connection, *_WHERE)
    live = {f"{alias}.{column}" for name, alias in _WHERE.items() for column in found[name]}
    rows = ask(connection, "observe/autovacuum_tables", {"columns": select_list(AUTOVACUUM, live)})
    return tuple(Table(options=options(row.pop("reloptions")), **row) for row in rows)


def rules(settings: Mapping[str, str]) -> Rules:
    """Return the server's rules from its settings by name, in the units of pg_settings.

    >>> rules({"autovacuum": "on", "track_counts": "on", "autovacuum_naptime": "60"}).vacuum_max_threshold is None
    True
    """
    known = {name.removeprefix("autovacuum_"): text for name, text in settings.items()}
    whole = (
        "vacuum_threshold", "vacuum_max_threshold", "vacuum_insert_threshold", "analyze_threshold", "freeze_max_age",
        "multixact_freeze_max_age", "max_workers",
    )  # fmt: skip
    parts = ("vacuum_scale_factor", "vacuum_insert_scale_factor", "analyze_scale_factor")
    values: dict[str, Any] = {name: int(known[name]) for name in whole if name in known}
    values |= {name: float(known[name]) for name in parts if name in known}
    if "worker_slots" in known and "max_workers" in values:
        values["max_workers"] = min(values["max_workers"], int(known["worker_slots"]))
    on = all(settings.get(name, "on") not in _OFF for name in ("autovacuum", "track_counts"))
    return Rules(enabled=on, naptime_s=float(known.get("naptime", 60)), **values)


def _notes(unseen: int) -> tuple[str, ...]:
    if not unseen:
        return ()
    return (
        f"what {unseen} sessions do is hidden, and how many autovacuum workers there are; grant the role pg_monitor",
    )
