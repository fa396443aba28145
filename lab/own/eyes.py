"""Who looks while a run goes on: the observer beside a database, or a look at this machine alone."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psutil

from lab import observe
from lab.errors import ObserverError
from lab.observe.rows import Rows
from lab.observe.session import one_line
from lab.observe.statistics import keep_tables, take
from lab.observe.system import System
from lab.own.place import Place
from lab.record import run as record
from lab.units import monotonic_us

POLL_S, TICK_S = 0.1, 0.5  # how often a run is looked after, and its progress told
_EVERY_S = 1.0
_NO_APPS = ("docker-proxy", "rootlesskit", "com.docker.backend", "ssh", "sshd", "kubectl")  # these listen for others


class Eyes(Protocol):
    """What looks while a run goes on."""

    def alive(self) -> bool:
        """Whether it still looks.

        :raises ObserverError: if it does not, and it is known why.
        """

    def watch(self, role: str, pid: int) -> int:
        """Look at a process tree too."""

    def mark(self, name: str) -> int:
        """Take a snapshot of whatever has counters; returns when (us, monotonic)."""


class Machine:
    """Looks at processes and machine once a second, in a thread of the lab: there is no database to look at."""

    def __init__(self, folder: Path) -> None:
        """Begin to look."""
        self._rows = Rows(folder, os.getpid())
        self._system = System(self._rows)
        self._lock, self._over = threading.Lock(), threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        """See :class:`Eyes`.

        :raises ObserverError: if it cannot look any more.
        """
        if self._error:
            raise _died(self._error)
        return self._thread.is_alive()

    def watch(self, role: str, pid: int) -> int:
        """See :class:`Eyes`.

        :raises ObserverError: if there is no such process.
        """
        with self._lock:
            self._system.watch(role, pid)
        return monotonic_us()

    def mark(self, name: str) -> int:
        """See :class:`Eyes`; nothing has counters but the processes."""
        with self._lock:
            self._system.record()
        return monotonic_us()

    def stop(self) -> None:
        """Look no more, and write what is left.

        :raises ObserverError: if that cannot be done, or it could not look to the end.
        """
        self._over.set()
        self._thread.join()
        try:
            self._rows.close()
        except OSError as error:
            self._error = self._error or error
        if self._error:
            raise _died(self._error)

    def _look(self) -> None:
        try:
            while not self._over.wait(_EVERY_S):
                with self._lock:
                    self._system.record()
                    self._rows.flush()
        except (OSError, psutil.Error) as error:  # the disk is full
            self._error = error


def _died(error: Exception) -> ObserverError:
    return ObserverError(
        f"CPU and memory could not be looked at to the end ({one_line(error)}); "
        "the run is kept as failed: give the command again"
    )


@contextmanager
def eyes(place: Place | None, folder: Path, watched: dict[str, int]) -> Iterator[Eyes]:
    """Look while the body runs: at *place* if there is one, and at the processes of *watched* (role to pid).

    :raises ObserverError: if the observer does not start.
    """
    if place is None:
        alone = Machine(folder)
        try:
            for role, pid in watched.items():
                alone.watch(role, pid)
            yield alone
        finally:
            alone.stop()
        return
    pids = watched | ({"server": place.server_pid} if place.server_pid else {})
    seeing = observe.start(
        place.observer_dsn,
        place.database,
        folder,
        application="",
        watch=pids,
        log=folder / "observer.log",
        anyone=True,
    )
    try:
        yield seeing
    except BaseException:
        with suppress(ObserverError):  # what happened before is what matters
            seeing.stop()
        raise
    seeing.stop()


def mark(seeing: Eyes, name: str, folder: Path) -> dict[str, int]:
    """Have a snapshot taken; a server that does not answer costs the snapshot, and not the run."""
    try:
        return {name: seeing.mark(name)}
    except ObserverError as error:
        record.append_event(folder, f"no snapshot {name}: {error}", monotonic_us(), source="lab")
        return {}


def look(place: Place | None, folder: Path, name: str, own: dict[str, Any]) -> None:
    """Write down the tables' counters; what may not be seen goes to *own*, and what is not reported yet at the end."""
    if place is None:
        return
    t_us = monotonic_us()
    try:
        seen = take(place.dsn)
    except ObserverError as error:
        record.append_event(folder, f"no tables at {name}: {error}", t_us, source="lab")
        own["absent"].append(f"tables: {error}")
        return
    keep_tables(folder, name, t_us, seen.tables)
    # of statements the place says what is missing: they are read where the observer sits
    hidden = [text for text in seen.hidden if seen.statements is not None or not text.startswith("statements:")]
    # the later look tells of the same thing with its newer count
    own["hidden"] = list({text.partition(":")[0]: text for text in (*own["hidden"], *hidden)}.values())
    if seen.unreported and name == "after":
        own["absent"].append(
            f"what {len(seen.unreported)} backends did to tables, and the transactions that they ended (commits, "
            "rollbacks): they have not reported to the server yet"
        )


def listener(port: int) -> tuple[int, str] | None:
    """Return pid and name of the program that listens on a port of this machine; None if it cannot be seen.

    Of several that share it, it is the one that the others descend from.
    """
    pids = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in _connections(process)):
                pids.add(process.pid)
    for pid in sorted(pids):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.name() not in _NO_APPS and not pids.intersection(one.pid for one in process.parents()):
                return pid, process.name()
    return None


def is_alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _connections(process: psutil.Process) -> list[Any]:
    return [one for one in process.net_connections("tcp") if one.laddr]
