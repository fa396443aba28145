"""PostgreSQL for the lab: an embedded server, a composed one, or an attached one.

The embedded server is made, loaded, started and stopped by the lab, listens on loopback alone and asks everyone for a
SCRAM password. With ``LAB_SERVER`` another container runs one for the lab alone, which the lab loads and otherwise
leaves alone (see :mod:`lab.server.composed`). With ``LAB_DSN`` the lab uses a server that somebody else runs, and
writes only to a database that carries its mark (see :mod:`lab.server.attach`).

Three roles: the owner, the application's (rows only, no reserved slot), and the observer's (statistics only, with a
slot of its own for the moment when the application has taken all the others).

Every function reads the settings from its :class:`~lab.config.Config`; *progress* is told what happens when that takes
long. Errors are one line each, of :mod:`lab.errors`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lab.config import Config
from lab.errors import ServerError, SettingError, UsageError
from lab.server import account as accounts
from lab.server import attach, binaries, checks, composed, dsn, embedded, layout
from lab.server.build import APP, OBSERVER, OWNER
from lab.server.cluster import Progress
from lab.server.data import guard
from lab.server.facts import non_default_settings, server_facts
from lab.server.values import DATABASE, ROLES, Check, Server, ServerStatus

__all__ = [
    "Check", "Progress", "Server", "ServerStatus", "adopt", "composed_app_dsn", "doctor", "dsn_of",
    "dsn_with_password", "ensure", "guard", "non_default_settings", "psql_command", "remove", "reset", "running",
    "server_facts", "status", "stop",
]  # fmt: skip

_NAMES = dict(zip(ROLES, (OWNER, APP, OBSERVER), strict=True))


def _silent(_: str) -> None:
    """Tell nobody."""


def _kind(config: Config) -> str:
    """Return which kind of server the settings ask for."""
    if config.dsn and config.server:
        raise SettingError("LAB_DSN and LAB_SERVER name two servers; unset one of them")
    return "attached" if config.dsn else "composed" if config.server else "embedded"


def ensure(config: Config, progress: Progress = _silent) -> Server:
    """Return a server that outlives this process, made and started if need be; or the attached or composed one.

    :raises ServerError: if there can be none.
    :raises NotMarkedError: if the database of an attached or composed server is not the lab's.
    """
    kind = _kind(config)
    if kind == "embedded":
        return embedded.ensure(config, progress)
    return composed.ensure(config, progress) if kind == "composed" else attach.attach(config, progress)


@contextmanager
def running(
    config: Config, progress: Progress = _silent, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Lend a server for as long as the body lasts: the one that runs, or one that is stopped at the end.

    :param settings: for an embedded server that does not run yet; others have settings of their own.
    :raises ServerError: if there can be none.
    :raises NotMarkedError: if the database of an attached or composed server is not the lab's.
    """
    if _kind(config) != "embedded":
        yield ensure(config, progress)
        return
    with embedded.running(config, progress, settings) as server:
        yield server


def stop(config: Config) -> bool:
    """Stop the embedded server; False if none ran. Any other is left alone."""
    return embedded.stop(config) if _kind(config) == "embedded" else False


def remove(config: Config) -> None:
    """Stop the embedded server and delete its files, also those that lie outside of the home; the home stays.

    With LAB_SERVER nothing is done: whoever runs that server removes it.
    """
    if _kind(config) == "composed":
        return
    stop(config)
    where = layout.locate(config)
    accounts.remove_tree(where.root)
    layout.drop_socket_folder(where)


def status(config: Config) -> ServerStatus:
    """Say what there is, and change nothing."""
    kind = _kind(config)
    if kind == "embedded":
        return embedded.status(config)
    return composed.status(config) if kind == "composed" else attach.status(config)


def reset(config: Config, fresh: bool = False, progress: Progress = _silent) -> Server | None:
    """Put the data back to its first state, in the size of LAB_SIZE.

    :param fresh: embedded only: make everything anew, also passwords, and in place of data of another version.
    :return: the server; None if the embedded one does not run, which then is not started.
    """
    kind = _kind(config)
    if kind == "embedded":
        return embedded.reset(config, progress, fresh)
    if fresh:
        other = (
            "unset LAB_DSN" if kind == "attached" else "`docker compose down -v` and `docker compose up` make a new one"
        )
        raise UsageError(f"--fresh is for the embedded server; {other}, or reset without it")
    return composed.reset(config, progress) if kind == "composed" else attach.reset(config, progress)


def adopt(config: Config, progress: Progress = _silent) -> Server:
    """Make the empty database that LAB_DSN names the lab's own.

    :raises UsageError: if LAB_DSN is not set.
    :raises NotMarkedError: if the database is not empty; nothing is written then.
    """
    kind = _kind(config)
    if kind == "composed":
        raise UsageError("the server that LAB_SERVER names needs no adopting; `lab up` prepares it")
    if kind == "embedded":
        raise UsageError("LAB_DSN names no database to adopt; the embedded server needs no adopting")
    return attach.adopt(config, progress)


def programs_version(config: Config) -> str:
    """Return the version of the programs that an embedded server of these settings is started with.

    :raises ServerError: if there are none.
    """
    return binaries.find(config.pg_bin).version_text


def dsn_of(config: Config, role: str = "owner") -> str:
    """Return the DSN of a role (owner, app or observer) on the server that runs, naming the passfile.

    :raises UsageError: for any other role.
    :raises ServerError: if the server does not run.
    """
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role of the lab; use {', '.join(ROLES)}")
    kind = _kind(config)
    if kind != "embedded":
        server = composed.find(config) if kind == "composed" else attach.attach(config, _silent)
        return {"owner": server.owner_dsn, "app": server.app_dsn, "observer": server.observer_dsn}[role]
    where = layout.locate(config)
    database = "postgres" if role == "observer" else DATABASE
    return dsn.embedded(embedded.running_port(config), _NAMES[role], database, where.passfile.file)


def dsn_with_password(config: Config, role: str = "owner") -> str:
    """Return a role's DSN with the password in it, for programs that read no passfile. Show it to its owner only."""
    text = dsn_of(config, role)
    parts = dsn.parse(text)
    passfile = dsn.Passfile(config.home / "passfile")
    port = parts["port"] if config.dsn or config.server else "*"
    return dsn.with_password(text, passfile.find(parts["host"], port, parts["user"]))


def composed_app_dsn(config: Config) -> str:
    """Return the DSN of the app's role on the server that LAB_SERVER names, which is not asked.

    :raises ServerError: if the role's password cannot be read.
    """
    return composed.app_dsn(config)


def psql_command(config: Config, role: str = "owner") -> list[str]:
    """Return the command that opens psql as a role; it holds no password.

    :raises ServerError: if there is no psql, or no server.
    """
    psql = binaries.find(config.pg_bin).tool("psql")
    if psql is None:
        raise ServerError(
            "no psql was found; install PostgreSQL's client programs, or use `lab dsn` with another client"
        )
    return [psql, dsn_of(config, role)]


def doctor(config: Config) -> list[Check]:
    """Return what has to be right before the lab can work, point by point."""
    return checks.examine(config)
