"""A PostgreSQL that somebody else runs, named by ``LAB_DSN``.

Nothing is written to it unless the database carries the lab's mark. :func:`adopt` puts the mark into a database, and
only into an empty one. Roles are the lab's own: their names end in the instance's id, so that no role of anybody else,
nor of another lab on the same server, is ever changed.

The password of LAB_DSN goes to the passfile; the DSNs that are handed around don't hold it.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import process
from lab.config import Config
from lab.errors import NotMarkedError, ServerError, UsageError
from lab.server import data, dsn, layout
from lab.server.cluster import Progress
from lab.server.data import Mark
from lab.server.dsn import Passfile
from lab.server.values import SIZES, Server, ServerStatus


@dataclass(frozen=True, slots=True)
class Place:
    """An attached database: the owner's connection parameters without the password, and where they lead."""

    parameters: dict[str, str]
    passfile: Passfile

    @property
    def owner_dsn(self) -> str:
        """The owner's DSN."""
        return dsn.build(self.parameters)

    @property
    def host(self) -> str:
        """The server's name, or the folder of its Unix socket."""
        return self.parameters["host"]

    @property
    def port(self) -> int:
        """The server's port."""
        return int(self.parameters["port"])

    @property
    def database(self) -> str:
        """The database."""
        return self.parameters["dbname"]

    def dsn_of(self, user: str) -> str:
        """Return the DSN of a role of the lab."""
        return dsn.build({**self.parameters, "user": user, "passfile": str(self.passfile.file)})


def attach(config: Config, progress: Progress) -> Server:
    """Return the server that LAB_DSN names, if its database is the lab's.

    :raises ServerError: if it cannot be reached, or is of a version that the lab does not know.
    :raises NotMarkedError: if the database does not carry the lab's mark.
    """
    with _opened(config) as (place, conn):
        mark = data.read_mark(conn)
        if mark is None:
            raise NotMarkedError(data.not_marked(place.database, place.host))
        if mark.size != config.size:
            raise ServerError(
                f"database {place.database} on {place.host} holds the data of size {mark.size}, "
                f"LAB_SIZE is {config.size}; run `lab reset` to change to it"
            )
        return _describe(place, conn, mark)


def adopt(config: Config, progress: Progress) -> Server:
    """Mark an empty database as the lab's own, and load it.

    :raises NotMarkedError: if the database is not empty; nothing is written then.
    :raises ServerError: if the role may not make tables there, or another error ends it; nothing is left then.
    """
    with _locked(config, "adopt a database"), _opened(config) as (place, conn):
        if data.read_mark(conn) is None:
            count, first = data.run(conn, "user_relations")[0]
            if count:
                raise NotMarkedError(
                    f"database {place.database} on {place.host} is not empty ({count} relations: {first}, ...); "
                    "nothing was written; `lab adopt` takes an empty database only"
                )
            progress(f"loading database {place.database} on {place.host}, size {config.size}")
            _make(conn, place, config.size)
    return attach(config, progress)


def reset(config: Config, progress: Progress) -> Server:
    """Bring the lab's tables in a marked database back to their first rows, in the size of LAB_SIZE."""
    with _locked(config, "reset a database"), _opened(config) as (place, conn):
        if data.read_mark(conn) is None:
            raise NotMarkedError(data.not_marked(place.database, place.host))
        progress(f"reloading database {place.database} on {place.host}, size {config.size}")
        try:
            data.refill_blog(conn, SIZES[config.size])
        except psycopg2.Error as error:
            raise ServerError(f"cannot reload {place.database} on {place.host}: {data.one_line(error)}") from None
    return attach(config, progress)


def status(config: Config) -> ServerStatus:
    """Say what is there, and change nothing on the server."""
    try:
        with _opened(config) as (place, conn):
            mark = data.read_mark(conn)
            version = data.run(conn, "limits")[0][1].split()[0]
            state, note = ("running", "") if mark else ("foreign", data.not_marked(place.database, place.host))
            size = mark.size if mark else ""
            return ServerStatus(state, "attached", version, place.host, place.port, size=size, note=note)
    except UsageError:
        raise
    except ServerError as error:
        host = dsn.parse(config.dsn).get("host", "")
        return ServerStatus("unreachable", "attached", host=host, note=str(error))


@contextmanager
def _opened(config: Config) -> Iterator[tuple[Place, Connection]]:
    """Connect as the owner; the password, if LAB_DSN holds one, is put into the passfile first."""
    given = dsn.parse(config.dsn)
    layout.make_home(config.home)
    passfile = Passfile(config.home / "passfile")
    with data.connect("", **given) as conn:
        data.refuse_version(conn, "set LAB_DSN to one of these")
        place = _place(given, conn, passfile)
        yield place, conn


def _place(given: dict[str, str], conn: Connection, passfile: Passfile) -> Place:
    info = conn.info
    parameters = {name: value for name, value in given.items() if name not in ("password", "hostaddr")}
    parameters |= {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
    password = given.get("password") or os.environ.get("PGPASSWORD", "")
    if password:
        _put(passfile, info.host, info.port, info.user, password)
        parameters["passfile"] = str(passfile.file)
    return Place(parameters, passfile)


def _put(passfile: Passfile, host: str, port: int, user: str, password: str) -> None:
    if "\n" in password:
        raise UsageError(
            "the password in LAB_DSN holds a line break, which no passfile can store; give the role another"
        )
    if passfile.find(host, port, user) != password:
        passfile.put(host, port, user, password)
    if host.startswith("/") and passfile.find("localhost", port, user) != password:
        # so libpq calls its own default folder of sockets
        passfile.put("localhost", port, user, password)


@contextmanager
def _locked(config: Config, what: str) -> Iterator[None]:
    layout.make_home(config.home)
    with process.exclusive(config.home / "server.lock", what):
        yield


def _make(conn: Connection, place: Place, size: str) -> None:
    try:
        data.make_blog(conn, SIZES[size], place.passfile.instance())
    except psycopg2.Error as error:
        raise ServerError(
            f"database {place.database} on {place.host} could not be loaded, nothing is left: {data.one_line(error)}"
        ) from None
    for extension in ("pg_stat_statements", "pgstattuple"):
        data.make_extension(conn, extension)


def _describe(place: Place, conn: Connection, mark: Mark) -> Server:
    number, version, most, kept, reserved, _ = data.run(conn, "limits")[0]
    app, observer, notes = _roles(place, conn)
    watching, more = _elsewhere(conn, observer, place.owner_dsn)
    notes += more
    if not reserved:
        notes += ("no connections are reserved for the observer: it may be locked out when the server is full",)
    return Server(
        kind="attached",
        owner_dsn=place.owner_dsn,
        app_dsn=app,
        observer_dsn=watching,
        host=place.host,
        port=place.port,
        version_num=number,
        version=version.split()[0],
        pid=None,
        data_dir=None,
        max_connections=most,
        app_slots=most - kept - reserved,
        size=mark.size,
        keys={"post": mark.posts, "user": mark.users},
        notes=notes,
    )


def _elsewhere(conn: Connection, observer_dsn: str, owner_dsn: str) -> tuple[str, tuple[str, ...]]:
    """Return the observer's DSN to another database of the server, so that its transactions are not counted."""
    for candidate in dict.fromkeys((observer_dsn, owner_dsn)):
        parameters = dsn.parse(candidate)
        notes = () if candidate == observer_dsn else ("the observer connects as the owner, to another database",)
        for (name,) in data.run(conn, "other_database", role=parameters["user"]):
            there = dsn.build({**parameters, "dbname": name})
            # a privilege is no way in: pg_hba.conf may keep the role out
            with contextlib.suppress(ServerError), data.connect(there):
                return there, notes
    return observer_dsn, ("the observer may connect to no other database: its own sessions are in the counts",)


def _roles(place: Place, conn: Connection) -> tuple[str, str, tuple[str, ...]]:
    """Return the DSNs of the app and the observer, and what is not as in the embedded server."""
    may_create, _ = data.run(conn, "may_create_roles")[0]
    owner = place.owner_dsn
    if not may_create:
        return owner, owner, ("the owner may not create roles: application and observer connect as the owner",)
    instance = place.passfile.instance()
    app, observer = f"lab_app_{instance}", f"lab_observer_{instance}"
    try:
        for name in (app, observer):
            _make_role(place, conn, name)
        data.run(
            conn,
            "grant_connect",
            database=data.role(place.database),
            app=data.role(app),
            observer=data.role(observer),
        )
        data.run(conn, "grant_app", app=data.role(app))
        data.run(conn, "grant_observer_mark", observer=data.role(observer))
        with data.connect(place.dsn_of(app)):
            pass
    except (psycopg2.Error, ServerError) as error:
        return owner, owner, (f"application and observer connect as the owner: {data.one_line(error)}",)
    notes = _let_observe(conn, observer)
    if notes and not data.run(conn, "reads_all_statistics")[0][0]:
        # whoever may not see other roles' sessions sees only those of its own
        return owner, owner, (*notes, "so does the application, or the observer would not see it")
    return place.dsn_of(app), owner if notes else place.dsn_of(observer), notes


def _make_role(place: Place, conn: Connection, name: str) -> None:
    """Make the role, or give the lab's own one a password if the passfile has none for it."""
    known = place.passfile.find(place.host, place.port, name)
    if known and data.run(conn, "role_exists", role=name)[0][0]:
        return
    password = place.passfile.ensure(place.host, place.port, name)
    _put(place.passfile, place.host, place.port, name, password)
    data.hide_from_statements(conn)
    data.set_password(conn, name, password)


def _let_observe(conn: Connection, observer: str) -> tuple[str, ...]:
    """Give the observer its rights; before 16 no slot, which there would take a superuser."""
    try:
        data.run(conn, "grant_observer", observer=data.role(observer))
    except psycopg2.Error as error:
        return (f"the observer connects as the owner: {data.one_line(error)}",)
    if conn.server_version >= 160000:
        try:
            data.run(conn, "reserve_slot", observer=data.role(observer))
        except psycopg2.Error:
            return ("the observer connects as the owner, who may not grant pg_use_reserved_connections",)
    return ()
