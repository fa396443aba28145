"""Cancel a query, or terminate a session, if and only if it is still what was looked at.

Between a look and a signal a pooled connection goes on to the next request, under the same pid and with the same
``backend_start``. So the statement that signals compares, in itself, everything that makes the target this one: pid,
backend_start, and the start of the query (active), of the transaction (idle in transaction) or of the idle time.

What remains is the time between the server's reading of the session's entry and its ``kill()``, some ten microseconds
in one process. If that process loses the CPU in between, it could be milliseconds: so the statement compares twice, and
signals only if the second comparison was quick. It looks once more right after the signal: if nothing later
had begun by then, nothing else can have been hit, and the receipt is *certain*; otherwise it says that it is not.

Source: PostgreSQL's ``signalfuncs.c`` and ``postgres.c`` (a cancel that arrives between two queries is dropped).
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.observe.activity import columns, session, session_columns, sessions
from lab.observe.connection import asked
from lab.observe.session import one_line
from lab.process import wait_until
from lab.record.triage import (
    BUSY,
    CHANGED,
    CLIENT,
    GONE,
    HIDDEN,
    IDLE,
    IN_TRANSACTION,
    NO_CLIENT,
    NOT_ACTIVE,
    NOT_PERMITTED,
    OWN,
    QUERY,
    SENT,
    TRANSACTION,
    Identity,
    Receipt,
    Session,
)

CANCEL, TERMINATE = "cancel", "terminate"
_LIMIT_US, _TRIES = 30.0, 20
_SIGNALS = {CANCEL: "pg_cancel_backend", TERMINATE: "pg_terminate_backend"}
_KINDS = {CANCEL: [QUERY], TERMINATE: [QUERY, TRANSACTION, IDLE]}


def target(connection: Connection, pid: int) -> Session | None:
    """Look at one session, to aim at it; None if there is none of this pid."""
    return next((one for one in sessions(connection) if one.pid == pid), None)


def cancel(connection: Connection, aim: Identity, wait_s: float = 1.0) -> Receipt:
    """Cancel the query *aim*, and wait up to *wait_s* for its end.

    Of a session that is idle in a transaction there is nothing to cancel: the server would say true and do nothing, so
    nothing is sent.
    """
    return _signal(connection, CANCEL, aim, wait_s)


def terminate(connection: Connection, aim: Identity, wait_s: float = 5.0) -> Receipt:
    """End the session that is at *aim*, and wait up to *wait_s* until it is gone.

    It is polled on every version: with a timeout ``pg_terminate_backend`` (14 and later) looks once in 100 ms.
    """
    return _signal(connection, TERMINATE, aim, wait_s)


def _signal(connection: Connection, act: str, aim: Identity, wait_s: float) -> Receipt:
    began_s = time.monotonic()
    try:
        row = _send(connection, act, aim)
    except psycopg2.errors.InsufficientPrivilege as error:
        reason = one_line(error).partition(" DETAIL:")[0]
        return Receipt(act, aim, NOT_PERMITTED, target(connection, aim.pid), reason=reason)
    if row is None:
        return Receipt(act, aim, GONE, None)
    found = session(row)
    if not row["sent"]:
        return Receipt(act, aim, _refusal(act, aim, found, row), found)
    ended = wait_until(lambda: _is_over(connection, act, aim), wait_s, every_s=0.005)
    took_ms = (time.monotonic() - began_s) * 1000 if ended else None
    return Receipt(act, aim, SENT, found, bool(row["certain"]), ended, took_ms)


def _send(connection: Connection, act: str, aim: Identity) -> dict[str, Any] | None:
    """Signal, or return what stood against it; again, if the server was given no CPU between comparing and signalling.

    How long the server may take from the second comparison to the signal is what the comparison needs here, and never
    more than a thousandth of the target's age: what has lasted so long does not end just now.
    """
    live = columns(connection)["pg_stat_activity"]
    text = sql.load("triage/signal").format(columns=session_columns(live), signal=_SIGNALS[act])
    parameters, fastest_us, row = {**_parameters(aim), "kinds": _KINDS[act]}, math.inf, None
    for _ in range(_TRIES):
        usual_us = 0.0 if fastest_us is math.inf else 2.5 * fastest_us
        rows = asked(connection, text, {**parameters, "limit_us": max(_LIMIT_US, usual_us)})
        row = rows[0] if rows else None
        if row is None or row["sent"] or not row["still"]:
            break
        fastest_us = min(fastest_us, row["read_us"])
    return row


def _parameters(aim: Identity) -> dict[str, Any]:
    return {"pid": aim.pid, "backend_start": aim.backend_start, "kind": aim.kind, "since": aim.since}


def _is_over(connection: Connection, act: str, aim: Identity) -> bool:
    (row,) = asked(connection, sql.load("triage/state"), _parameters(aim))
    return not row["there"] if act == TERMINATE else not row["at_it"]


def _refusal(act: str, aim: Identity, found: Session, row: Mapping[str, Any]) -> str:
    """Say why the statement did not signal what it found."""
    if row["own"]:
        return OWN
    if found.hidden:
        return HIDDEN
    if found.backend_start != aim.backend_start:
        return GONE
    if found.backend_type != CLIENT:
        return NO_CLIENT
    if row["matches"]:
        return BUSY if row["still"] else CHANGED
    if act == CANCEL and found_kind(found) != QUERY:
        return IN_TRANSACTION if aim.kind == found_kind(found) == TRANSACTION else NOT_ACTIVE
    return CHANGED


def found_kind(found: Session) -> str | None:
    """Return what a session is at: a query, a transaction or idle; None if that cannot be told."""
    return found.identity.kind if found.identity else None
