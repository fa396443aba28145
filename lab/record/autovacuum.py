"""What autovacuum looks at, and what is expected of it, as values.

A look is what one moment shows of a database: the settings, and for each table the numbers that autovacuum compares.
A prediction is kept with the counters it was made from, so that it can be held against a later look.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from lab.record.horizon import Holders
from lab.record.options import Options

VACUUM, ANALYZE = "vacuum", "analyze"
TOAST = "t"  # pg_class.relkind
# verdicts of a prediction
DUE, LATER, STILL, NEVER, UNKNOWN = "due", "later", "not while nothing changes", "never", "unknown"
# what a vacuum will do about the dead rows, while something holds the horizon
ALL, OLDER, NOTHING = "all", "only what died before", "nothing"


@dataclass(frozen=True, slots=True)
class Rules:
    """The server's settings (``autovacuum_...``). A threshold of -1 is off; None: this server does not know it."""

    enabled: bool = True  # autovacuum and track_counts
    naptime_s: float = 60.0
    max_workers: int = 3
    vacuum_threshold: int = 50
    vacuum_max_threshold: int | None = None
    vacuum_scale_factor: float = 0.2
    vacuum_insert_threshold: int = 1000
    vacuum_insert_scale_factor: float = 0.2
    analyze_threshold: int = 50
    analyze_scale_factor: float = 0.1
    freeze_max_age: int = 200_000_000
    multixact_freeze_max_age: int = 400_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """One table as autovacuum sees it: its estimated size, what has changed, how old it is, and what was done to it.

    ``reltuples`` is what the last VACUUM or ANALYZE thought, -1 (in 13: 0) if there was none; the threshold is computed
    from it, and not from ``live_rows``. The counters are those of pg_stat_all_tables, which lag behind the sessions.
    """

    oid: int
    schema: str
    name: str
    kind: str = "r"  # pg_class.relkind: r, m, or t for TOAST
    shared: bool = False
    catalog: bool = False
    options: Options | None = None  # None: it has no storage parameters at all
    parent: int | None = None  # of a TOAST table: whose it is
    reltuples: float = -1.0
    pages: int = 0
    frozen_pages: int | None = None  # relallfrozen; None before PostgreSQL 18
    live_rows: int = 0
    dead_rows: int = 0
    inserted_rows: int = 0  # since the last vacuum
    changed_rows: int = 0  # since the last analyze
    xid_age: int | None = None  # of relfrozenxid, transactions
    multixact_age: int | None = None  # of relminmxid
    autovacuums: int = 0
    autoanalyzes: int = 0
    vacuums: int = 0  # by hand
    analyzes: int = 0
    last_autovacuum: datetime | None = None  # when it ended
    last_autoanalyze: datetime | None = None
    last_vacuum: datetime | None = None
    last_analyze: datetime | None = None
    locked_by: int | None = None  # pid of a session whose lock autovacuum does not wait for

    @property
    def full_name(self) -> str:
        """Its name with its schema, as pg_stat_all_tables has them."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of a database. *at* is the server's clock; *notes* say what could not be seen."""

    at: datetime
    database: str
    tables: tuple[Table, ...]
    rules: Rules = field(default_factory=Rules)
    holders: Holders = field(default_factory=Holders)
    databases: int = 1  # of the server: autovacuum visits them in turn
    workers: int | None = 0  # autovacuum workers at work; None: not visible
    endangered: tuple[str, ...] = ()  # other databases near wraparound, which go first
    server: str = ""  # system identifier
    started_at: datetime | None = None  # of the server
    in_recovery: bool = False
    notes: tuple[str, ...] = ()
    _by_oid: dict[int, Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the tables: a prediction asks for each of them in every look."""
        object.__setattr__(self, "_by_oid", {table.oid: table for table in self.tables})

    def table(self, oid: int) -> Table | None:
        """Return one table by its oid; None if it is not there."""
        return self._by_oid.get(oid)

    def named(self, name: str) -> Table | None:
        """Return one table by its name, with its schema or without (then that of any schema); None if there is none."""
        return next((table for table in self.tables if name in (table.full_name, table.name)), None)


@dataclass(frozen=True, slots=True)
class Prediction:
    """When autovacuum will next do *action* to a table, and why; times are seconds after *made_at*.

    ``due`` and ``later`` have the interval in which the worker starts on it; *latest_s* is None where nothing bounds
    it. *threshold* and *first* are of *reason*: it runs as soon as the count is at least *first*.
    """

    server: str
    database: str
    oid: int
    table: str
    toast_of: str  # the table whose TOAST this is; empty for others
    action: str
    verdict: str
    made_at: datetime
    reason: str = ""  # dead rows, inserts, changes, age, multixact age
    count: int = 0
    threshold: float | None = None
    first: int | None = None
    rate_per_s: float | None = None
    earliest_s: float | None = None
    latest_s: float | None = None
    because: str = ""
    removes: str = ALL  # of a vacuum: what it will do about the dead rows
    held_by: str = ""
    runs_before: int = 0  # autovacuum_count or autoanalyze_count
    by_hand_before: int = 0  # vacuum_count or analyze_count
    last_run_at: datetime | None = None  # when the last of the runs before ended, as far as the counters knew
    started_at: datetime | None = None  # of the server: a crash or restart voids the counters

    def as_json(self) -> dict[str, Any]:
        """Return what its line of the file holds."""
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Prediction":
        """Read one line; keys that are not known are left out.

        :raises TypeError: if a field is missing.
        """
        known = {one.name for one in fields(cls)}
        values: dict[str, Any] = {key: value for key, value in document.items() if key in known}
        for time in ("made_at", "started_at", "last_run_at"):
            if values.get(time):
                values[time] = datetime.fromisoformat(values[time])
        return cls(**values)
