"""``lab cancel`` and ``lab terminate``: an end to one query or session, if it is still the one that was seen.

Between two commands a pooled connection may have gone on to somebody else's request. So a session is named by the word
in the first column of ``lab activity``; after a bare pid the command looks itself, asks, and guards from that look.
"""

import sys
from collections.abc import Callable
from typing import Annotated

import typer
from psycopg2.extensions import connection as Connection

from lab.cli.activity import JSON, OUT, print_json
from lab.cli.target import DSN, again, dsn_of, flags, passed_on
from lab.errors import UsageError
from lab.observe import activity as sessions
from lab.observe import signals
from lab.record.triage import CLIENT, Identity, Receipt, described, no_client
from lab.units import parse_seconds

WAIT = Annotated[str, typer.Option(help="How long to wait for its end, such as 500ms or 5s.")]
YES = Annotated[bool, typer.Option("--yes", help="For a bare pid: do not ask.")]


def cancel(
    what: Annotated[str, typer.Argument(help="The word of `lab activity`, or a pid.", show_default=False)],
    dsn: DSN = "",
    wait: WAIT = "1s",
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Cancel one query, if and only if it still runs; the session stays.

    Only the word of a query is taken: of what is idle, or idle in a transaction, there is nothing to cancel.
    """
    _signal("cancel", signals.cancel, what, dsn, wait, yes, as_json)


def terminate(
    what: Annotated[str, typer.Argument(help="The word of `lab activity`, or a pid.", show_default=False)],
    dsn: DSN = "",
    wait: WAIT = "5s",
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """End one session, if and only if it is still at what its word names; its transaction is rolled back.

    The word of an active session names its query; of one that is idle in a transaction, that transaction, whatever
    else ran in it since; of an idle one, that idle time.
    """
    _signal("terminate", signals.terminate, what, dsn, wait, yes, as_json)


def _signal(
    act: str,
    send: Callable[[Connection, Identity, float], Receipt],
    what: str,
    dsn: str,
    wait: str,
    yes: bool,
    as_json: bool,
) -> None:
    wait_s = parse_seconds(wait)
    aim = None if what.isdecimal() else Identity.parse(what)
    if passed_on(dsn, act, what, f"--wait={wait}", *flags(yes=yes), as_json):
        return
    with sessions.connected(dsn_of(dsn), read_only=False) as connection:
        receipt = send(connection, aim or _aim(connection, act, int(what), yes, again(dsn)), wait_s)
    if as_json:
        print_json(receipt.as_json())
    elif receipt.sent:
        OUT.print(str(receipt), markup=False, soft_wrap=True)
    else:
        typer.echo(f"error: {receipt}", err=True)
    if not receipt.sent:
        raise typer.Exit(1)


def _aim(connection: Connection, act: str, pid: int, yes: bool, where: str) -> Identity:
    """Look at a pid that was given bare, and have it confirmed: the guard begins with this look."""
    found = signals.target(connection, pid)
    if found is None:
        raise UsageError(f"there is no session {pid}; `lab activity{where}` lists those that there are")
    if found.backend_type not in (None, CLIENT):
        raise UsageError(no_client(found))
    if found.identity is None:
        need = "grant this role pg_monitor" if found.hidden else "it needs track_activities"
        raise UsageError(f"what pid {pid} does cannot be seen, so it cannot be guarded; {need}")
    text = described(found, found.identity)
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"{pid} is {text}; say --yes, or name exactly this: lab {act} {found.identity}{where}")
    if not yes and not typer.confirm(f"{act} {text}?", err=True):
        raise typer.Abort
    return found.identity
