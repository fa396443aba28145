"""Who waits for whom, and for which lock: one look at ``pg_blocking_pids``, ``pg_locks`` and ``pg_prepared_xacts``.

``pg_blocking_pids`` is the server's own answer. It knows which modes conflict, who stands before whom in the queue, and
whose parallel workers wait; it says 0 for a prepared transaction. Joining ``pg_locks`` with itself knows none of that.

The three are read one after the other, so a lock may have come or gone between them: what does not fit is unknown, and
never made up.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from lab import sql
from lab.observe.activity import columns, sessions
from lab.observe.connection import asked
from lab.observe.session import select_list
from lab.record.triage import Lock, Prepared, Scene, Session
from lab.sql.columns import LOCK_TAG, LOCKS

_TAG = LOCK_TAG[:-1]


def look(connection: Connection, others: Collection[int] = ()) -> Scene:
    """Return all sessions, with the locks of those who wait or are waited for, and of the pids in *others*."""
    seen = sessions(connection)
    live = columns(connection)["pg_locks"]
    text = sql.load("triage/locks").format(columns=_qualified(live))
    locks = asked(connection, text, {"pids": sorted({*_party(seen), *others})})
    prepared = asked(connection, sql.load("triage/prepared"))
    return Scene(
        seen,
        tuple(_lock(row) for row in locks),
        tuple(Prepared(row["xid"], row["gid"], row["owner"], row["database"], row["prepared"]) for row in prepared),
    )


def _qualified(live: Collection[str]) -> str:
    """Write the columns of pg_locks, which is joined with a view that has some of the same names."""
    return select_list(LOCKS, [f"l.{name}" for name in live])


def _party(seen: Sequence[Session]) -> set[int]:
    """Return the pids of those who wait or are waited for, and of the workers of both."""
    waiting = {one.pid for one in seen if one.blocked_by}
    pids = waiting | {pid for one in seen for pid in one.blocked_by if pid}
    leaders = pids | {one.leader_pid for one in seen if one.pid in pids and one.leader_pid}
    return pids | {one.pid for one in seen if one.leader_pid in leaders} | {pid for pid in leaders if pid}


def _lock(row: Mapping[str, Any]) -> Lock:
    tag = (*(row[name] for name in _TAG), row["objsubid"])
    return Lock(row["pid"], row["mode"], row["granted"], tag, _what(row), row["waitstart"], row["prepared_xid"])


def _what(row: Mapping[str, Any]) -> str:
    """Name what is locked, for people."""
    elsewhere = f" of database {row['database_name']}" if row["database_name"] and not row["relation_name"] else ""
    relation = row["relation_name"] or f"relation {row['relation']}{elsewhere}"
    named = {
        "relation": relation,
        "extend": f"extension of {relation}",
        "page": f"page {row['page']} of {relation}",
        "tuple": f"row ({row['page']},{row['tuple']}) of {relation}",
        "transactionid": f"transaction {row['transactionid']}",
        "virtualxid": f"virtual transaction {row['virtualxid']}",
        "advisory": f"advisory {_advisory(row)}",
    }
    return named.get(row["locktype"], f"{row['locktype']} {row['classid']}.{row['objid']}{elsewhere}")


def _advisory(row: Mapping[str, Any]) -> str:
    """Write an advisory lock's key as it was given: one bigint, or two integers."""
    if row["objsubid"] == 1:
        key = (int(row["classid"]) << 32) | int(row["objid"])
        return str(key - (1 << 64) if key >= 1 << 63 else key)
    return f"({row['classid']}, {row['objid']})"
