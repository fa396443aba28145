"""Making the lab's database, and keeping a loaded copy of it so that a reset takes a second.

A data directory is made under a temporary name by a server that writes nothing safely to disk, stopped cleanly, and
renamed to a template. What runs is a copy of a template. So a build that was killed leaves only a folder with a
temporary name, which the next build deletes, and a half-made data directory is never taken for a whole one.

``lab.json`` inside it says what it holds. The template's key covers everything that it was made from.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import process, sql
from lab.errors import ServerError
from lab.server import account as accounts
from lab.server import cluster, conf, data, dsn, reason
from lab.server.binaries import Binaries
from lab.server.cluster import Progress
from lab.server.layout import Layout, socket_folder
from lab.server.values import DATABASE, SIZES, Size
from lab.units import format_bytes

Waits = Callable[[], None]  # called when another process has the lock
_PART = "part-"
_RECORD = "lab.json"
OWNER, APP, OBSERVER = "lab_owner", "lab_app", "lab_observer"
# data, a template of it, and room to work
NEEDED_BYTES = {"small": 300_000_000, "medium": 700_000_000, "large": 4_000_000_000}


@dataclass(frozen=True, slots=True)
class Built:
    """What a data directory of the lab holds."""

    major: int
    size: str
    instance: str
    key: str


@dataclass(frozen=True, slots=True)
class Door:
    """The way into a server of the lab's own, and the passwords that its roles are to have."""

    host: str
    port: int
    passfile: Path
    passwords: Mapping[str, str] = field(repr=False)  # by role

    def dsn_of(self, user: str, database: str) -> str:
        """Return a role's DSN; the password is in the passfile."""
        return dsn.own(self.host, self.port, user, database, self.passfile)


def read_record(folder: Path) -> Built | None:
    """Return what the lab wrote when it made *folder*; None if it did not."""
    try:
        return Built(**json.loads((folder / _RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def template_key(binaries: Binaries, size: str, instance: str) -> str:
    """Return the key of a template: the same as long as everything that it is made from is the same."""
    names = sorted(name for name in sql.titles() if name.startswith("server/"))
    parts = [binaries.version_text, size, instance, conf.source(), *(sql.load(name) for name in names)]
    return f"{binaries.major}-{size}-{sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def install(layout: Layout, binaries: Binaries, size: str, progress: Progress) -> None:
    """Put a copy of the template in the place of the data directory; the template is made if need be.

    The server must not run.
    """
    _sweep(layout)
    source = template(layout, binaries, size, progress)
    part = layout.root / f"{_PART}data"
    accounts.copy_tree(source, part, layout.account)
    _sync(layout, binaries, part)
    accounts.remove_tree(layout.data)
    part.rename(layout.data)


def template(layout: Layout, binaries: Binaries, size: str, progress: Progress) -> Path:
    """Return a template for *size*, which is made if there is none."""
    key = template_key(binaries, size, layout.passfile.instance())
    target = layout.templates / key
    if read_record(target) is None:
        _check_space(layout.root, size)
        if size != "small":
            progress(f"making the {size} database, once: {SIZES[size].posts:,} posts")
        _drop_older(layout, f"{binaries.major}-{size}-")
        _build(layout, binaries, SIZES[size], key, target)
    return target


def _check_space(folder: Path, size: str) -> None:
    free_bytes, needed_bytes = shutil.disk_usage(folder).free, NEEDED_BYTES[size]
    if free_bytes < needed_bytes:
        raise ServerError(
            f"{folder} has {format_bytes(free_bytes)} free, size {size} needs {format_bytes(needed_bytes)}; "
            "free some space, or set LAB_HOME to a folder on another disk"
        )


def _drop_older(layout: Layout, prefix: str) -> None:
    for old in layout.templates.glob(f"{prefix}*"):
        accounts.remove_tree(old)


def _sweep(layout: Layout) -> None:
    """Delete what a build or a copy left that was cut short."""
    for folder in (layout.root, layout.templates):
        for left in folder.glob(f"{_PART}*"):
            accounts.remove_tree(left)
    for left in layout.templates.glob("pw-*"):
        left.unlink(missing_ok=True)


def _build(layout: Layout, binaries: Binaries, size: Size, key: str, target: Path) -> None:
    part = layout.templates / f"{_PART}{key}"
    instance, began = layout.passfile.instance(), reason.size_bytes(layout.log)
    try:
        password = layout.passfile.ensure(dsn.LOOPBACK, "*", OWNER)
        cluster.initdb(binaries, part, password, layout.account, layout.log)
        _with_server(layout, binaries, part, lambda port: fill(_door(layout, port), size, instance))
        shutil.rmtree(part / "log", ignore_errors=True)
        record = Built(binaries.major, size.name, instance, key)
        accounts.write_file(part / _RECORD, json.dumps(asdict(record)), layout.account)
        _sync(layout, binaries, part)
        part.rename(target)
    except OSError as error:
        raise ServerError(reason.advised(f"cannot make the database: {error.strerror}")) from None
    except psycopg2.Error as error:
        cause = reason.known_cause(reason.read_from(layout.log, began)) or data.one_line(error)
        raise ServerError(reason.advised(f"cannot load the database: {cause}")) from None
    finally:
        accounts.remove_tree(part)


def _sync(layout: Layout, binaries: Binaries, folder: Path) -> None:
    """Bring the files to the disk: they were written without, and must not be written during a measurement."""
    done = accounts.run_as(layout.account, [binaries.program("initdb"), "--sync-only", "--pgdata", str(folder)])
    if done.returncode != 0:
        raise ServerError(reason.advised(f"cannot bring {folder} to the disk: {accounts.last_line(done.stderr)}"))


def _with_server(layout: Layout, binaries: Binaries, folder: Path, use: Callable[[int], None]) -> None:
    """Run *use* with a server on *folder* that nobody else knows of, and stop it in order."""
    port = process.free_port(0, "LAB_PORT")
    owner = dsn.embedded(port, OWNER, "postgres", layout.passfile.file)
    child = cluster.start(
        binaries, folder, port, socket_folder(layout), layout.account, layout.log, owner, lambda _: None,
        extra=conf.BUILD, grace_s=120,
    )  # fmt: skip
    try:
        use(port)
    finally:
        child.stop()
    if child.returncode() != 0:
        raise ServerError(reason.advised(f"PostgreSQL failed while loading: {child.last_words()}"))


def _door(layout: Layout, port: int) -> Door:
    passwords = {name: layout.passfile.ensure(dsn.LOOPBACK, "*", name) for name in (OWNER, APP, OBSERVER)}
    return Door(dsn.LOOPBACK, port, layout.passfile.file, passwords)


def fill(door: Door, size: Size, instance: str, waits: Waits = lambda: None) -> None:
    """Make roles, database, rows and rights on a server that holds nothing, or what an earlier call left of it.

    The mark comes last, so what carries it is whole. Each session that writes holds the lock of its database: the
    server works on for a while for a client that was killed.

    :param waits: called if another process is at it; what that one makes is taken as it is.
    """
    with data.connect(door.dsn_of(OWNER, "postgres")) as conn:
        data.lock(conn, waits)
        if is_whole(conn, door):
            return
        data.hide_from_statements(conn)
        for name in (APP, OBSERVER):
            data.set_password(conn, name, door.passwords[name])
        if not data.run(conn, "database_exists", database=DATABASE)[0][0]:
            data.run(conn, "database")
        data.run(conn, "close_databases", app=data.role(APP), observer=data.role(OBSERVER))
        data.grant_observer(conn, OBSERVER)
        data.make_extension(conn, "pg_stat_statements")
        data.make_proc_functions(conn, OBSERVER)
        with data.connect(door.dsn_of(OWNER, DATABASE)) as inside:
            data.lock(inside, waits)
            if data.read_mark(inside) is None:
                _fill_database(inside, size, instance)


def is_whole(conn: Connection, door: Door) -> bool:
    """Whether the lab's database is there and carries its mark; *conn* leads to another database of the server."""
    if not data.run(conn, "database_exists", database=DATABASE)[0][0]:
        return False
    with data.connect(door.dsn_of(OWNER, DATABASE)) as inside:
        return data.read_mark(inside) is not None


def _fill_database(conn: Connection, size: Size, instance: str) -> None:
    data.run(conn, "close_public")
    data.begin_blog(conn, size)
    for extension in ("pg_stat_statements", "pgstattuple"):
        data.make_extension(conn, extension)
    data.run(conn, "grant_app", app=data.role(APP))
    data.run(conn, "grant_observer_mark", observer=data.role(OBSERVER))
    data.run(conn, "checkpoint")
    data.write_mark(conn, size, instance)


def forget(layout: Layout) -> None:
    """Delete data, templates and passwords of the embedded server; it must not run."""
    for folder in (layout.data, *layout.templates.iterdir()):
        accounts.remove_tree(folder)
    with contextlib.suppress(FileNotFoundError):
        layout.passfile.file.unlink()
