"""Ways of holding a session in FastAPI, side by side: the right ones, the common ones, and the ones that fail.

Every route here holds a connection for *ms* milliseconds (``pg_sleep``) or runs one short statement, so that the routes
differ in when they take the connection and when they give it back, and in nothing else. Those of :mod:`lab.app.pages`,
also under ``/patterns``, differ in the statements that they send. Lessons load
them; an application should copy ``inside``.

Where a route is right or wrong depends on FastAPI: a dependency with ``yield`` ends after the response since 0.118
(before 0.106 too, and not in between), ``scope="function"`` came with 0.121, ``max_concurrency`` with 0.163.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from lab.app import answers, pages
from lab.app.database import Database, Queries
from lab.app.routes import Sessions, get_db
from lab.pools import PoolConfig

Ms = Annotated[int, Query(ge=0, le=30_000, description="milliseconds")]
Classic = Annotated[Queries, Depends(get_db)]
Function = Annotated[Queries, Depends(get_db, scope="function")]


def committed_late(request: Request) -> Iterator[Queries]:
    """Yield a session and commit after the handler: the commit comes when FastAPI ends the dependency."""
    database: Database = request.app.state.database
    db = database.open()
    try:
        yield db
        db.commit()
    finally:
        db.close()


def asked_first(db: Classic) -> Queries:
    """Ask the database in a dependency, as a check of who is logged in does: the connection stays out from then on."""
    db.run("error")
    return db


def router(pool: PoolConfig) -> APIRouter:
    """Return the routes; *pool* limits the one whose dependency admits no more requests than there are connections."""
    made = APIRouter(prefix="/patterns", tags=["patterns: ways of holding a session"])
    admitted = Depends(get_db, max_concurrency=pool.capacity or pool.threads)
    _ways_of_holding(made, admitted)
    _outliving(made)
    _waiting(made)
    _committing(made)
    pages.add_to(made)
    return made


def _held(db: Queries, ms: int) -> answers.Slept:
    db.run("slow", seconds=ms / 1000)
    return answers.Slept(slept_ms=ms)


def _ways_of_holding(made: APIRouter, admitted: Any) -> None:
    """One query, one small answer: what differs is how long the connection stays out after the query."""

    @made.get("/inside")
    def inside(session: Sessions, ms: Ms = 10) -> answers.Slept:
        """Session opened and closed inside the handler: back in the pool before the answer is made."""
        with session() as db:
            return _held(db, ms)

    @made.get("/documented")
    def documented(db: Classic, ms: Ms = 10) -> answers.Slept:
        """Dependency with ``yield`` and a response model, as the documentation shows it."""
        return _held(db, ms)

    @made.get("/function")
    def function(db: Function, ms: Ms = 10) -> answers.Slept:
        """The same with ``scope="function"``: ends before the response is sent, after it was validated."""
        return _held(db, ms)

    @made.get("/response")
    def response(db: Classic, ms: Ms = 10) -> JSONResponse:
        """The same dependency, with a response that needs no validation."""
        return JSONResponse(_held(db, ms).model_dump())

    @made.get("/closed")
    def closed(db: Classic, ms: Ms = 10) -> answers.Slept:
        """The same dependency and model, with the session closed before the handler returns."""
        found = _held(db, ms)
        db.close()
        return found

    @made.get("/admitted")
    def admitted_(db: Annotated[Queries, admitted], ms: Ms = 10) -> answers.Slept:
        """The same, with no more requests admitted to the dependency than the pool has connections."""
        return _held(db, ms)

    @made.get("/authorised")
    def authorised(db: Annotated[Queries, Depends(asked_first)], ms: Ms = 10) -> JSONResponse:
        """A dependency that queries, then the handler: between the two the request has a connection and no thread."""
        return JSONResponse(_held(db, ms).model_dump())

    @made.get("/two")
    def two(session: Sessions, ms: Ms = 10) -> answers.Slept:
        """A second session while the first is open, as an audit log of its own needs: two connections a request."""
        with session() as db:
            held = _held(db, ms)
            with session() as other:
                other.run("error")
        return held

    @made.get("/external")
    def external(session: Sessions, ms: Ms = 200) -> answers.Slept:
        """Query, then something else than the database, with the connection held all the while."""
        with session() as db:
            db.run("error")
            time.sleep(ms / 1000)
        return answers.Slept(slept_ms=ms)

    @made.get("/external-committed")
    def external_committed(session: Sessions, ms: Ms = 200) -> answers.Slept:
        """Query, commit (which gives the connection back), then something else than the database."""
        with session() as db:
            db.run("error")
            db.commit()
            time.sleep(ms / 1000)
        return answers.Slept(slept_ms=ms)

    @made.get("/burn")
    def burn(session: Sessions, rows: Annotated[int, Query(ge=1, le=10_000_000)] = 20_000) -> dict[str, int]:
        """Keep a core of the server busy: sums so many numbers."""
        with session() as db:
            return {"total": int(db.run("burn", rows=rows)[0]["total"])}


def _outliving(made: APIRouter) -> None:
    """Responses that go on after the handler has returned."""

    @made.get("/stream")
    def stream(db: Classic, ms: Ms = 1000) -> StreamingResponse:
        """A streamed response with the documented dependency: the connection is out until the last byte."""
        db.run("error")
        return StreamingResponse(_drip(ms), media_type="text/plain")

    @made.get("/stream-function")
    def stream_function(db: Function, ms: Ms = 1000) -> StreamingResponse:
        """The same with ``scope="function"``: the connection is back before the first byte."""
        db.run("error")
        return StreamingResponse(_drip(ms), media_type="text/plain")

    @made.get("/background")
    def background(db: Classic, tasks: BackgroundTasks, ms: Ms = 1000) -> answers.Slept:
        """A background task with the documented dependency: the connection is out until the task has ended."""
        db.run("error")
        tasks.add_task(time.sleep, ms / 1000)
        return answers.Slept(slept_ms=ms)

    @made.get("/background-function")
    def background_function(db: Function, tasks: BackgroundTasks, ms: Ms = 1000) -> answers.Slept:
        """The same with ``scope="function"``: the connection is back before the task begins."""
        db.run("error")
        tasks.add_task(time.sleep, ms / 1000)
        return answers.Slept(slept_ms=ms)

    @made.get("/leak")
    def leak(request: Request) -> dict[str, int]:
        """Open a session, use it, and keep it: a forgotten ``close()``, with something that refers to the session."""
        database: Database = request.app.state.database
        db = database.open()
        db.run("error")
        kept = request.app.state.leaked
        kept.append(db)
        return {"leaked": len(kept)}

    @made.delete("/leak")
    def unleak(request: Request) -> dict[str, int]:
        """Close what was leaked."""
        kept = request.app.state.leaked
        closed = 0
        while kept:
            kept.pop().close()
            closed += 1
        return {"leaked": 0, "closed": closed}


async def _drip(ms: int) -> AsyncIterator[bytes]:
    for _ in range(10):
        await asyncio.sleep(ms / 10_000)
        yield b"."


def _waiting(made: APIRouter) -> None:
    """The event loop, and what keeps it from turning."""

    @made.get("/canary")
    async def canary() -> dict[str, bool]:
        """No database and no thread: as quick as the event loop is free."""
        return {"alive": True}

    @made.get("/blocking")
    async def blocking(request: Request, ms: Ms = 50) -> answers.Slept:
        """A driver that blocks, called in ``async def``: nothing else is served meanwhile."""
        database: Database = request.app.state.database
        db = database.open()
        try:
            return _held(db, ms)
        finally:
            db.close()

    @made.get("/blocking-await")
    async def blocking_await(request: Request, ms: Ms = 50) -> answers.Slept:
        """The same, with its connection held across an ``await``: who then waits for the pool stops the loop."""
        database: Database = request.app.state.database
        db = database.open()
        try:
            db.run("error")
            await asyncio.sleep(ms / 1000)
            return answers.Slept(slept_ms=ms)
        finally:
            db.close()


def _committing(made: APIRouter) -> None:
    """A write whose constraint is checked at the commit, and a commit that comes after ``yield``."""

    @made.post("/commit-late")
    def commit_late(db: Annotated[Queries, Depends(committed_late)], user: int = 1) -> answers.Login:
        """The documented dependency: the answer is out before the commit."""
        return _deferred_login(db, user)

    @made.post("/commit-function")
    def commit_function(
        db: Annotated[Queries, Depends(committed_late, scope="function")], user: int = 1
    ) -> answers.Login:
        """The same with ``scope="function"``: the commit comes first, and its failure is answered."""
        return _deferred_login(db, user)

    @made.post("/commit-inside")
    def commit_inside(session: Sessions, user: int = 1) -> answers.Login:
        """Commit in the handler."""
        with session() as db:
            found = _deferred_login(db, user)
            db.commit()
        return found


def _deferred_login(db: Queries, user: int) -> answers.Login:
    db.run("defer")
    return answers.Login(**db.run("login", user=user)[0])
