"""Reads ``/pool`` and ``/pool/samples`` from every worker of the app.

The workers share one listening socket, and the kernel decides who gets a new connection. So a connection to each is
looked for once and then kept: later readings ask exactly the same workers, at the cost of one request each.
"""

import json
import threading
from http.client import HTTPConnection, HTTPException
from typing import Any

Gauge = dict[str, Any]


class GaugeReader:
    """Asks all workers behind *port* of this machine for their gauges; may be used from several threads."""

    def __init__(self, port: int, workers: int, timeout_s: float = 2.0, host: str = "127.0.0.1") -> None:
        self._host = host
        self._port = port
        self._workers = workers
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._kept: dict[int, HTTPConnection] = {}  # pid -> connection to it

    def read(self, path: str = "/pool") -> list[Gauge]:
        """Return what *path* answers, once for each worker that was reached, by pid; empty if none was."""
        with self._lock:
            answers = {pid: gauge for pid in list(self._kept) if (gauge := self._again(pid, path)) is not None}
            spare: list[HTTPConnection] = []
            for _ in range(16 * self._workers):
                if len(answers) >= self._workers or not self._look(answers, spare, path):
                    break
            for connection in spare:
                connection.close()
            return [answers[pid] for pid in sorted(answers)]

    def close(self) -> None:
        """Close the connections; a later :meth:`read` opens new ones."""
        with self._lock:
            for connection in self._kept.values():
                connection.close()
            self._kept.clear()

    def _again(self, pid: int, path: str) -> Gauge | None:
        """Ask over the connection that is kept for *pid*; forget it if it is dead."""
        gauge = _ask(self._kept[pid], path)
        if gauge is None or gauge["pid"] != pid:
            self._kept.pop(pid).close()
            return None
        return gauge

    def _look(self, answers: dict[int, Gauge], spare: list[HTTPConnection], path: str) -> bool:
        """Open a connection and see who answers; false if nobody does.

        Connections to a worker that is known already stay open until the search ends: the others are then more
        likely to be given the next one.
        """
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        gauge = _ask(connection, path)
        if gauge is None:
            connection.close()
            return False
        if gauge["pid"] in self._kept:
            spare.append(connection)
        else:
            self._kept[gauge["pid"]] = connection
            answers[gauge["pid"]] = gauge
        return True


def _ask(connection: HTTPConnection, path: str) -> Gauge | None:
    try:
        connection.auto_open = 0 if connection.sock else 1  # a kept connection may not turn into one to another worker
        connection.request("GET", path)
        answer: Gauge = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    return answer if "pid" in answer else None
