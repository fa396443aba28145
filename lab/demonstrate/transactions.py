"""How a request's transaction ends: a commit that comes after the answer, and reads that count as rollbacks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from lab.app import App
from lab.demonstrate import shared
from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.collapse import APPLICATION
from lab.demonstrate.crowd import crowd
from lab.process import wait_until

COMMITS = ("commit-late", "commit-function", "commit-inside")


@dataclass(frozen=True, slots=True)
class Written:
    """What clients were told of their writes, and what the database has of them."""

    route: str
    asked: int
    answered_200: int
    statuses: tuple[int, ...]
    stored: int


def written(
    bench: Bench, routes: Sequence[str] = COMMITS, asked: int = 3, user: int | None = None, web: App | None = None
) -> tuple[Written, ...]:
    """Open sessions for a user, by default for one who does not exist: a deferred constraint refuses the commit.

    What was stored after all is removed again.
    """
    number = bench.where.keys["user"] + 1 if user is None else user
    found = []
    with shared.application(bench, web) as target, bench.reader() as reader:
        for route in routes:
            before = int(reader.value("lesson/sessions_of", user=number))
            answers = [_post(target.url, f"/patterns/{route}?user={number}") for _ in range(asked)]
            # a commit after the answer may still be under way
            wait_until(lambda: target.gauges()[0]["checked_out"] == 0, timeout_s=5)
            stored = int(reader.value("lesson/sessions_of", user=number)) - before
            reader.rows("lesson/end_sessions", ids=[body["id"] for _, body in answers if "id" in body])
            statuses = tuple(status for status, _ in answers)
            found.append(Written(route, asked, statuses.count(200), statuses, stored))
    return tuple(found)


def _post(base: str, path: str) -> tuple[int, dict[str, int]]:
    connection = HTTPConnection(urlsplit(base).netloc, timeout=30)
    try:
        connection.request("POST", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Ended:
    """How the transactions of *requests* requests ended, in the server's count; none of them failed unless *failed*."""

    requests: int
    failed: int
    rollbacks: int
    commits: int

    @property
    def rollbacks_per_request(self) -> float:
        """1.0 if each request's transaction was rolled back."""
        return self.rollbacks / self.requests


def ended(bench: Bench, route: str = "inside", requests: int = 200) -> Ended:
    """Send read-only requests, stop the application, and read what its backends reported when they ended.

    The reader's own questions commit, so *commits* has some that are not the application's.
    """
    with bench.reader() as reader:
        with bench.application("queue:size=2,overflow=0,timeout=5") as web:
            before = _counted(reader)
            asked = crowd(web.url, f"/patterns/{route}?ms=0", 2, each=requests // 2)
        wait_until(lambda: not reader.value("observe/backends_of", application=APPLICATION), timeout_s=5)
        after = _counted(reader)
    return Ended(asked.done + asked.failed, asked.failed, after[1] - before[1], after[0] - before[0])


def _counted(reader: Reader) -> tuple[int, int]:
    commits, rollbacks = reader.rows("lesson/transactions")[0]
    return int(commits), int(rollbacks)
