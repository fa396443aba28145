"""What timing costs: the middleware and the metered pool, beside the same application without them.

In one process and without a network: requests go straight into the ASGI app, whose handler takes a connection from a
QueuePool, runs one statement and commits; SQLite in memory stands for the server. The two sides take turns, in blocks
whose order alternates, so that whatever disturbs the machine disturbs both. The minimum is what the code costs, the
median what it costs here and now.

Run: ``python -m benchmarks.bench_middleware``
"""

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import QueuePool
from starlette.routing import Route

from lab.app.timing import AsgiApp, Meter, ServerTimingMiddleware, metered_engine

GOAL_REQUEST_US = 30.0
GOAL_CHECKOUT_US = 3.0
_OPTIONS: dict[str, Any] = {"poolclass": QueuePool, "connect_args": {"check_same_thread": False}}
_SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [],
    "http_version": "1.1",
    "scheme": "http",
    "server": ("lab", 80),
    "asgi": {"version": "3.0"},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Time of one call on each side, microseconds."""

    plain_min_us: float
    plain_median_us: float
    timed_min_us: float
    timed_median_us: float

    @property
    def added_us(self) -> float:
        """What timing adds to one call, by the minima."""
        return self.timed_min_us - self.plain_min_us

    @property
    def ratio(self) -> float:
        """How many times as long a timed call takes, by the medians."""
        return self.timed_median_us / self.plain_median_us


def of_requests(blocks: int = 60, block: int = 50) -> Cost:
    """Measure one request: middleware, metered pool and timed SQL, against none of them."""
    plain = _app(create_engine("sqlite://", **_OPTIONS))
    timed = ServerTimingMiddleware(_app(metered_engine("sqlite://", Meter(), **_OPTIONS)))
    with asyncio.Runner() as runner:

        def run(app: AsgiApp) -> Callable[[], float]:
            return lambda: runner.run(_requests(app, block))

        return _interleaved(run(plain), run(timed), blocks)


def of_checkouts(blocks: int = 100, block: int = 500) -> Cost:
    """Measure one checkout and checkin of a raw connection inside a request, metered against plain."""
    plain = create_engine("sqlite://", **_OPTIONS)
    timed = metered_engine("sqlite://", Meter(), **_OPTIONS)
    with asyncio.Runner() as runner:

        def run(engine: Engine) -> Callable[[], float]:
            return lambda: runner.run(_inside_request(lambda: _checkouts(engine, block)))

        return _interleaved(run(plain), run(timed), blocks)


def _app(engine: Engine) -> FastAPI:
    app = FastAPI()
    statement = text("SELECT 1")

    # async: without a change of threads, whose cost varies more than what is measured here
    @app.get("/")
    async def ask() -> int:
        with engine.connect() as connection:
            value = connection.scalar(statement)
            connection.commit()
        return int(value or 0)

    return app


async def _requests(app: AsgiApp, count: int) -> float:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: MutableMapping[str, Any]) -> None:
        return None

    began_ns = perf_counter_ns()
    for _ in range(count):
        await app(dict(_SCOPE), receive, send)
    return (perf_counter_ns() - began_ns) / count / 1000


async def _inside_request(measure: Callable[[], float]) -> float:
    """Return what *measure* returns when a route calls it: the meter then looks up whose totals to add to."""
    found: list[float] = []

    async def app(*_: object) -> None:
        found.append(measure())

    async def nothing(*_: object) -> MutableMapping[str, Any]:
        return {}

    await ServerTimingMiddleware(app)({**_SCOPE, "route": Route("/posts/{post_id}", app)}, nothing, nothing)  # type: ignore[arg-type]
    return found[0]


def _checkouts(engine: Engine, count: int) -> float:
    began_ns = perf_counter_ns()
    for _ in range(count):
        engine.raw_connection().close()
    return (perf_counter_ns() - began_ns) / count / 1000


def _interleaved(plain: Callable[[], float], timed: Callable[[], float], blocks: int) -> Cost:
    plain(), timed()  # imports, caches and the first connection
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(blocks):
        order = ((0, plain), (1, timed)) if number % 2 else ((1, timed), (0, plain))
        for side, run in order:
            times[side].append(run())
    return Cost(min(times[0]), median(times[0]), min(times[1]), median(times[1]))


def main() -> None:
    """Print one line for each of the two."""
    for name, unit, goal_us, cost in (
        ("middleware", "request", GOAL_REQUEST_US, of_requests()),
        ("metered pool", "checkout", GOAL_CHECKOUT_US, of_checkouts()),
    ):
        print(
            f"{name}: {cost.added_us:.1f} us per {unit} (goal {goal_us:g}), plain {cost.plain_min_us:.1f} us, "
            f"ratio {cost.ratio:.2f}, medians {cost.timed_median_us:.1f} and {cost.plain_median_us:.1f} us"
        )


if __name__ == "__main__":
    main()
