"""What the app's routes answer: their models, and how errors become responses.

A pool that times out and a server that takes no more connections are answered with 503 and one line; any other error
of the database with 500 and its kind alone, so that no statement, value or address leaves the process.
"""

import logging
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_FULL = ("too many clients", "remaining connection slots", "too many connections")
_POOLER_FULL = ("query_wait_timeout", "no more connections allowed")
_log = logging.getLogger("uvicorn.error")


class Problem(BaseModel):
    """Why a request failed, in one line."""

    detail: Annotated[str, Field(examples=["post 4711 does not exist"])]


class PostSummary(BaseModel):
    """A post without its body."""

    id: Annotated[int, Field(examples=[1000])]
    title: Annotated[str, Field(examples=["A new post"])]
    views: Annotated[int, Field(description="how often it was bumped", examples=[3])]
    author_id: Annotated[int, Field(examples=[7])]


class Post(PostSummary):
    """A post with its author's name."""

    body: str
    author: Annotated[str, Field(examples=["Ada"])]
    created_at: datetime


class Created(BaseModel):
    """The key of a new row."""

    id: Annotated[int, Field(examples=[1001])]


class Bumped(BaseModel):
    """A post's views after one more."""

    id: Annotated[int, Field(examples=[1])]
    views: Annotated[int, Field(examples=[4])]


class Login(BaseModel):
    """A session that was opened."""

    id: Annotated[int, Field(examples=[1])]
    token: Annotated[UUID, Field(examples=["0d6f3a3e-6c1c-4b0a-9d0f-0f3f4f1d2c3b"])]
    expires_at: datetime


class Deleted(BaseModel):
    """How many rows went."""

    deleted: Annotated[int, Field(ge=0, le=1, examples=[1])]


class Found(BaseModel):
    """What a search found."""

    found: Annotated[int, Field(description="posts that contain the text", examples=[42])]
    posts: Annotated[list[PostSummary], Field(description="the 20 most viewed of them")]


class Slept(BaseModel):
    """How long the statement was told to take."""

    slept_ms: Annotated[int, Field(examples=[100])]


class Health(BaseModel):
    """The process answers; nothing is said about the database."""

    status: Annotated[str, Field(examples=["ok"])]
    pid: Annotated[int, Field(description="the worker that answered", examples=[4242])]


class Totals(BaseModel):
    """What the pool's meter has counted since the worker began."""

    checkouts: int
    timeouts: int
    failed: Annotated[int, Field(description="checkouts that ended in another error")]
    connects: Annotated[int, Field(description="server connections opened")]
    wait_s: Annotated[float, Field(description="waiting for a checkout, without connecting, seconds")]
    connect_s: Annotated[float, Field(description="opening connections, seconds")]
    hold_s: Annotated[float, Field(description="holding connections that came back since, seconds")]
    pending: Annotated[int, Field(description="checkouts under way")]
    held_now: int
    held_longest_s: Annotated[float, Field(description="the oldest checkout that is not back yet, seconds")]
    waiting_s: Annotated[float, Field(description="what the pending have waited so far, without connecting, seconds")]
    connecting_s: Annotated[float, Field(description="what the pending have spent connecting so far, seconds")]
    holding_s: Annotated[float, Field(description="how long those held now have been out, in all, seconds")]
    occupied_s: Annotated[float | None, Field(description="the pool's own count of those out, times seconds")]


class Threads(BaseModel):
    """AnyIO's worker threads, in which the sync handlers run."""

    borrowed: int
    total: int
    waiting: Annotated[int, Field(description="handlers that wait for a thread")]


class Gauges(BaseModel):
    """One worker's pool at one moment; counts of connections."""

    t_us: Annotated[int, Field(description="when, on the machine's monotonic clock, microseconds")]
    pid: int
    pool: Annotated[str, Field(examples=["queue:size=5,overflow=0"])]
    size: Annotated[int, Field(description="what the pool keeps when idle; 0 without a pool")]
    checked_out: int
    overflow: Annotated[int, Field(description="open beyond size; never negative")]
    idle: int
    pending: int
    timeouts: int
    meter: Totals
    threads: Threads


class Samples(BaseModel):
    """What was sampled of one worker: rows of a run's tables ``pool`` and ``pool_routes``."""

    pid: int
    samples: list[dict[str, int | float | None]]
    routes: list[dict[str, int | float | str]]


def answer_errors(app: FastAPI, driver_errors: tuple[type[Exception], ...]) -> None:
    """Have *app* answer the errors of pool, database and handlers as this module says.

    *driver_errors* are those that come without SQLAlchemy around them.
    """
    app.add_exception_handler(PoolTimeoutError, _pool_timeout)
    app.add_exception_handler(SQLAlchemyError, _database_error)
    for kind in driver_errors:
        app.add_exception_handler(kind, _database_error)
    app.add_exception_handler(Exception, _unexpected)


# async, all three: a sync handler would wait for a thread, and in an exhausted pool every thread is waiting


async def _pool_timeout(request: Request, error: Exception) -> JSONResponse:
    database = request.app.state.database
    pool = database.pool
    if pool.kind == "psycopg_pool":  # its threads may have failed to open the others
        most = f"{database.gauges()['size']} (of at most {pool.size})"
    else:
        most = f"{pool.size} + {pool.overflow}" if pool.kind in ("queue", "async") else f"{pool.capacity}"
    return _problem(
        503,
        f"no connection within {pool.timeout_s:g} s: all of the pool's {most} are in use; "
        "hold them for less time, or send fewer requests at once",
    )


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause)
    if any(words in text for words in _FULL):
        return _problem(503, "PostgreSQL takes no more connections: pools and workers ask for more than its limits")
    if any(words in text for words in _POOLER_FULL):
        return _problem(503, "PgBouncer had no connection to give: all of its pool are in use")
    kind = type(cause).__name__
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(500, f"the database answered with {kind}; the app's log has the message")


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return _problem(500, f"the handler failed with {type(error).__name__}; the app's log has the traceback")


def _problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


class FirstOfItsKind(logging.Filter):
    """Lets the first traceback of each kind of error into the log: a load would repeat it by the thousand."""

    def __init__(self, limit: int = 100) -> None:
        super().__init__()
        self._limit = limit
        self._seen: set[tuple[str, str]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether *record* is to be written; after *limit* kinds no further traceback is."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        kind = (type(error).__name__, str(error).partition("\n")[0])
        if kind in self._seen or len(self._seen) >= self._limit:
            return False
        self._seen.add(kind)
        return True
