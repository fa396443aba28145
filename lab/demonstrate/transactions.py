"""How a request's transaction ends: a commit that comes after the answer, and reads that count as rollbacks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from lab.app import App
from lab.demonstrate import shared
from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.crowd import crowd
from lab.errors import AppError, ServerError
from lab.process import wait_until

COUNTED = "lab-app-counted"  # whose backends have to be gone before the count is complete
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

    :raises ServerError: if the database cannot defer the check of the user.
    :raises AppError: if a request goes on after its answer for 5 s.
    """
    number = bench.where.keys["user"] + 1 if user is None else user
    found = []
    with shared.application(bench, web) as target, bench.reader() as reader:
        if not reader.value("lesson/sessions_deferrable"):
            raise ServerError("the data are older than the deferrable key of sessions; run `lab reset --fresh`")
        for route in routes:
            before = int(reader.value("lesson/sessions_of", user=number))
            answers = [_post(target.url, f"/patterns/{route}?user={number}") for _ in range(asked)]
            # a commit after the answer may still be under way
            if not wait_until(lambda: target.gauges()[0]["checked_out"] == 0, timeout_s=5):
                raise AppError(f"a connection was still out 5 s after {route} had answered; try again")
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

    What other backends of the database report meanwhile is counted with them, up to ten seconds after their work: no
    other application may have worked just before, unless it has ended. The reader's own questions commit.

    :raises ServerError: if the application's backends do not end within 5 s.
    """
    with bench.reader() as reader:
        with bench.application("queue:size=2,overflow=0,timeout=5", name=COUNTED) as web:
            before = _counted(reader)
            asked = crowd(web.url, f"/patterns/{route}?ms=0", 2, each=requests // 2)
        if not wait_until(lambda: not reader.value("observe/backends_of", application=COUNTED), timeout_s=5):
            raise ServerError(f"backends of {COUNTED} were still there 5 s after it had ended; try again")
        after = _counted(reader)
    return Ended(asked.done + asked.failed, asked.failed, after[1] - before[1], after[0] - before[0])


def _counted(reader: Reader) -> tuple[int, int]:
    commits, rollbacks = reader.rows("lesson/transactions")[0]
    return int(commits), int(rollbacks)
