"""A small PostgreSQL of somebody's own: for what must not be tried on the lab's server.

Ways to be let in, settings that need a restart, a server that is stopped under its clients: :func:`private` makes a
cluster of the same programs in a temporary folder, with no table in it, and lends it. It listens on loopback and on a
Unix socket, writes nothing safely to disk, and is gone with its folder at the end; if its holder is killed the server
ends by its leash, and the next one removes the folder.

Extra lines of ``pg_hba.conf`` come before the lab's own, so that they may say ``trust`` for a role: here, where there
is nothing to read, and nowhere else.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from lab import process
from lab.config import Config
from lab.errors import ServerError
from lab.process import Account, Child
from lab.server import account as accounts
from lab.server import binaries as programs
from lab.server import cluster, conf, data, dsn, layout, reason
from lab.server.binaries import Binaries
from lab.server.build import OWNER
from lab.server.layout import Layout

SCRAM, MD5, NO_PASSWORD = "scram-sha-256", "md5", ""
_PREFIX = "lab-private-"
_TRIES = 3


@dataclass(slots=True)
class Private:
    """A server that is lent. Its owner is ``lab_owner``; *log* is what it says, in the form of its settings."""

    where: Layout
    programs: Binaries
    settings: dict[str, str]
    no_tls: str = ""  # why there is no TLS; empty if there is, or if it was not asked for
    port: int = 0
    _child: Child | None = field(default=None, repr=False)

    @property
    def major(self) -> int:
        """The major version, 13 to 18."""
        return self.programs.major

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.where.log

    @property
    def pid(self) -> int:
        """The postmaster; 0 while it is stopped."""
        return self._child.pid if self._child else 0

    def dsn(self, role: str = OWNER, database: str = "postgres", unix: bool = False, tls: bool = False) -> str:
        """Return a role's DSN, over TCP or the Unix socket; its password is in a passfile of this server's own."""
        return dsn.build(
            {
                "user": role,
                "host": str(layout.socket_folder(self.where)) if unix else dsn.LOOPBACK,
                "port": str(self.port),
                "dbname": database,
                "passfile": str(self.where.passfile.file),
                "sslmode": "require" if tls else "disable",
                "gssencmode": "disable",
            }
        )

    @contextmanager
    def owner(self, database: str = "postgres") -> Iterator[Connection]:
        """Lend a connection of the superuser, in autocommit."""
        with data.connect(self.dsn(database=database)) as connection:
            yield connection

    def add_role(self, name: str, kept_as: str = SCRAM) -> None:
        """Make a role that can log in, its password random and kept as SCRAM, MD5 or not at all."""
        password = self.where.passfile.ensure("*", "*", name)
        with self.owner() as connection:
            verifier = encrypt_password(password, name, scope=connection, algorithm=kept_as) if kept_as else None
            data.run(connection, "create_role", role=data.role(name), verifier=verifier)

    def start(self) -> None:
        """Start the server, on its former port if that is still free.

        :raises ServerError: if it does not come up.
        """
        for attempt in range(_TRIES):
            if not self.port or cluster.listens(self.port):
                self.port = process.free_port(0, "LAB_PORT")
            try:
                self._child = cluster.start(
                    self.programs, self.where.data, self.port, layout.socket_folder(self.where), self.where.account,
                    self.where.log, self.dsn(), lambda _: None, extra=self.settings,
                )  # fmt: skip
                return
            except ServerError:
                # somebody took the port between the look and the start
                if attempt == _TRIES - 1 or not cluster.listens(self.port):
                    raise

    def stop(self) -> None:
        """Stop the server fast: its sessions are ended. Nothing happens if it does not run."""
        if self._child:
            self._child.stop()
            self._child = None

    def restart(self, **settings: str) -> None:
        """Stop the server fast and start it again; *settings* are added to those it had."""
        self.stop()
        self.settings |= settings
        self.start()


@contextmanager
def private(
    config: Config,
    *,
    roles: Mapping[str, str] | None = None,
    hba: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    tls: bool = False,
) -> Iterator[Private]:
    """Lend a server of its own, which is stopped and removed at the end.

    :param config: names the programs, as for the lab's own server (``LAB_PG_BIN`` first).
    :param roles: name -> how its password is kept (``SCRAM``, ``MD5``, ``NO_PASSWORD``); none of them is a superuser.
    :param hba: lines of ``pg_hba.conf`` that come before the lab's, which let nobody in without a SCRAM password.
    :param settings: settings beside those of ``lab.conf``; they win.
    :param tls: have a certificate of its own and TLS beside plain connections, or say in ``no_tls`` why not.
    :raises ServerError: if it cannot be made.
    """
    account = accounts.choose()
    home = _folder(accounts.temporary_root(account), account)
    server: Private | None = None
    try:
        server = _made(config, Layout(home, home / "server", account), hba, {**conf.BUILD, **(settings or {})})
        if tls:
            server.no_tls = _with_tls(server)
        server.start()
        for name, kept_as in (roles or {}).items():
            server.add_role(name, kept_as)
        yield server
    finally:
        if server is not None:
            server.stop()
            layout.drop_socket_folder(server.where)
        accounts.remove_tree(home)


def _folder(parent: Path, account: Account | None) -> Path:
    _sweep(parent)
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    home.chmod(0o711 if account else 0o700)
    return home


def _sweep(parent: Path) -> None:
    """Remove the folders of holders that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, ValueError):
            holder = int(left.name.removeprefix(_PREFIX).partition("-")[0])
            if left.lstat().st_uid == os.geteuid() and not psutil.pid_exists(holder):
                accounts.remove_tree(left)


def _made(config: Config, where: Layout, hba: Sequence[str], settings: dict[str, str]) -> Private:
    """Make the data directory; the programs are those of the lab's own server."""
    layout.make(where)
    shelf = layout.locate(config).binaries
    found = programs.runnable(
        programs.find(config.pg_bin), where.account, shelf if shelf.parent.is_dir() else where.binaries
    )
    password = where.passfile.ensure("*", "*", OWNER)
    cluster.initdb(found, where.data, password, where.account, where.log)
    accounts.write_file(where.data / "pg_hba.conf", "\n".join([*hba, conf.HBA]), where.account)
    return Private(where, found, settings)


def _with_tls(server: Private) -> str:
    """Give the server a certificate; return why it cannot have TLS, empty if it has."""
    asked = [server.programs.program("postgres"), "-D", str(server.where.data), "-C", "ssl_library"]
    if not accounts.run_as(server.where.account, asked).stdout.strip():
        return f"PostgreSQL {server.programs.version_text} of {server.programs.source} is built without TLS"
    openssl = shutil.which("openssl")
    if openssl is None:
        return "there is no program openssl to make a certificate with"
    problem = _certificate(server, openssl)
    if not problem:
        server.settings["ssl"] = "on"
    return problem


def _certificate(server: Private, openssl: str) -> str:
    """Make a key (RSA, 2048 bits) and a certificate that signs itself; return what went wrong, empty if nothing did."""
    part = server.where.home / f"tls-{secrets.token_hex(4)}"
    key, certificate = part.with_suffix(".key"), part.with_suffix(".crt")
    command = [
        openssl, "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost",
        "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, umask=0o077
        )
    except subprocess.TimeoutExpired:
        return "openssl made no certificate within 60 s"
    except OSError as error:
        return f"openssl cannot be run: {error.strerror}"
    if done.returncode != 0:
        return f"openssl made no certificate: {accounts.last_line(done.stderr)}"
    try:
        for file, name in ((key, "server.key"), (certificate, "server.crt")):
            accounts.write_file(server.where.data / name, file.read_text(encoding="ascii"), server.where.account)
            file.unlink()
    except OSError as error:
        return reason.advised(f"the certificate cannot be written: {error.strerror}")
    return ""
