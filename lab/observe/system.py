"""The rows of the table ``system``: what each role of the run has used so far.

The observer's own backend is counted under ``observer`` and left out of ``server``, so that what observing costs
stands in one place. A server whose processes cannot be seen from here is asked what it has used.
"""

import os
import time
from typing import Any

from lab.errors import ObserverError
from lab.observe.cpu import Processes, Usage, here, machine, tree
from lab.observe.rows import Rows
from lab.units import monotonic_us

ROLES = ("app", "generator", "server", "lab", "pooler")


class System:
    """The processes that are watched, by role."""

    def __init__(self, rows: Rows, processes: Processes | None = None) -> None:
        """Watch nothing yet; *processes* defaults to what this platform offers."""
        self._rows = rows
        self._processes = processes or here()
        self._watched: dict[str, tuple[int, float]] = {}
        self._backend_pid = 0
        self._backend_s = self._former_s = 0.0
        self._backend_rss_bytes = 0

    def backend_is(self, pid: int) -> None:
        """Say which backend serves the observer's connection now; 0: none."""
        self._backend_pid = pid
        self._former_s += self._backend_s
        self._backend_s, self._backend_rss_bytes = 0.0, 0

    def watch(self, role: str, pid: int) -> None:
        """Add a process tree, or replace the one that had this role.

        :raises ObserverError: if the role is unknown or there is no such process.
        """
        if role not in ROLES:
            raise ObserverError(f"no role {role!r} to watch; the roles are {', '.join(ROLES)}")
        stat = self._processes.stat(pid)
        if stat is None:
            raise ObserverError(f"no process {pid} to watch as {role}; it has ended or may not be read")
        self._watched[role] = (pid, stat.started)

    def watches(self, role: str) -> bool:
        """Whether this role's process was named."""
        return role in self._watched

    def told(self, server: Usage, backend: Usage) -> None:
        """Add a row for a server that is not watched, and note what the observer's *backend* has used."""
        self._backend_s, self._backend_rss_bytes = backend.cpu_s, backend.rss_bytes
        self._add(monotonic_us(), "server", server)

    def record(self) -> None:
        """Add one row for each role that is alive, for the observer and for the machine."""
        t_us = monotonic_us()
        for role in self._watched:
            self._add(t_us, role, self.usage(role))
        self._add(t_us, "observer", self._own())
        now = machine()
        self._row(t_us, "machine", cpu_s=now.busy_s, steal_s=now.steal_s, throttled_s=now.throttled_s)

    def usage(self, role: str) -> Usage | None:
        """Return what a watched role has used; None if its process is gone, also if its pid has a new owner."""
        pid, started = self._watched[role]
        stat = self._processes.stat(pid)
        if stat is None or stat.started != started:
            return None
        if role == "server":
            return tree(self._processes, pid, deep=False, without=self._backend_pid)
        if role == "lab":  # what it started is watched by itself
            return Usage(stat.own_s, stat.rss_bytes)
        return tree(self._processes, pid)

    def _own(self) -> Usage:
        """Return this process and its backend, as far as that is known."""
        mine = self._processes.stat(os.getpid())
        self._see_backend()
        rss_bytes = (mine.rss_bytes if mine else 0) + self._backend_rss_bytes
        return Usage(time.process_time() + self._former_s + self._backend_s, rss_bytes)

    def _see_backend(self) -> None:
        """Read the backend, only if it is a child of the watched server: elsewhere its pid is somebody else's."""
        if not self._backend_pid or "server" not in self._watched:
            return
        backend = self._processes.stat(self._backend_pid)
        if backend and backend.parent == self._watched["server"][0]:
            self._backend_s, self._backend_rss_bytes = backend.own_s, backend.rss_bytes

    def _add(self, t_us: int, role: str, usage: Usage | None) -> None:
        if usage:
            self._row(t_us, role, cpu_s=round(usage.cpu_s, 6), rss_bytes=usage.rss_bytes)

    def _row(self, t_us: int, role: str, **values: Any) -> None:
        self._rows.add("system", {"t_us": t_us, "role": role, **values})
