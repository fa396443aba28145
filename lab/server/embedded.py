"""The life of the embedded server: made when it is first asked for, then started, found again, stopped, reset.

Two ways to have it: :func:`ensure` leaves it running after the lab has ended (``lab up``), with its leash as a
supervisor; :func:`running` lends it for as long as a command lasts. ``server.json`` in the home notes which server
runs; if that note is lost or wrong, the data directory's own ``postmaster.pid`` decides.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab import process
from lab.config import Config
from lab.errors import BusyError, ServerError, UsageError
from lab.process import Child
from lab.server import binaries as programs
from lab.server import build, cluster, data, dsn, layout, note
from lab.server.binaries import Binaries
from lab.server.build import APP, OBSERVER, OWNER
from lab.server.cluster import Postmaster, Progress
from lab.server.layout import Layout
from lab.server.values import DATABASE, Server, ServerStatus

_TRIES = 3
# servers that this process holds on a leash, by home
_held: dict[Path, Child] = {}


def ensure(config: Config, progress: Progress) -> Server:
    """Return a running server that outlives this process; it is made and started if need be.

    :raises ServerError: if that cannot be done.
    :raises UsageError: if LAB_PORT is taken, or the server runs on another port.
    :raises BusyError: if another command is starting, stopping or holding it.
    """
    notes = dsn.ignored(dsn.drop_overriding())
    where = layout.locate(config)
    layout.make(where)
    with note.locked(where.lock, "start the server"):
        found = cluster.find_running(where.data)
        if found:
            return _reuse(config, where, found, notes)
        return _hand_over(where, *_start(config, where, progress), notes, held=False)


@contextmanager
def running(config: Config, progress: Progress, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Lend a server: the one that runs, or one that is stopped again at the end.

    :param settings: beside those of ``lab.conf``; they win, and cannot be had of a server that runs already.

    :raises ServerError: if there can be none.
    :raises BusyError: if another command holds it.
    """
    notes = dsn.ignored(dsn.drop_overriding())
    where = layout.locate(config)
    layout.make(where)
    with note.locked(where.lock, "start the server"):
        found = cluster.find_running(where.data)
        if found:
            if settings:
                raise BusyError(f"the server of {config.home} runs already, and keeps its settings; stop it first")
            server, started = _reuse(config, where, found, notes), False
        else:
            server, started = (
                _hand_over(where, *_start(config, where, progress, extra=settings), notes, held=True),
                True,
            )
    try:
        yield server
    finally:
        if started:
            _let_go(where)


def stop(config: Config) -> bool:
    """Stop the server of this home; False if none ran.

    :raises BusyError: if another command holds it.
    """
    where = layout.locate(config)
    if not where.home.exists():
        return False
    with note.locked(where.lock, "stop the server"):
        return _stop(where)


def status(config: Config) -> ServerStatus:
    """Say what there is, and change nothing."""
    where = layout.locate(config)
    major, record = cluster.major_of(where.data), build.read_record(where.data)
    if major is None:
        return ServerStatus("missing", "embedded", data_dir=where.data, note="nothing was made yet; run `lab up`")
    size = record.size if record else ""
    found = cluster.find_running(where.data)
    if found:
        noted = note.read(where)
        version = noted.version if noted and noted.pid == found.pid else str(major)
        return ServerStatus(
            "running",
            "embedded",
            version,
            dsn.LOOPBACK,
            found.port,
            found.pid,
            where.data,
            size,
            note.held_by_another(where),
        )
    problem = _unusable(config, where)
    return ServerStatus(
        "foreign" if problem else "stopped", "embedded", str(major), data_dir=where.data, size=size, note=problem
    )


def reset(config: Config, progress: Progress, fresh: bool = False) -> Server | None:
    """Put the data back to its first state; a server that ran runs again, on the same port.

    :param fresh: make everything anew, also the passwords; this replaces data of another version, too.
    :return: the server, if it ran.
    :raises BusyError: if another command holds it.
    """
    notes = dsn.ignored(dsn.drop_overriding())
    where = layout.locate(config)
    layout.make(where)
    with note.locked(where.lock, "reset the server"):
        found, held = cluster.find_running(where.data), where.home in _held
        binaries = _binaries(config, where)
        if not fresh:
            problem = _foreign(where, binaries) if where.data.exists() else ""
            if problem:
                raise ServerError(problem)
            # a template that cannot be made must not cost the data
            build.template(where, binaries, config.size, progress)
        _stop(where)
        if fresh:
            build.forget(where)
        build.install(where, binaries, config.size, progress)
        if not found:
            return None
        return _hand_over(where, *_start(config, where, progress, found.port), notes, held=held)


def running_port(config: Config) -> int:
    """Return the port of the server that runs.

    :raises ServerError: if none does.
    """
    found = cluster.find_running(layout.locate(config).data)
    if found is None:
        raise ServerError("the server does not run; start it with `lab up`")
    return found.port


def _start(
    config: Config, where: Layout, progress: Progress, preferred: int = 0, extra: Mapping[str, str] | None = None
) -> tuple[Child, int]:
    """Start the server on LAB_PORT, on the *preferred* port, or on any that is free."""
    port = process.free_port(config.port, "LAB_PORT")
    binaries = _binaries(config, where)
    if cluster.major_of(where.data) is None:
        build.install(where, binaries, config.size, progress)
    problem = _unusable(config, where)
    if problem:
        raise ServerError(problem)
    cluster.write_settings(where.data, binaries.major, where.account)
    if preferred and not config.port and not cluster.listens(preferred):
        port = preferred
    for attempt in range(_TRIES):
        owner = dsn.embedded(port, OWNER, DATABASE, where.passfile.file)
        try:
            child = cluster.start(
                binaries,
                where.data,
                port,
                layout.socket_folder(where),
                where.account,
                where.log,
                owner,
                progress,
                extra,
            )
            return child, port
        except ServerError as error:
            # somebody took the port between the look and the start; its name may be missing from the error if the
            # process that writes the log could not start in time
            lost = "Address already in use" in str(error) or cluster.listens(port)
            if not lost or attempt == _TRIES - 1:
                raise
            port = process.free_port(config.port, "LAB_PORT")
    raise AssertionError("unreachable")


def _binaries(config: Config, where: Layout) -> Binaries:
    return programs.runnable(programs.find(config.pg_bin), where.account, where.binaries)


def _foreign(where: Layout, binaries: Binaries) -> str:
    """Return why the data are not this lab's, for these programs; empty if they are."""
    major = cluster.major_of(where.data)
    if major != binaries.major:
        return (
            f"the data in {where.data} are of PostgreSQL {major}, the programs found are {binaries.version_text} "
            f"({binaries.bin_dir}); run `lab reset --fresh` to replace the data, or set LAB_PG_BIN"
        )
    if build.read_record(where.data) is None:
        return f"the data in {where.data} were not made by the lab; run `lab reset --fresh` to replace them"
    return ""


def _unusable(config: Config, where: Layout) -> str:
    """Return why the data cannot be used as they are; empty if they can."""
    try:
        problem = _foreign(where, programs.find(config.pg_bin))
    except ServerError as error:
        return str(error)
    record = build.read_record(where.data)
    if problem or record is None:
        return problem
    if not where.passfile.exists() or record.instance != where.passfile.instance():
        return f"the passwords for {where.data} are lost ({where.passfile.file}); run `lab reset --fresh` for new data"
    return _wrong_size(config, record.size)


def _wrong_size(config: Config, size: str) -> str:
    if size == config.size:
        return ""
    return f"the server holds the data of size {size}, LAB_SIZE is {config.size}; run `lab reset` to change to it"


def _reuse(config: Config, where: Layout, found: Postmaster, notes: tuple[str, ...]) -> Server:
    """Take over the server that runs, if it is the one asked for."""
    held = note.held_by_another(where)
    if held:
        raise BusyError(f"{held}; wait for it, or set LAB_HOME to another folder")
    if config.port not in (0, found.port):
        raise UsageError(f"the server runs on port {found.port}, LAB_PORT is {config.port}; stop the server first")
    problem = _unusable(config, where)
    if problem:
        raise ServerError(problem)
    server = _describe(where, found.port, found.pid, notes)
    noted = note.read(where)
    if noted is None or noted.pid != found.pid:
        # the note was lost: the server is taken over, with the leash that is its parent
        note.write(where, server, note.parent_leash(found.pid), held=False)
    return server


def _hand_over(where: Layout, child: Child, port: int, notes: tuple[str, ...], held: bool) -> Server:
    """Note a server that was just started, and keep its leash (*held*) or let it go on alone."""
    try:
        server = _describe(where, port, child.pid, notes)
        note.write(where, server, child.leash_pid, held)
    except BaseException:
        child.stop()
        where.note.unlink(missing_ok=True)
        raise
    if held:
        _held[where.home] = child
    else:
        child.release()
    return server


def _stop(where: Layout) -> bool:
    found, noted = cluster.find_running(where.data), note.read(where)
    if where.home in _held:
        _held.pop(where.home).stop()
    elif found:
        held = note.held_by_another(where)
        if held:
            raise BusyError(f"{held}; wait for it to end, or end it")
        if noted is not None and noted.pid == found.pid:
            process.stop_released(noted.leash_pid, noted.leash_started_s)
        cluster.stop_process(found.pid, where.data)
    cluster.wait_until_gone(where.data)
    _forget(where)
    return found is not None


def _let_go(where: Layout) -> None:
    """Stop the server that this process holds, unless a reset has already replaced or stopped it."""
    child = _held.pop(where.home, None)
    if child:
        child.stop()
        _forget(where)


def _forget(where: Layout) -> None:
    where.note.unlink(missing_ok=True)
    layout.drop_socket_folder(where)


def _describe(where: Layout, port: int, pid: int, notes: tuple[str, ...]) -> Server:
    file = where.passfile.file
    owner = dsn.embedded(port, OWNER, DATABASE, file)
    with data.connect(owner) as conn:
        number, version, most, kept, reserved, _ = data.run(conn, "limits")[0]
        mark = data.read_mark(conn)
    if mark is None:
        raise ServerError(f"the database in {where.data} has lost the lab's mark; run `lab reset`")
    return Server(
        kind="embedded",
        owner_dsn=owner,
        app_dsn=dsn.embedded(port, APP, DATABASE, file),
        observer_dsn=dsn.embedded(port, OBSERVER, "postgres", file),
        host=dsn.LOOPBACK,
        port=port,
        version_num=number,
        version=version.split()[0],
        pid=pid,
        data_dir=where.data,
        max_connections=most,
        app_slots=most - kept - reserved,
        size=mark.size,
        keys={"post": mark.posts, "user": mark.users},
        notes=notes,
    )
