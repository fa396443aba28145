"""A PostgreSQL that another container runs for the lab alone, named by ``LAB_SERVER``.

The official image made it, with the superuser ``lab_owner`` and nothing else. Who first asks for it makes in it what
the embedded server holds, by the same function; the mark, which is written last, says that this was done. So several
may ask at once, and one that is killed is finished by the next.

The roles' passwords are files in ``LAB_SECRETS``. They go to the passfile; the DSNs that are handed around name that.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import limits
from lab.config import Config
from lab.errors import NotMarkedError, ServerError, SettingError
from lab.server import build, data, dsn, layout, note
from lab.server.build import APP, OBSERVER, OWNER, Door
from lab.server.cluster import Progress
from lab.server.data import Mark
from lab.server.dsn import Passfile
from lab.server.values import DATABASE, SIZES, Server, ServerStatus

READY_S = 60.0
_TELL_S = 3.0
_WRONG = "password authentication failed"
_MAINTENANCE = "postgres"
_ANEW = "`docker compose down -v` and `docker compose up` make a new one"


def ensure(config: Config, progress: Progress) -> Server:
    """Return the server, prepared if need be; wait for it to come up.

    :raises SettingError: if LAB_SERVER cannot be read.
    :raises ServerError: if it does not come up, is of a version that the lab does not know, or its passwords are not
        those in LAB_SECRETS.
    :raises NotMarkedError: if its database ``lab`` holds something else; nothing is written then.
    """
    notes = dsn.ignored(dsn.drop_overriding())
    door = _door(config)
    _wait_until_ready(door, progress)
    with _opened(door) as conn:
        _prepare(config, door, conn, progress)
        _renew_passwords(door, conn, progress)
    return _describe(config, door, notes)


def find(config: Config) -> Server:
    """Return the server if it is up and prepared.

    :raises ServerError: if it is not.
    """
    notes = dsn.ignored(dsn.drop_overriding())
    return _describe(config, _door(config), notes)


def status(config: Config) -> ServerStatus:
    """Say what is there, and change nothing on the server."""
    dsn.drop_overriding()
    host, port = place(config.server)
    try:
        door = _door(config)
        with _opened(door) as conn:
            version = data.run(conn, "limits")[0][1].split()[0]
            mark, stranger = _mark(door, conn), _stranger(door, conn)
    except ServerError as error:
        return ServerStatus("unreachable", "composed", host=host, port=port, note=str(error))
    if mark:
        return ServerStatus("running", "composed", version, host, port, size=mark.size)
    state, why = ("foreign", stranger) if stranger else ("missing", _unprepared(door))
    return ServerStatus(state, "composed", version, host, port, note=why)


def reset(config: Config, progress: Progress) -> Server:
    """Bring the lab's tables back to their first rows, in the size of LAB_SIZE."""
    dsn.drop_overriding()
    door = _door(config)
    _wait_until_ready(door, progress)
    with _opened(door) as conn:
        if _mark(door, conn):
            progress(f"reloading database {DATABASE} on {door.host}, size {config.size}")
            _refill(config, door, conn, progress)
    return ensure(config, progress)


def place(text: str) -> tuple[str, int]:
    """Read HOST:PORT.

    :raises SettingError: if it is none.

    >>> place("postgres:5432"), place("[::1]:5433")
    (('postgres', 5432), ('::1', 5433))
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise SettingError(f"LAB_SERVER={text!r} is no HOST:PORT; write it like postgres:5432")
    return host, int(port)


def app_dsn(config: Config) -> str:
    """Return the DSN of the app's role, for a process that is given no other password; the server is not asked.

    :raises ServerError: if its secret cannot be read.
    """
    host, port = place(config.server)
    layout.make_home(config.home)
    passfile = Passfile(config.home / "passfile")
    door = Door(host, port, passfile.file, {APP: _secret(config, APP)})
    if passfile.find(host, port, APP) != door.passwords[APP]:
        passfile.put(host, port, APP, door.passwords[APP])
    return door.dsn_of(APP, DATABASE)


def _door(config: Config) -> Door:
    """Return the way in; the passwords stand in the passfile then."""
    host, port = place(config.server)
    layout.make_home(config.home)
    passfile = Passfile(config.home / "passfile")
    door = Door(host, port, passfile.file, {name: _secret(config, name) for name in (OWNER, APP, OBSERVER)})
    if any(passfile.find(host, port, name) != password for name, password in door.passwords.items()):
        with note.locked(config.home / "server.lock", "store the passwords"):
            for name, password in door.passwords.items():
                passfile.put(host, port, name, password)
    return door


def _secret(config: Config, name: str) -> str:
    """Return a role's password, as the image reads it: without the line breaks at its end."""
    file = config.secrets / name
    try:
        password = file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ServerError(
            f"cannot read the password of {name} in {file}: {why}; make the file readable, or set LAB_SECRETS to the "
            "folder that holds it"
        ) from None
    if not password or len(password.splitlines()) > 1:
        raise ServerError(f"{file} holds {'no password' if not password else 'several lines'}; write the password of "
                          f"{name} into it, in one line")  # fmt: skip
    return password


def _wait_until_ready(door: Door, progress: Progress) -> None:
    """Wait until the owner can connect: the image starts its server twice when it makes a new one.

    :raises ServerError: if that takes too long, or the password is not the owner's.
    """
    began, told = time.monotonic(), False
    while refusal := _refusal(door, OWNER, _MAINTENANCE):
        waited_s = time.monotonic() - began
        if _WRONG in refusal:
            raise _unreachable(door, refusal)
        if waited_s > READY_S:
            raise ServerError(
                f"PostgreSQL on {door.host}:{door.port} does not let the lab in after {READY_S:.0f} s: {refusal}; "
                "see its log (docker compose logs)"
            )
        if waited_s > _TELL_S and not told:
            told = True
            progress(f"waiting for PostgreSQL on {door.host}:{door.port}")
        time.sleep(0.2)


def _refusal(door: Door, user: str, database: str) -> str:
    """Return why a role is not let in; empty if it is."""
    try:
        psycopg2.connect(door.dsn_of(user, database), connect_timeout=5, application_name="lab").close()
    except psycopg2.Error as error:
        return data.one_line(error) or "refused"
    return ""


def _unreachable(door: Door, refusal: str) -> ServerError:
    if _WRONG in refusal:
        return ServerError(
            f"the password of {OWNER} in LAB_SECRETS is not that of the server on {door.host}:{door.port}, which keeps "
            f"the one it was made with; put that one back, or give up its data: {_ANEW}"
        )
    return ServerError(refusal)


@contextmanager
def _opened(door: Door) -> Iterator[Connection]:
    """Connect as the owner, to another database than the lab's.

    :raises ServerError: if that fails, or the server is of a version that the lab does not know; one line.
    """
    try:
        with data.connect(door.dsn_of(OWNER, _MAINTENANCE)) as conn:
            data.refuse_version(conn, "use the image of one of these, such as postgres:18")
            yield conn
    except psycopg2.Error as error:
        raise ServerError(f"PostgreSQL on {door.host}:{door.port} failed: {data.one_line(error)}") from None
    except ServerError as error:
        if _WRONG in str(error):
            raise _unreachable(door, str(error)) from None
        raise


def _prepare(config: Config, door: Door, conn: Connection, progress: Progress) -> None:
    """Make what is not there yet."""
    if build.is_whole(conn, door):
        if not data.run(conn, "has_proc")[0][0]:
            # an earlier version of the lab made the rest
            data.lock(conn, _wait(door, progress))
            data.make_proc_functions(conn, OBSERVER)
        return
    stranger = _stranger(door, conn)
    if stranger:
        raise NotMarkedError(stranger)
    progress(f"making database {DATABASE} on {door.host}, size {config.size}")
    build.fill(door, SIZES[config.size], Passfile(door.passfile).instance(), _wait(door, progress))


def _wait(door: Door, progress: Progress) -> build.Waits:
    return lambda: progress(f"waiting for another lab command that is at work on {door.host}")


def _refill(config: Config, door: Door, conn: Connection, progress: Progress) -> None:
    waits = _wait(door, progress)
    data.lock(conn, waits)
    data.make_proc_functions(conn, OBSERVER)
    with data.connect(door.dsn_of(OWNER, DATABASE)) as inside:
        data.lock(inside, waits)
        data.refill_blog(inside, SIZES[config.size])


def _renew_passwords(door: Door, conn: Connection, progress: Progress) -> None:
    """Give the roles the passwords in the secrets, if those were changed since."""
    for name, database in ((APP, DATABASE), (OBSERVER, _MAINTENANCE)):
        if _WRONG in _refusal(door, name, database):
            progress(f"the password of {name} has changed: setting it on {door.host}")
            data.lock(conn, _wait(door, progress))
            data.hide_from_statements(conn)
            data.set_password(conn, name, door.passwords[name])


def _stranger(door: Door, conn: Connection) -> str:
    """Say what stands in the database that is neither marked nor half made by the lab; empty if nothing does."""
    if not data.run(conn, "database_exists", database=DATABASE)[0][0]:
        return ""
    with data.connect(door.dsn_of(OWNER, DATABASE)) as inside:
        count, first = data.run(inside, "user_relations")[0]
        # in this order: another process may be making it just now
        if not count or data.is_begun(inside) or data.read_mark(inside):
            return ""
    return (
        f"database {DATABASE} on {door.host}:{door.port} is not empty ({count} relations: {first}, ...) and not marked "
        f"as the lab's own; nothing was written; set LAB_SERVER to a server for the lab alone: {_ANEW}"
    )


def _mark(door: Door, conn: Connection) -> Mark | None:
    if not data.run(conn, "database_exists", database=DATABASE)[0][0]:
        return None
    with data.connect(door.dsn_of(OWNER, DATABASE)) as inside:
        return data.read_mark(inside)


def _unprepared(door: Door) -> str:
    return f"the server on {door.host}:{door.port} is up and holds no database of the lab yet; run `lab up`"


def _describe(config: Config, door: Door, notes: tuple[str, ...]) -> Server:
    with _opened(door) as conn:
        mark = _mark(door, conn)
        number, version, most, kept, reserved, _ = data.run(conn, "limits")[0]
        held = limits.parse(dict(zip(limits.FILES, data.run(conn, "cgroup")[0], strict=True)))
    if mark is None:
        raise ServerError(_unprepared(door))
    if mark.size != config.size:
        raise ServerError(
            f"the server on {door.host}:{door.port} holds the data of size {mark.size}, LAB_SIZE is {config.size}; "
            "run `lab reset` to change to it"
        )
    return Server(
        kind="composed",
        owner_dsn=door.dsn_of(OWNER, DATABASE),
        app_dsn=door.dsn_of(APP, DATABASE),
        observer_dsn=door.dsn_of(OBSERVER, _MAINTENANCE),
        host=door.host,
        port=door.port,
        version_num=number,
        version=version.split()[0],
        pid=None,
        data_dir=None,
        max_connections=most,
        app_slots=most - kept - reserved,
        size=mark.size,
        keys={"post": mark.posts, "user": mark.users},
        notes=notes,
        limits=held,
    )
