"""When a dependency with ``yield`` gives its connection back: what is still out after the answer has begun.

Requests are sent all at once; when the beginning of every answer has arrived, and before any response has ended, the
pool is asked how many connections are out. It depends on FastAPI: after the response since 0.118 (and before 0.106),
before it in between; ``scope="function"``, since 0.121, ends the dependency before the response is sent.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from lab.app import App
from lab.demonstrate import shared
from lab.demonstrate.bench import Bench
from lab.demonstrate.collapse import states_of
from lab.errors import AppError
from lab.process import wait_until

ROUTES = ("stream", "stream-function", "background", "background-function")


@dataclass(frozen=True, slots=True)
class Held:
    """What *requests* requests of a route held when all their answers had begun."""

    route: str
    requests: int
    connections_out: int
    idle_in_transaction: int


def held_after_answer(bench: Bench, routes: Sequence[str] = ROUTES, web: App | None = None) -> tuple[Held, ...]:
    """Ask routes that go on after the handler has returned: a streamed response, or a background task."""
    with shared.application(bench, web) as asked:
        return tuple(_held(bench, asked, route, asked.pool.size) for route in routes)


def _held(bench: Bench, web: App, route: str, requests: int) -> Held:
    bench.say(route)
    with ExitStack() as stack, bench.reader() as reader:
        clients = [
            stack.enter_context(closing(HTTPConnection(urlsplit(web.url).netloc, timeout=30))) for _ in range(requests)
        ]
        for client in clients:
            client.request("GET", f"/patterns/{route}?ms=600")
        answers = [client.getresponse() for client in clients]
        for answer in answers:
            answer.read(1)
        out = int(web.gauges()[0]["checked_out"])
        idle = states_of(reader).get("idle in transaction", 0)
        for answer in answers:
            answer.read()
    if not wait_until(lambda: web.gauges()[0]["checked_out"] == 0, timeout_s=10):
        raise AppError(f"connections were still out 10 s after every answer of {route} had ended; try again")
    return Held(route, requests, out, idle)
