"""How many connections an app can open: workers x (size + overflow), counted in the server while all are held.

Each worker is sent as many requests as its pool has connections, and a few more, all at once; each holds its connection
for a while. Those beyond the ceiling find no connection within ``pool_timeout``. Counts, no times.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from lab.app import App
from lab.demonstrate.bench import Bench, Reader
from lab.errors import AppError
from lab.plan import PoolConfig

APPLICATION = "lab-app-ceiling"
_TIMEOUT_S = 0.2  # pool_timeout: far shorter than the hold, so who is refused does not depend on the machine
_LOOKS = 400  # connections opened in search of a worker


@dataclass(frozen=True, slots=True)
class Peak:
    """What was seen while every pool was full."""

    workers: int
    ceiling: int  # workers x (size + overflow)
    backends: int  # the most that the server had of this app at any look
    answered: int  # requests that got a connection
    refused: int  # answered with 503, for there was none in time
    sent: int


def peak(bench: Bench, spec: str, workers: int = 1, beyond: int = 2) -> Peak:
    """Fill the pool of every worker, with *beyond* requests more than it holds, and count the app's backends.

    *spec* is a queue, as for ``lab compare``; its timeout is set here. The app is fresh.
    """
    pool = PoolConfig.parse(spec, workers)
    ceiling = pool.ceiling or 0
    hold_ms = 500 + 30 * ceiling  # opening them all takes a while on a busy machine
    bench.say(f"{workers} workers: up to {ceiling} connections")
    with (
        bench.reader() as reader,
        bench.application(replace(pool, timeout_s=_TIMEOUT_S).spec, workers, APPLICATION) as web,
        _each_worker(web, ceiling // workers + beyond) as connections,
    ):
        asked = [_Asked(connection, f"/patterns/inside?ms={hold_ms}") for connection in connections]
        backends = _most(reader, asked)
    statuses = Counter(one.status for one in asked)
    return Peak(workers, ceiling, backends, statuses[200], statuses[503], len(asked))


@contextmanager
def _each_worker(web: App, count: int) -> Iterator[list[HTTPConnection]]:
    """Lend *count* open connections to each worker; the kernel decides who gets a new one, so it is asked."""
    found: dict[int, list[HTTPConnection]] = {pid: [] for pid in web.pids()}
    opened: list[HTTPConnection] = []
    try:
        for _ in range(_LOOKS * len(found)):
            if all(len(some) >= count for some in found.values()):
                break
            connection = HTTPConnection(urlsplit(web.url).netloc, timeout=60)
            opened.append(connection)
            connection.request("GET", "/health")
            found[json.loads(connection.getresponse().read())["pid"]].append(connection)
        else:
            raise AppError(f"{_LOOKS} connections did not reach each worker {count} times; try again")
        yield [connection for some in found.values() for connection in some[:count]]
    finally:
        for connection in opened:
            connection.close()


class _Asked:
    """One request in a thread of its own."""

    def __init__(self, connection: HTTPConnection, path: str) -> None:
        self.status = 0
        self._connection, self._path = connection, path
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        try:
            self._connection.request("GET", self._path)
            response = self._connection.getresponse()
            response.read()
            self.status = response.status
        except (OSError, HTTPException):
            self.status = -1


def _most(reader: Reader, asked: list[_Asked]) -> int:
    """Send all requests at once, and look at the server until the last is answered."""
    most = 0
    for one in asked:
        one.thread.start()
    while any(one.thread.is_alive() for one in asked):
        most = max(most, int(reader.value("observe/backends_of", application=APPLICATION)))
        time.sleep(0.02)
    return most
