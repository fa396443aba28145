"""What a PgBouncer is started with: its program, the way to the server, and the texts of its files.

``docker/pgbouncer.sh`` writes the same for the one of Docker Compose; keep the two alike.

Source: PgBouncer's documentation, "config"; its NEWS for what a version knows.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import PoolerError
from lab.plan import PoolConfig
from lab.server import dsn
from lab.server.values import DATABASE, Server

CONSOLE_USER = "lab_console"
PREPARED_SINCE = (1, 21)  # from there on statements prepared by name follow a client between server connections
_PREPARED = 200
_CLIENTS = 1000
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")  # Debian's is not in a user's PATH
_NAME = re.compile(r"PgBouncer (\d+)\.(\d+)\S*")


@dataclass(frozen=True, slots=True)
class Program:
    """An installed PgBouncer; *version* is such as (1, 18)."""

    path: str
    version: tuple[int, int]
    text: str

    @property
    def follows_prepared(self) -> bool:
        """Whether statements that a driver prepares by name work in transaction mode."""
        return self.version >= PREPARED_SINCE


@dataclass(frozen=True, slots=True)
class Door:
    """The server as PgBouncer reaches it: *password* is *user*'s; *sslmode* is libpq's word, or empty."""

    host: str
    port: int
    user: str
    dbname: str
    password: str = field(repr=False)
    sslmode: str = ""


def find(places: Sequence[str] | None = None) -> Program:
    """Return the PgBouncer of this machine, looked for in the PATH and where packages put it.

    :raises PoolerError: if there is none, or it does not tell its version.
    """
    looked = os.pathsep.join([os.environ.get("PATH", ""), *_PLACES] if places is None else places)
    path = shutil.which("pgbouncer", path=looked)
    if path is None:
        raise PoolerError("no pgbouncer was found; apt-get install pgbouncer, or compare another kind of pool")
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PoolerError(f"{path} does not run ({error}); install pgbouncer anew") from None
    return Program(path, *read_version(path, said))


def read_version(path: str, said: str) -> tuple[tuple[int, int], str]:
    """Read what ``pgbouncer --version`` said, as numbers and as text.

    :raises PoolerError: if it is no version of PgBouncer.

    >>> read_version("pgbouncer", "PgBouncer 1.18.0\\nlibevent 2.1.12-stable")
    ((1, 18), '1.18.0')
    """
    found = _NAME.match(said)
    if found is None:
        raise PoolerError(f"{path} says {said.strip()[:40]!r} for its version; install PgBouncer 1.18 or newer")
    return (int(found[1]), int(found[2])), found[0].removeprefix("PgBouncer ")


def door_to(server: Server) -> Door:
    """Return how the app's role gets into *server*.

    :raises PoolerError: if its password is not in the passfile that the DSN names.
    """
    known = dsn.parse(server.app_dsn)
    host, port, user = known.get("host", dsn.LOOPBACK), int(known.get("port", 5432)), known["user"]
    passfile = dsn.Passfile(Path(known.get("passfile", "")))
    password = known.get("password") or passfile.find(host, port, user) or passfile.find(host, "*", user)
    if password is None:
        raise PoolerError(f"{passfile.file} has no password of {user} for PgBouncer; lab reset --fresh makes one")
    return Door(host, port, user, known.get("dbname", DATABASE), password, known.get("sslmode", ""))


def configuration(door: Door, pool: PoolConfig, version: tuple[int, int], port: int, folder: Path) -> str:
    """Return the text of pgbouncer.ini; no password is in it.

    :raises PoolerError: if a name or a path has a line break, which no quoting of PgBouncer's can hold.
    """
    settings: dict[str, object] = {
        "listen_addr": dsn.LOOPBACK,
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": folder / "userlist.txt",
        "pool_mode": pool.mode,
        "default_pool_size": pool.size,
        "max_client_conn": max(_CLIENTS, pool.workers * pool.threads),
        "admin_users": CONSOLE_USER,
        # drivers send it when they connect, and each server connection has the same value anyway
        "ignore_startup_parameters": "extra_float_digits",
        # the lab counts connections; a line of log for each would be a cost of its own
        "log_connections": 0,
        "log_disconnections": 0,
        "log_stats": 0,
    }
    if version >= PREPARED_SINCE:
        settings["max_prepared_statements"] = _PREPARED
    if door.sslmode:
        settings["server_tls_sslmode"] = door.sslmode
    place = {"host": door.host, "port": door.port, "dbname": door.dbname, "user": door.user}
    target = " ".join(f"{word}={_quoted(value)}" for word, value in place.items())
    lines = [f"[databases]\n{DATABASE} = {target}\n\n[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in settings.items()]
    if any("\n" in line for line in (*lines[1:], target)):
        raise PoolerError("a line break in the DSN or in LAB_HOME cannot be told to PgBouncer; choose another name")
    return "\n".join(lines) + "\n"


def userlist(passwords: Mapping[str, str]) -> str:
    r"""Return the text of the file of users.

    >>> userlist({"me": 'a"b'})
    '"me" "a""b"\n'
    """
    doubled = ((user.replace('"', '""'), word.replace('"', '""')) for user, word in passwords.items())
    return "".join(f'"{user}" "{word}"\n' for user, word in doubled)


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
