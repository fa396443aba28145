"""Reads what is needed to tell a table's space, and asks pgstattuple where it may.

Nothing is written, and each question has a transaction of its own. Flush (:func:`lab.observe.settled.flush`) what is
your own before you look, or the counters are those of a moment ago.

Source: the manual, "pgstattuple"; its functions belong to the members of pg_stat_scan_tables, and so of pg_monitor.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from lab.errors import ObserverError, UsageError
from lab.observe.connection import ask, catalog_columns
from lab.observe.session import select_list
from lab.record.bloat import (
    APPROX,
    COUNTERS,
    ESTIMATE,
    EXACT,
    WAYS,
    Column,
    Counters,
    Index,
    Reading,
    Sample,
    Seen,
    SeenIndex,
    Table,
)
from lab.sql.columns import BLOAT as COUNTED
from lab.units import format_bytes

NOT_ASKED = "not asked"
_SHORT_HEADER_BYTES, _LONG_HEADER_BYTES, _SHORT_VALUE_BYTES = 1, 4, 126


class Look:
    """One look at the tables of a database: what the catalog knows is read once, and the files where they are asked.

    *tables* are those that can be looked at, the largest first, each TOAST table among them; *locked* are the names of
    those that somebody holds under an ACCESS EXCLUSIVE lock, or waits for one: even a size would have to wait.
    """

    def __init__(self, connection: Connection, names: Sequence[str] = ()) -> None:
        """Read the catalog and the counters of the tables *names*, with their TOAST tables; of all without any.

        :raises UsageError: naming a table that does not exist.
        :raises ObserverError: if the server does not answer.
        """
        self._connection = connection
        oids = [oid for name in names for oid in self._find(name)] or None
        began_s = time.monotonic()
        self.locked: tuple[str, ...] = ()
        self.tables: tuple[Table, ...] = self._read_tables(oids)
        self.catalog_ms = (time.monotonic() - began_s) * 1000
        self.schema, self.why_not = self._extension()

    def seen(self, table: Table, ways: Sequence[str] = WAYS, limit_bytes: int | None = None) -> Seen:
        """Look at one table, and at its indexes.

        :param ways: of ``exact``, ``approx``, ``estimate``, ``counters``; indexes know the first and the third.
        :param limit_bytes: do not read more than this of one file; None: read what is asked for.
        """
        readings: list[Reading] = []
        missing: dict[str, str] = {}
        for way in ways:
            self._look(way, table.oid, _to_read(way, table), limit_bytes, readings, missing)
        indexes = tuple(self._seen_index(index, ways, limit_bytes) for index in self._indexes(table.oid))
        return Seen(table, tuple(readings), indexes, missing)

    def sample(self, oid: int, at_s: float) -> Sample:
        """Read a table's file now, all of it: for small tables and their course over time.

        :param at_s: what the sample is stamped with.
        :raises ObserverError: if pgstattuple cannot be used.
        """
        if self.why_not:
            raise ObserverError(self.why_not)
        return Sample(at_s, **self._ask("sample", schema=self.schema, oid=oid)[0])

    def _seen_index(self, index: Index, ways: Sequence[str], limit_bytes: int | None) -> SeenIndex:
        readings: list[Reading] = []
        missing: dict[str, str] = {}
        for way in ways:
            if way == EXACT and index.method != "btree":
                missing[way] = f"pgstatindex reads b-trees, and this is {index.method}"
            elif way in (EXACT, ESTIMATE):
                self._look(way, index.oid, index.size_bytes, limit_bytes, readings, missing, "index_exact")
        return SeenIndex(index, tuple(readings), missing)

    def _look(
        self, way: str, oid: int, to_read_bytes: int, limit_bytes: int | None, readings: list[Reading],
        missing: dict[str, str], exact: str = "exact",
    ) -> None:  # fmt: skip
        if way in (ESTIMATE, COUNTERS):
            readings.append(Reading(way, self.catalog_ms))
            return
        if self.why_not:
            missing[way] = self.why_not
        elif limit_bytes is not None and to_read_bytes > limit_bytes:
            missing[way] = f"it would read {format_bytes(to_read_bytes)}, and the limit is {format_bytes(limit_bytes)}"
        else:
            began_s = time.monotonic()
            try:
                rows = self._ask(exact if way == EXACT else "approx", schema=self.schema, oid=oid)
            except ObserverError as error:
                missing[way] = str(error)
                return
            readings.append(Reading(way, (time.monotonic() - began_s) * 1000, rows[0]))

    def _find(self, name: str) -> list[int]:
        try:
            found = [int(row["oid"]) for row in self._ask("find", name=name) if row["oid"] is not None]
        except ObserverError as error:
            raise UsageError(f"{name!r} cannot be read as a table's name: {error}") from None
        if not found:
            raise UsageError(
                f"there is no table {name!r} here, or this role may not see its schema; write schema.table"
            )
        if not self._ask("relations", oids=found):
            if any(row["of_the_system"] for row in self._ask("kind", oids=found)):
                raise UsageError(f"{name!r} is one of the system's own, which are not looked at; name one of yours")
            raise UsageError(f"{name!r} has no rows of its own to look at; name a table or a materialized view")
        return found

    def _read_tables(self, oids: Sequence[int] | None) -> tuple[Table, ...]:
        found = self._ask("relations", oids=oids)
        self.locked = tuple(row["label"] for row in found if row["size_bytes"] is None)
        rows = [row for row in found if row["size_bytes"] is not None]
        wanted = [row["oid"] for row in rows]
        live = catalog_columns(self._connection, "pg_stat_all_tables")["pg_stat_all_tables"]
        counters = {row["oid"]: row for row in self._ask("counters", select_list(COUNTED, live), oids=wanted)}
        columns = self._columns("columns", wanted)
        return tuple(_table(row, columns[row["oid"]], counters.get(row["oid"])) for row in rows)

    def _indexes(self, oid: int) -> list[Index]:
        rows = [row for row in self._ask("indexes", oids=[oid]) if row["size_bytes"] is not None]
        columns = self._columns("index_columns", [row["oid"] for row in rows])
        return [Index(**row, columns=columns[row["oid"]]) for row in rows]

    def _columns(self, question: str, oids: Sequence[int]) -> dict[int, tuple[Column, ...]]:
        found: dict[int, list[Column]] = defaultdict(list)
        for row in self._ask(question, oids=list(oids)):
            found[row["oid"]].append(_column(row))
        return defaultdict(tuple, {oid: tuple(columns) for oid, columns in found.items()})

    def _extension(self) -> tuple[str, str]:
        """Return the schema of pgstattuple, or why it cannot be used."""
        rows = self._ask("extension")
        if not rows:
            return "", "this database has no extension pgstattuple; CREATE EXTENSION pgstattuple makes it"
        if not rows[0]["usable"]:
            return "", "this role may not use pgstattuple; grant it pg_stat_scan_tables, which pg_monitor contains"
        return str(rows[0]["schema"]), ""

    def _ask(self, question: str, columns: str = "", schema: str = "", **parameters: Any) -> list[dict[str, Any]]:
        return ask(self._connection, f"bloat/{question}", {"columns": columns, "schema": schema}, **parameters)


def _to_read(way: str, table: Table) -> int:
    """Return how many bytes of the file a way has to read, as far as the catalog knows it before."""
    if way == APPROX:
        return max(0, table.pages - table.visible_pages) * table.block_bytes
    return table.size_bytes


def _table(row: Mapping[str, Any], columns: tuple[Column, ...], counted: Mapping[str, Any] | None) -> Table:
    return Table(
        oid=row["oid"],
        label=row["label"],
        size_bytes=row["size_bytes"],
        block_bytes=row["block_bytes"],
        kind=row["kind"],
        toast_of=row["toast_of"],
        counted_pages=row["counted_pages"],
        counted_rows=row["counted_rows"],
        visible_pages=row["visible_pages"],
        fillfactor=row["fillfactor"],
        # ANALYZE knows nothing of a TOAST table's columns
        columns=() if row["kind"] == "t" else columns,
        counters=None if counted is None else _counters(counted),
    )


def _counters(row: Mapping[str, Any]) -> Counters:
    return Counters(
        live=row["live"] or 0,
        dead=row["dead"] or 0,
        changed=row["changed"] or 0,
        updated=row["updated"] or 0,
        hot=row["hot"] or 0,
        newpage=row["newpage"],
        vacuums=(row["vacuumed"] or 0) + (row["autovacuumed"] or 0),
        analyzes=(row["analyzed"] or 0) + (row["autoanalyzed"] or 0),
        last_vacuum=_latest(row["last_vacuum"], row["last_autovacuum"]),
        last_analyze=_latest(row["last_analyze"], row["last_autoanalyze"]),
        inserted=row["inserted"] or 0,
        deleted=row["deleted"] or 0,
    )


def _latest(*moments: Any) -> Any:
    return max((moment for moment in moments if moment is not None), default=None)


def _column(row: Mapping[str, Any]) -> Column:
    return Column(
        number=row["number"],
        name=row["name"],
        length=row["length"],
        align=row["align"],
        dropped=row["dropped"],
        added=row.get("added", False),
        shortens=row["shortens"],
        null_share=row["null_share"],
        width=row["width"],
        n_distinct=row["n_distinct"],
        common_shares=tuple(row["common_shares"] or ()),
        lengths=stored_lengths(
            row["common_lengths"] or (),
            row["common_shares"] or (),
            row["other_lengths"] or (),
            row["null_share"] or 0.0,
        ),
    )


def stored_lengths(
    common: Sequence[int], shares: Sequence[float], others: Sequence[int], null_share: float
) -> tuple[tuple[int, float], ...]:
    """Return lengths as stored, with their shares of the values that are not null, from those that ANALYZE kept.

    :param common: lengths in bytes of the most common values, and their *shares* of all rows.
    :param others: of values between which equally many of the rest lie.

    >>> stored_lengths([3], [0.5], [9, 9], 0.0)
    ((4, 0.5), (10, 0.5))
    """
    found: dict[int, float] = defaultdict(float)
    shares = shares[: len(common)]
    rest = max(0.0, 1.0 - null_share - sum(shares))
    for length, share in zip(common, shares, strict=True):
        found[_stored(length)] += share
    for length in others:
        found[_stored(length)] += rest / len(others)
    total = sum(found.values())
    return tuple((length, share / total) for length, share in sorted(found.items())) if total > 0 else ()


def _stored(length: int) -> int:
    return length + (_SHORT_HEADER_BYTES if length <= _SHORT_VALUE_BYTES else _LONG_HEADER_BYTES)
