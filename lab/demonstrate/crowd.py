"""A crowd of clients in threads: so many requests in flight at once, and what became of each.

It is a closed load whose size is exact: *users* threads, each with a connection of its own, each asking again as soon
as it is answered. That is what a claim about requests in flight needs. Its times are service times as one process saw
them; a comparison of two pools is made by :mod:`lab.experiment` instead, from another process and by Locust.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import numpy as np

from lab.errors import AppError


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a crowd saw."""

    users: int
    took_s: float
    statuses: Mapping[int, int]  # HTTP status -> answers; 0: none within the patience
    times_ms: np.ndarray  # of the answers below 400, in no order

    @property
    def done(self) -> int:
        """Answers below 400."""
        return sum(count for status, count in self.statuses.items() if 0 < status < 400)

    @property
    def failed(self) -> int:
        """All others, also those that did not come."""
        return sum(self.statuses.values()) - self.done

    @property
    def per_s(self) -> float:
        """Answers below 400, per second."""
        return self.done / self.took_s if self.took_s > 0 else 0.0

    def ms(self, share: float) -> float | None:
        """Return a quantile of the service times, ms; None if there are fewer than ten beyond it."""
        if len(self.times_ms) * (1 - share) < 10 and share > 0.5:
            return None
        return float(np.quantile(self.times_ms, share)) if len(self.times_ms) else None


def crowd(
    base: str,
    path: str,
    users: int,
    *,
    seconds: float = 0.0,
    each: int = 0,
    method: str = "GET",
    patience_s: float = 60.0,
) -> Crowd:
    """Have *users* ask *path* of the app at *base*, for *seconds* or *each* so many times, all at once from one start.

    What is in flight at the end of the time is waited for, and counted.

    :raises AppError: if not all of them can connect.
    """
    if (seconds > 0) == (each > 0):
        raise ValueError("give either seconds or each")
    gate = threading.Barrier(users + 1)
    asked = [_User(base, path, method, patience_s) for _ in range(users)]
    threads = [threading.Thread(target=user.go, args=(gate, seconds, each), daemon=True) for user in asked]
    for thread in threads:
        thread.start()
    try:
        gate.wait()
    except threading.BrokenBarrierError:
        raise AppError(f"{base} takes no {users} connections; see that the application runs") from None
    began = time.monotonic()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - began
    statuses: Counter[int] = sum((user.statuses for user in asked), Counter())
    return Crowd(users, took_s, dict(statuses), np.array([ms for user in asked for ms in user.times_ms]))


class _User:
    def __init__(self, base: str, path: str, method: str, patience_s: float) -> None:
        self._netloc, self._path, self._method, self._patience_s = urlsplit(base).netloc, path, method, patience_s
        self.statuses: Counter[int] = Counter()
        self.times_ms: list[float] = []

    def go(self, gate: threading.Barrier, seconds: float, each: int) -> None:
        connection = HTTPConnection(self._netloc, timeout=self._patience_s)
        try:
            connection.connect()  # the handshake is no part of the first request
            gate.wait()
        except (OSError, threading.BrokenBarrierError):
            gate.abort()
            return
        end = time.monotonic() + seconds
        while sum(self.statuses.values()) < each if each else time.monotonic() < end:
            began = time.monotonic()
            try:
                connection.request(self._method, self._path)
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, HTTPException):
                connection.close()
                status = 0
            self.statuses[status] += 1
            if 0 < status < 400:
                self.times_ms.append(1000 * (time.monotonic() - began))
        connection.close()
