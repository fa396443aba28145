"""The routes of a small blog, as the load asks for them.

Each route shows in its code how it holds a session:

- *with*: ``with session() as db`` inside the handler. The connection is back in the pool before the handler returns.
- *classic*: ``db = Depends(get_db)``, a generator dependency that yields the session. The connection stays out while
  FastAPI validates the response, for which a sync handler needs a second worker thread. When all threads wait for a
  connection nobody gives one back: with the defaults (40 threads, 5 + 10 connections) that begins at 55 requests in
  flight.

All handlers that ask the database are sync ``def``: they run in AnyIO's worker threads. Those for an async engine are
in :mod:`lab.app.async_routes`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from psycopg2.errors import ForeignKeyViolation
from sqlalchemy.exc import IntegrityError

from lab.app import answers
from lab.app.database import AsyncDatabase, Database, Queries, session_of
from lab.app.questions import (
    CLASSIC,
    FAILED,
    MISSING,
    WITH,
    Limit,
    Milliseconds,
    Page,
    PostId,
    Title,
    UserId,
    Word,
    containing,
    only,
)
from lab.app.sampler import Sampler
from lab.units import monotonic_us

SessionFactory = Callable[[], AbstractContextManager[Queries]]


async def session_factory(request: Request) -> SessionFactory:
    """Give the handler a function that opens sessions; async, since a sync dependency costs a thread."""
    return partial(session_of, request.app.state.database)


def get_db(request: Request) -> Iterator[Queries]:
    """Yield a session to the handler, as tutorials advise; it is closed after the response was made."""
    database: Database = request.app.state.database
    db = database.open()
    try:
        yield db
    finally:
        db.close()


Sessions = Annotated[SessionFactory, Depends(session_factory)]
ClassicSession = Annotated[Queries, Depends(get_db)]

router = APIRouter(tags=WITH, responses=FAILED)
classic = APIRouter(prefix="/classic", tags=CLASSIC, responses=FAILED)
bare = APIRouter(tags=["without a database"])


@router.get("/posts/{post_id}", responses=MISSING)
def read_post(post_id: PostId, session: Sessions) -> answers.Post:
    """Read one post by its key, with its author's name: two index lookups."""
    with session() as db:
        rows = db.run("post", post=post_id)
    return answers.Post(**only(rows, f"post {post_id}"))


@router.get("/posts")
def list_posts(
    session: Sessions,
    limit: Limit = 20,
    page: Page = 0,
) -> list[answers.PostSummary]:
    """List one page of posts, the newest first; what is skipped is read too."""
    with session() as db:
        rows = db.run("posts", limit=limit, skip=page * limit)
    return [answers.PostSummary(**row) for row in rows]


@router.post("/posts", status_code=201, responses=MISSING)
def create_post(
    session: Sessions,
    author: UserId,
    title: Title,
) -> answers.Created:
    """Write a new post: one row, and an entry in two indexes."""
    with session() as db:
        try:
            rows = db.run("create", author=author, title=title, body=f"About: {title}")
        except (IntegrityError, ForeignKeyViolation):
            raise HTTPException(404, f"user {author} does not exist") from None
        db.commit()
    return answers.Created(**rows[0])


@router.post("/posts/{post_id}/bump", responses=MISSING)
def bump_post(post_id: PostId, session: Sessions) -> answers.Bumped:
    """Count one more view: an UPDATE, which leaves a dead row behind."""
    with session() as db:
        row = only(db.run("bump", post=post_id), f"post {post_id}")
        db.commit()
    return answers.Bumped(**row)


@router.post("/sessions", status_code=201, responses=MISSING)
def login(user: UserId, session: Sessions) -> answers.Login:
    """Open a session for a user: an INSERT."""
    with session() as db:
        try:
            rows = db.run("login", user=user)
        except (IntegrityError, ForeignKeyViolation):
            raise HTTPException(404, f"user {user} does not exist") from None
        db.commit()
    return answers.Login(**rows[0])


@router.delete("/sessions/oldest")
def logout(user: UserId, session: Sessions) -> answers.Deleted:
    """End a user's oldest session: a DELETE, or nothing if there is none."""
    with session() as db:
        rows = db.run("logout", user=user)
        db.commit()
    return answers.Deleted(deleted=len(rows))


@router.get("/search")
def search(word: Word, session: Sessions) -> answers.Found:
    """Find posts by a text in title or body; no index serves it, so every post is read."""
    with session() as db:
        rows = db.run("search", pattern=containing(word))
    found = rows[0]["found"] if rows else 0
    return answers.Found(found=found, posts=[answers.PostSummary(**row) for row in rows])


@router.get("/slow")
def slow(session: Sessions, ms: Milliseconds = 100) -> answers.Slept:
    """Hold a connection for as long as it is told: pg_sleep."""
    with session() as db:
        db.run("slow", seconds=ms / 1000)
    return answers.Slept(slept_ms=ms)


@router.get("/error", status_code=500)
def error(session: Sessions) -> None:
    """Ask the database, then fail: how does a load look when the app has a defect?"""
    with session() as db:
        db.run("error")
        raise RuntimeError("the error route fails on purpose")


@classic.get("/posts/{post_id}", responses=MISSING)
def read_post_classic(post_id: PostId, db: ClassicSession) -> answers.Post:
    """Read one post exactly as ``/posts/{post_id}`` does, but with the session of a generator dependency."""
    return answers.Post(**only(db.run("post", post=post_id), f"post {post_id}"))


@bare.get("/health")
async def health() -> answers.Health:
    """Tell that the process answers."""
    return answers.Health(status="ok", pid=os.getpid())


@bare.get("/pool")
async def pool(request: Request) -> answers.Gauges:
    """Tell what this worker's pool and threads are doing; async, so that it answers when no thread is free."""
    database: Database | AsyncDatabase = request.app.state.database
    counted = database.totals()
    threads = current_default_thread_limiter().statistics()
    return answers.Gauges(
        t_us=monotonic_us(),
        pid=os.getpid(),
        pool=database.pool.spec,
        **database.gauges(),
        pending=int(counted["pending"]),
        timeouts=int(counted["timeouts"]),
        meter=answers.Totals.model_validate(counted),
        threads=answers.Threads(
            borrowed=threads.borrowed_tokens, total=int(threads.total_tokens), waiting=threads.tasks_waiting
        ),
    )


@bare.get("/pool/samples")
async def pool_samples(
    request: Request,
    after: Annotated[int, Query(ge=0, description="microseconds, monotonic: samples taken later than this")] = 0,
) -> answers.Samples:
    """Hand over what was sampled of this worker's pool and threads, and the totals of each route as of now."""
    sampler: Sampler = request.app.state.sampler
    return answers.Samples(pid=os.getpid(), samples=sampler.since(after), routes=sampler.routes())
