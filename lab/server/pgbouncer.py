"""A PgBouncer before the lab's database: started on loopback for one run or one lesson, asked, and stopped.

It refuses to run as root, so it runs as the account that the server runs as. Its folder is that account's own (0700)
and goes with it: the configuration, the file of users with the app's password (PgBouncer logs in to the server with
it), and a passfile for whoever connects. The console is open to a user that only this PgBouncer knows, with a password
that only this process knows.

Source: PgBouncer's documentation, "usage".
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGQUIT, SIGTERM
from typing import Any

import psutil
import psycopg2

from lab.config import Config
from lab.errors import PoolerError
from lab.plan import PoolConfig
from lab.process import Account, Child, free_port, spawn, wait_until
from lab.server import account as accounts
from lab.server import dsn, layout
from lab.server.pgbouncer_conf import CONSOLE_USER, Door, Program, configuration, door_to, find, userlist
from lab.server.values import DATABASE, Server

__all__ = ["Pooler", "command", "find", "running", "start"]

_GENTLE_TERM_SINCE = (1, 23)  # from there on SIGTERM waits for clients to leave, and SIGQUIT ends at once
_FOLDER = "pgbouncer"
_SHOWN = ("VERSION", "POOLS", "STATS", "SERVERS", "CLIENTS", "CONFIG")
_TRIES = 3
_READY_S = 10.0


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running PgBouncer. *dsn* is the app's way in: it names a passfile and holds no password."""

    dsn: str
    port: int
    program: Program
    child: Child
    _folder: Path
    _console_password: str = field(repr=False)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.child.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.child.alive()

    def show(self, what: str) -> list[dict[str, Any]]:
        """Return the rows of ``SHOW what`` of the console: VERSION, POOLS, STATS, SERVERS, CLIENTS or CONFIG.

        :raises PoolerError: if it does not answer, or *what* is none of these.
        """
        if what not in _SHOWN:
            raise PoolerError(f"PgBouncer is not asked for {what!r}; use {', '.join(_SHOWN)}")
        return self._ask(f"SHOW {what}")

    def counters(self) -> dict[str, Any]:
        """Return what it tells of the lab's database: version, and the rows of POOLS and STATS; times in microseconds.

        :raises PoolerError: if it does not answer.
        """
        shown = {name.lower(): self.show(name) for name in ("POOLS", "STATS")}
        mine = {name: [row for row in rows if row["database"] == DATABASE] for name, rows in shown.items()}
        return {"version": self.program.text, **mine, "servers": self.servers()}

    def servers(self) -> int:
        """Return how many connections to the server it holds.

        :raises PoolerError: if it does not answer.
        """
        return sum(row["database"] == DATABASE for row in self.show("SERVERS"))

    def cool(self, timeout_s: float = 5.0) -> bool:
        """Have it close its connections to the server; False if some are still there after *timeout_s*.

        :raises PoolerError: if it does not answer.
        """
        self._ask(f"RECONNECT {DATABASE}")
        return wait_until(lambda: self.servers() == 0, timeout_s, 0.1)

    def stop(self) -> None:
        """Stop it, and with it every connection it holds; its folder is removed. May be called again."""
        self.child.stop()
        accounts.remove_tree(self._folder)

    def _ask(self, command: str) -> list[dict[str, Any]]:
        try:
            connection = psycopg2.connect(
                host=dsn.LOOPBACK,
                port=self.port,
                dbname="pgbouncer",
                user=CONSOLE_USER,
                password=self._console_password,
                connect_timeout=5,
            )
            with contextlib.closing(connection):
                connection.autocommit = True  # the console knows no transactions
                with connection.cursor() as cursor:
                    cursor.execute(command)
                    names = [column.name for column in cursor.description or ()]
                    return [dict(zip(names, row, strict=True)) for row in (cursor if names else ())]
        except psycopg2.Error as error:
            raise PoolerError(f"PgBouncer on port {self.port} does not answer: {_one_line(error)}") from None


@contextmanager
def running(config: Config, server: Server, pool: PoolConfig, log: Path) -> Iterator[Pooler]:
    """Lend a fresh PgBouncer before *server* for as long as the body lasts; see :func:`start`."""
    pooler = start(config, server, pool, log)
    try:
        yield pooler
    finally:
        pooler.stop()


def start(config: Config, server: Server, pool: PoolConfig, log: Path) -> Pooler:
    """Start a PgBouncer before *server* and return when it answers; it has no connection to the server yet.

    *pool* gives its size and mode. *log* is appended to.

    :raises PoolerError: if there is no PgBouncer, or it does not start: in one line with its last words.
    """
    program, door = find(), door_to(server)
    where = layout.locate(config)
    layout.make(where)
    for remaining in reversed(range(_TRIES)):
        pooler = _spawn(program, door, pool, where, log)
        try:
            ready = wait_until(lambda made=pooler: not made.alive() or _answers(made), _READY_S)  # type: ignore[misc]
        except BaseException:
            pooler.stop()
            raise
        if ready and pooler.alive():
            return pooler
        ended = not pooler.alive()
        said = pooler.child.last_words(2)
        pooler.stop()
        # a free port can be lost to another process before PgBouncer has it
        if not (remaining and "ddress already in use" in said):
            break
    how = "ended" if ended else f"did not answer within {_READY_S:g} s"
    raise PoolerError(f"PgBouncer {program.text} {how}: {said or 'its log is empty'} (log: {log})")


def _answers(pooler: Pooler) -> bool:
    try:
        return bool(pooler.show("VERSION"))
    except PoolerError:
        return False


def _spawn(program: Program, door: Door, pool: PoolConfig, where: layout.Layout, log: Path) -> Pooler:
    port, console = free_port(0, "the port of PgBouncer"), secrets.token_urlsafe(24)
    folder = _make_folder(where.root, where.account)
    try:
        return _spawn_in(folder, program, door, pool, where, log, port, console)
    except BaseException:
        accounts.remove_tree(folder)  # it holds the app's password
        raise


def _spawn_in(
    folder: Path,
    program: Program,
    door: Door,
    pool: PoolConfig,
    where: layout.Layout,
    log: Path,
    port: int,
    console: str,
) -> Pooler:
    """Write the files into *folder* and start the program."""
    passfile = folder / "passfile"
    files = {
        "pgbouncer.ini": configuration(door, pool, program.version, port, folder),
        "userlist.txt": userlist({door.user: door.password, CONSOLE_USER: console}),
    }
    for name, text in files.items():
        accounts.write_file(folder / name, text, where.account)
    line = ":".join([dsn.LOOPBACK, str(port), "*", dsn.escape(door.user), dsn.escape(door.password)])
    accounts.write_file(passfile, line + "\n", None)
    child = spawn(
        "PgBouncer",
        command(program, folder),
        log=log,
        env=accounts.environment(),
        cwd=Path("/"),
        stop_signal=SIGQUIT if program.version >= _GENTLE_TERM_SINCE else SIGTERM,
        account=where.account,
    )
    return Pooler(dsn.own(dsn.LOOPBACK, port, door.user, DATABASE, passfile), port, program, child, folder, console)


def command(program: Program, folder: Path) -> list[str]:
    """Return the command line: it names the configuration, and no secret. What it says goes to standard error."""
    return [program.path, str(folder / "pgbouncer.ini")]


def _make_folder(root: Path, account: Account | None) -> Path:
    """Make a folder for one PgBouncer, and remove those whose lab is gone."""
    shelf = accounts.private_folder(root / _FOLDER, account)
    for left in shelf.iterdir():
        pid = left.name.partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            accounts.remove_tree(left)
    return accounts.private_folder(shelf / f"{os.getpid()}-{secrets.token_hex(4)}", account)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
