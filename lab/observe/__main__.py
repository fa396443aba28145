"""The observer's process: ``python -m lab.observe --dsn ... --target lab --folder ...``.

It answers ``ready PID`` once it samples, then the orders of :mod:`lab.observe.orders`. Exit codes: 0 told to stop or
alone, 1 could not work (one line on standard error), 2 wrong usage.
"""

import argparse
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from psycopg2.extensions import set_wait_callback

from lab.errors import LabError
from lab.observe.loop import Loop
from lab.observe.orders import HolderGone, Orders, Stop
from lab.observe.rows import Rows
from lab.observe.session import check_dsn
from lab.observe.system import System


def watched(text: str) -> tuple[str, int]:
    """Read ``role=pid``.

    >>> watched("app=12")
    ('app', 12)
    """
    role, _, pid = text.partition("=")
    if not pid.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not role=pid, such as app=4711")
    return role, int(pid)


def rate(text: str) -> float:
    """Read samples per second: more than 0, at most 100.

    >>> rate("10")
    10.0
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} samples per second; give a number above 0 and up to 100")
    return value


def parser() -> argparse.ArgumentParser:
    """Return the parser of the observer's arguments."""
    parts = argparse.ArgumentParser(prog="python -m lab.observe", description=__doc__)
    parts.add_argument("--dsn", required=True, help="where to connect: another database than the target; no password")
    parts.add_argument("--target", required=True, help="name of the database to observe")
    parts.add_argument("--folder", required=True, type=Path, help="existing folder for rows and events")
    parts.add_argument("--hz", type=rate, default=10.0, help="samples per second, on average")
    parts.add_argument("--application", default="", help="application_name of the app under test, for the record")
    parts.add_argument("--anyone", action="store_true", help="also as a role that may not see what others do")
    parts.add_argument("--watch", type=watched, action="append", default=[], help="role=pid: app, generator, server")
    return parts


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Stop


def observe(given: argparse.Namespace, orders: Orders, rows: Rows) -> None:
    """Connect, say ready, and observe.

    :raises LabError: if the observer cannot begin.
    :raises Stop: on the order to stop, or SIGTERM.
    :raises HolderGone: if standard input ends.
    """
    check_dsn(given.dsn)
    system = System(rows)
    for role, pid in given.watch:
        system.watch(role, pid)
    loop = Loop(given.dsn, given.target, rows, system, given.hz, orders, given.anyone)
    set_wait_callback(loop.wait)
    session = loop.connect()
    watches = f"{given.application or 'any application'} in {given.target} at {given.hz:g} Hz"
    rows.event("observer started", f"{watches}; server {session.version}")
    if not session.has_statements:
        rows.event("statements missing", "the observer's database has no extension pg_stat_statements")
    orders.ready()
    loop.run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the observer; returns its exit code."""
    given = parser().parse_args(arguments)
    orders = Orders(sys.stdin.fileno(), sys.stdout.fileno())
    signal.signal(signal.SIGTERM, _terminate)
    try:
        rows = Rows(given.folder, os.getpid())
    except OSError as error:
        return _complain(f"the observer cannot write to {given.folder}: {error.strerror}")
    try:
        observe(given, orders, rows)
    except (Stop, HolderGone) as reason:
        rows.close()
        if isinstance(reason, Stop):
            orders.stopped()
    except LabError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"the observer cannot go on: {error}")
    return 0


def _complain(line: str) -> int:
    sys.stderr.write(line + "\n")
    return 1


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # not sys.exit: closing the connection to a server that hangs could wait for it
    os._exit(code)
