"""The sample application: ``uvicorn --factory lab.app.main:create_app``.

It reads LAB_APP_DSN, LAB_POOL and LAB_APP_NAME, and refuses to start on a database without the lab's mark, since it
writes. Nothing is connected when it reports ready: the first request sees a cold pool.
"""

import logging
import sys
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI

from lab.app import answers, async_routes, patterns, routes
from lab.app.database import AsyncDatabase, Database, check_mark, create_database
from lab.app.sampler import Sampler
from lab.app.timing import AsgiApp, Message, Receive, Send, ServerTimingMiddleware
from lab.config import value
from lab.errors import LabError, SettingError
from lab.plan import PoolConfig

STARTUP_FAILURE = 3  # uvicorn's own exit code: its supervisor does not start such a worker again

_log = logging.getLogger("uvicorn.error")
_ABOUT = """
A small blog on PostgreSQL, made to be measured. Every response carries `Server-Timing` with `pool` (waiting for a
connection), `connect` (opening one), `sql` (executing) and `app` (all of it), in milliseconds.
"""


class Quiet:
    """ASGI middleware between the app and uvicorn, for errors that were answered or explained already."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception:
            # the response, a 500, is on its way. Passed on, the error would have uvicorn close the connection, and
            # the client's next request on it would fail for no reason of its own
            _log.exception("%s %s failed", scope.get("method"), scope["path"])

    async def _live(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Report a start that the lab refuses with its one line, without a traceback."""

        async def send_short(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                last = message["message"].strip().splitlines()[-1]
                if last.startswith("lab.errors."):
                    message = {**message, "message": f"refused: {last.partition(': ')[2]}"}
            await send(message)

        with suppress(LabError):
            await self.app(scope, receive, send_short)


def build(database: Database | AsyncDatabase, check: Callable[[], None]) -> FastAPI:
    """Return the application on *database*; *check* is called at startup and may refuse."""

    sampler = Sampler(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        check()
        limiter = current_default_thread_limiter()  # it belongs to the event loop
        limiter.total_tokens = database.pool.threads
        sampler.start(limiter)
        yield
        sampler.stop()
        disposed = database.dispose()
        if disposed is not None:  # of an async engine
            await disposed

    app = FastAPI(title="PostgreSQL Performance Lab: sample application", description=_ABOUT, lifespan=lifespan)
    app.state.database = database
    app.state.sampler = sampler
    app.state.leaked = []  # sessions that a lesson forgets on purpose
    for router in _routers(database.pool):
        app.include_router(router)
    answers.answer_errors(app, database.driver_errors)
    return app


def _routers(pool: PoolConfig) -> list[APIRouter]:
    """Return the routes for a kind of pool; what the patterns show of threads an async engine has no part in."""
    if pool.kind == "async":
        return [async_routes.router, async_routes.classic, routes.bare]
    return [routes.router, routes.classic, routes.bare, patterns.router(pool)]


def wrap(app: FastAPI) -> AsgiApp:
    """Return *app* inside the middleware that has to be outside of everything."""
    return Quiet(ServerTimingMiddleware(app))


def create_app() -> AsgiApp:
    """Read the settings and return the application, for uvicorn.

    A setting that cannot be used ends the process with one line.
    """
    _log.addFilter(answers.FirstOfItsKind())
    try:
        dsn, name = value("LAB_APP_DSN"), value("LAB_APP_NAME")
        if not dsn:
            raise SettingError("LAB_APP_DSN is not set; give the DSN of a database that the lab made")
        database = create_database(dsn, PoolConfig.parse(value("LAB_POOL")), name)
    except LabError as error:
        sys.stderr.write(f"refused: {error}\n")
        raise SystemExit(STARTUP_FAILURE) from None
    return wrap(build(database, partial(check_mark, dsn, name)))
