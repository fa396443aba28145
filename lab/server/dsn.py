"""Passwords and DSNs: the passwords stand in one file, mode 0600, and the DSNs name that file.

The file is libpq's own format, so psql, psycopg2, asyncpg and SQLAlchemy read it themselves, and no password is seen
in a process list, in a log, or in what a run records.

Source: PostgreSQL manual, "The Password File" and "Connection URIs".
"""

import os
import re
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import quote

from lab import conninfo
from lab.errors import ServerError, UsageError
from lab.server import account as accounts

LOOPBACK = "127.0.0.1"
# libpq's environment variables that would override what a DSN of the embedded server says or means
_OVERRIDING = (
    *("PGPASSWORD", "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGSSLMODE", "PGREQUIRESSL"),
    *("PGREQUIREAUTH", "PGREQUIREPEER", "PGGSSENCMODE", "PGCHANNELBINDING", "PGTARGETSESSIONATTRS"),
)
_HEADER = "# passwords of the PostgreSQL performance lab; instance "


def drop_overriding(environ: MutableMapping[str, str] | None = None) -> tuple[str, ...]:
    """Remove libpq's variables that would win over the DSNs, for this process and its children; return their names."""
    target = os.environ if environ is None else environ
    return tuple(name for name in _OVERRIDING if target.pop(name, None) is not None)


def ignored(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the note about variables that were removed; nothing if there were none."""
    return (f"ignored from the environment: {', '.join(names)}",) if names else ()


def escape(field: str) -> str:
    r"""Write a field of the passfile.

    >>> escape("::1"), escape("a\\b")
    ('\\:\\:1', 'a\\\\b')
    """
    return field.replace("\\", "\\\\").replace(":", "\\:")


class Passfile:
    """The file of passwords, in the lab's home.

    Its first line names the *instance*, eight random hexadecimal digits: they tie a data directory to the passwords
    it was made with, and make the names of roles unique on a server that is shared.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def exists(self) -> bool:
        """Whether there is one."""
        return self.file.is_file()

    def instance(self) -> str:
        """Return the instance's id; the file is made if there is none."""
        lines = self._lines()
        if not lines or not lines[0].startswith(_HEADER):
            lines = [_HEADER + secrets.token_hex(4), *lines]
            self._write(lines)
        return lines[0].removeprefix(_HEADER).strip()

    def find(self, host: str, port: int | str, user: str) -> str | None:
        """Return a role's password; None if the file has none. *port* is ``*`` for the embedded server."""
        prefix = self._prefix(host, port, user)
        for line in self._lines():
            if line.startswith(prefix):
                return re.sub(r"\\(.)", r"\1", line.removeprefix(prefix))
        return None

    def put(self, host: str, port: int | str, user: str, password: str) -> None:
        """Store a role's password, in place of an older one."""
        self.instance()
        prefix = self._prefix(host, port, user)
        kept = [line for line in self._lines() if not line.startswith(prefix)]
        self._write([*kept, prefix + escape(password)])

    def ensure(self, host: str, port: int | str, user: str) -> str:
        """Return a role's password; a new random one if there is none yet."""
        known = self.find(host, port, user)
        if known is None:
            known = secrets.token_urlsafe(24)
            self.put(host, port, user, known)
        return known

    @staticmethod
    def _prefix(host: str, port: int | str, user: str) -> str:
        return f"{escape(host)}:{port}:*:{escape(user)}:"

    def _lines(self) -> list[str]:
        try:
            return self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ServerError(f"cannot read the passwords in {self.file}: {error.strerror}") from None

    def _write(self, lines: list[str]) -> None:
        try:
            accounts.write_file(self.file, "\n".join(lines) + "\n", None)
        except OSError as error:
            raise ServerError(f"cannot write the passwords to {self.file}: {error.strerror}") from None


def build(parameters: Mapping[str, str]) -> str:
    """Write connection parameters as a URI that libpq and SQLAlchemy read alike.

    >>> build({"user": "lab_app", "host": "127.0.0.1", "port": "5433", "dbname": "lab", "passfile": "/a b/p"})
    'postgresql://lab_app@127.0.0.1:5433/lab?passfile=/a%20b/p'
    """
    rest = dict(parameters)
    user, password, dbname = (rest.pop(name, "") for name in ("user", "password", "dbname"))
    host, port = rest.get("host", ""), rest.pop("port", "")
    if host.startswith(("/", "@")):
        host = ""  # a folder of Unix sockets stands in the query
    else:
        rest.pop("host", None)
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    who = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
    if port and not host:
        rest["port"] = port
    query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in rest.items())
    return (
        "postgresql://"
        + (f"{who}@" if who else "")
        + place
        + (f":{port}" if port and host else "")
        + f"/{quote(dbname, safe='')}"
        + (f"?{query}" if query else "")
    )


def own(host: str, port: int, user: str, dbname: str, passfile: Path) -> str:
    """Return the DSN of a role on a server of the lab's own."""
    return build({"user": user, "host": host, "port": str(port), "dbname": dbname, "passfile": str(passfile)})


def embedded(port: int, user: str, dbname: str, passfile: Path) -> str:
    """Return the DSN of a role on the embedded server."""
    return own(LOOPBACK, port, user, dbname, passfile)


def parse(text: str) -> dict[str, str]:
    """Read a DSN as people write it: libpq's URI or key words, or SQLAlchemy's with a driver.

    :raises UsageError: if it is none; the message does not repeat it, since it may hold a password.

    >>> parse("postgresql+psycopg2://me@db:5432/blog")["host"]
    'db'
    """
    scheme, separator, rest = text.partition("://")
    plain = f"postgresql://{rest}" if separator and scheme.partition("+")[0] in ("postgresql", "postgres") else text
    try:
        return conninfo.parse(plain)
    except ValueError:
        raise UsageError(
            "LAB_DSN is no DSN that PostgreSQL understands; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "the signs @, / and space of a password as %40, %2F and %20"
        ) from None


def with_password(text: str, password: str | None) -> str:
    """Return a DSN that holds the password itself, for programs that read no passfile."""
    parts = parse(text)
    parts.pop("passfile", None)
    return build(parts | ({"password": password} if password else {}))
