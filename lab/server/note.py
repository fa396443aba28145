"""``server.json``: the note of which server runs, so that another command finds it, stops it, or keeps off.

It is a note, not the truth: whether a server runs is asked of the data directory's own ``postmaster.pid``.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from lab import process
from lab.errors import BusyError
from lab.server import account as accounts
from lab.server.layout import Layout
from lab.server.values import Server


@dataclass(frozen=True, slots=True)
class Note:
    """Which server runs, and who looks after it. *holder_pid* is 0 for one that outlives the lab."""

    pid: int
    started_s: float
    port: int
    leash_pid: int
    leash_started_s: float
    holder_pid: int
    holder_started_s: float
    data_dir: str
    version: str


def read(where: Layout) -> Note | None:
    """Return the note; None if there is none that can be read."""
    try:
        return Note(**json.loads(where.note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(where: Layout, server: Server, leash_pid: int, held: bool) -> None:
    """Note a running server; *held* if it ends with this process."""
    holder, pid = os.getpid() if held else 0, server.pid or 0
    started = [process.started_at(one) if one else 0.0 for one in (pid, leash_pid, holder)]
    noted = Note(
        pid=pid,
        started_s=started[0],
        port=server.port,
        leash_pid=leash_pid,
        leash_started_s=started[1],
        holder_pid=holder,
        holder_started_s=started[2],
        data_dir=str(where.data),
        version=server.version,
    )
    accounts.write_file(where.note, json.dumps(asdict(noted), indent=1), None)


def held_by_another(where: Layout) -> str:
    """Say which living process holds the running server on its leash; empty if none does."""
    noted = read(where)
    if noted is None or noted.holder_pid in (0, os.getpid()):
        return ""
    if process.is_same(noted.holder_pid, noted.holder_started_s):
        return f"the server is in use by another lab command (pid {noted.holder_pid}) and ends with it"
    return ""


def parent_leash(pid: int) -> int:
    """Return the leash that supervises the server *pid*; 0 if none does."""
    try:
        parent = psutil.Process(pid).parent()
        return parent.pid if parent and any("leash.py" in part for part in parent.cmdline()) else 0
    except psutil.Error:
        return 0


@contextmanager
def locked(lock: Path, what: str, patience_s: float = 20.0) -> Iterator[None]:
    """Hold a lock of the home; wait a while for another command that starts or stops the server."""
    deadline = time.monotonic() + patience_s
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(process.exclusive(lock, what))
                break
            except BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield
