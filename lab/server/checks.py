"""What has to be right before the lab can work, each point with a cure."""

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from lab import process
from lab.config import Config
from lab.errors import LabError, PoolerError
from lab.server import attach, composed, embedded, layout
from lab.server import binaries as programs
from lab.server.build import NEEDED_BYTES
from lab.server.pgbouncer_conf import find
from lab.server.values import Check
from lab.units import format_bytes

_SHARED_MEMORY_BYTES = 64 * 1024**2


def examine(config: Config) -> list[Check]:
    """Return every check, in the order in which the lab would meet the problem."""
    points: list[tuple[str, Callable[[Config], str]]] = [("python", _python), ("home", _home), ("disk", _disk)]
    if config.dsn:
        points += [("attached server", _attached)]
    elif config.server:
        points += [("composed server", _composed)]
    else:
        points += [
            ("account", _account),
            ("programs", _programs),
            ("psql", _psql),
            ("port", _port),
            ("shared memory", _shared_memory),
            ("server", _server),
        ]
    points += [("pgbouncer", _pgbouncer)]
    return [_checked(name, look, config) for name, look in points]


def _checked(name: str, look: Callable[[Config], str], config: Config) -> Check:
    try:
        return Check(name, True, look(config))
    except (LabError, OSError) as error:
        return Check(name, False, " ".join(str(error).split()))


def _python(config: Config) -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors"


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _home(config: Config) -> str:
    place = _existing(config.home)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise LabError(f"{place} cannot be written to; set LAB_HOME to a folder you own")
    return f"{config.home}" if place == config.home else f"{config.home}, not made yet"


def _disk(config: Config) -> str:
    root = config.home if config.dsn or config.server else layout.locate(config).root
    free_bytes, needed_bytes = shutil.disk_usage(_existing(root)).free, NEEDED_BYTES[config.size]
    if free_bytes < needed_bytes:
        raise LabError(
            f"{format_bytes(free_bytes)} free, size {config.size} needs {format_bytes(needed_bytes)}; "
            "free some space, or set LAB_HOME to another disk"
        )
    return f"{format_bytes(free_bytes)} free, size {config.size} needs up to {format_bytes(needed_bytes)}"


def _account(config: Config) -> str:
    where = layout.locate(config)
    if where.account is None:
        return "the server runs as you do"
    return f"the lab runs as root, the server as {where.account.name} in {where.root}"


def _programs(config: Config) -> str:
    found = programs.find(config.pg_bin)
    return f"PostgreSQL {found.version_text} ({found.source}: {found.bin_dir})"


def _psql(config: Config) -> str:
    psql = programs.find(config.pg_bin).tool("psql")
    return psql or "not found; only `lab psql` needs it"


def _pgbouncer(config: Config) -> str:
    try:
        program = find()
    except PoolerError as error:
        return f"{error} (optional: only variants of that kind and lesson 06 need it)"
    return f"PgBouncer {program.text} ({program.path})"


def _port(config: Config) -> str:
    now = embedded.status(config)
    if now.state == "running":
        return f"the server runs on {now.port}"
    return f"{process.free_port(config.port, 'LAB_PORT')} is free" if config.port else "any that is free"


def _shared_memory(config: Config) -> str:
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return "anonymous memory; this system sets no limit of its own"
    size_bytes = shutil.disk_usage(folder).total
    # shared_buffers is anonymous memory; parallel queries take theirs from here
    if size_bytes < _SHARED_MEMORY_BYTES:
        raise LabError(
            f"/dev/shm holds {format_bytes(size_bytes)}, parallel queries need more (docker: --shm-size=256m)"
        )
    return f"/dev/shm holds {format_bytes(size_bytes)}"


def _server(config: Config) -> str:
    now = embedded.status(config)
    if now.state == "foreign":
        raise LabError(now.note)
    return f"{now.state}{f', size {now.size}' if now.size else ''}{f': {now.note}' if now.note else ''}"


def _attached(config: Config) -> str:
    now = attach.status(config)
    if now.state != "running":
        raise LabError(now.note)
    return f"PostgreSQL {now.version} on {now.host}:{now.port}, size {now.size}"


def _composed(config: Config) -> str:
    now = composed.status(config)
    if now.state not in ("running", "missing"):
        raise LabError(now.note)
    what = f"size {now.size}" if now.state == "running" else "not prepared yet; `lab up` does it"
    return f"PostgreSQL {now.version} on {now.host}:{now.port}, {what}"
