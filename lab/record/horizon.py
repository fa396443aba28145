"""What keeps VACUUM from removing dead rows, as values.

VACUUM removes a row once no transaction may still need it. Whoever may still need old rows has a transaction number of
its own (it has written) or a snapshot (it may read again what it saw), or keeps one for somebody else (a replication
slot, a standby that reports what its queries need). The oldest of them is the horizon.

Source: PostgreSQL's ``procarray.c`` (``ComputeXidHorizons``, before 14 ``GetOldestXmin``).
"""

from dataclasses import dataclass
from datetime import datetime

SESSION, PREPARED, SLOT, STANDBY = "session", "prepared transaction", "slot", "standby"


@dataclass(frozen=True, slots=True)
class Holder:
    """One that may still need old rows.

    *database* is where it holds them, None: in all. *catalogs_only*: it needs rows of the catalogs alone (a logical
    slot's ``catalog_xmin``). *xid_age* counts the transactions that have begun since, so 0 holds nothing that is dead
    already, and all that dies from now on. *by* is the column that gave it away.
    """

    kind: str
    name: str  # a pid, the global identifier of a prepared transaction, or a slot
    by: str  # backend_xid, backend_xmin, transaction, xmin, catalog_xmin
    xid_age: int
    database: str | None = None
    catalogs_only: bool = False
    pid: int | None = None
    since: datetime | None = None  # of its transaction; None: not told
    state: str = ""
    user: str = ""
    application: str = ""
    query: str = ""  # its latest

    @property
    def named(self) -> str:
        """Name it in a sentence.

        >>> Holder("session", "812", "backend_xid", 3, pid=812, state="idle in transaction").named
        'pid 812 (idle in transaction, backend_xid)'
        >>> Holder("slot", "copy", "xmin", 3).named
        'slot copy (xmin)'
        """
        if self.kind == SESSION:
            return f"pid {self.name} ({', '.join(part for part in (self.state, self.by) if part)})"
        if self.kind == STANDBY:
            return f"standby {self.application or 'without a name'} (walsender pid {self.name}, {self.by})"
        return f"{self.kind} {self.name}" + (f" ({self.by})" if self.kind == SLOT else "")

    @property
    def identity(self) -> tuple[object, ...]:
        """What stays the same while it holds: a session's next transaction is another holder."""
        return (self.kind, self.name, self.since)


@dataclass(frozen=True, slots=True)
class Holders:
    """All that hold the horizon of one server, the oldest first.

    *unseen* counts sessions of other roles: their numbers are told to everybody, what they do and since when is not.
    """

    all: tuple[Holder, ...] = ()
    unseen: int = 0

    def of(self, database: str, catalog: bool = False, shared: bool = False) -> tuple[Holder, ...]:
        """Return those that count for a table: of this database or of all, and what needs catalogs only for those.

        >>> slot = Holder("slot", "logical", "catalog_xmin", 9, catalogs_only=True)
        >>> far = Holder("session", "7", "backend_xid", 5, database="other")
        >>> held = Holders((slot, far))
        >>> held.of("app"), len(held.of("app", catalog=True)), len(held.of("app", catalog=True, shared=True))
        ((), 1, 2)
        """
        return tuple(
            one
            for one in self.all
            if (shared or one.database in (None, database)) and (catalog or not one.catalogs_only)
        )


def lasting(earlier: Holders, later: Holders) -> Holders:
    """Return what held the horizon at both looks: a query that comes and goes is no holder to speak of."""
    known = {one.identity for one in earlier.all}
    return Holders(tuple(one for one in later.all if one.identity in known), later.unseen)
