"""The routes of :mod:`lab.app.routes` for an async engine: the same paths, answers and questions, on the event loop.

There are no threads to wait for, in either form: a handler that waits for a connection holds nothing but its place in
the pool's queue. So *classic* gives its connection back whatever the others do.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy.exc import IntegrityError

from lab.app import answers
from lab.app.database import AsyncDatabase, AsyncQueries, async_session_of
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

SessionFactory = Callable[[], AbstractAsyncContextManager[AsyncQueries]]


async def session_factory(request: Request) -> SessionFactory:
    """Give the handler a function that opens sessions."""
    return partial(async_session_of, request.app.state.database)


async def get_db(request: Request) -> AsyncIterator[AsyncQueries]:
    """Yield a session to the handler, as tutorials advise; it is closed after the response was made."""
    database: AsyncDatabase = request.app.state.database
    db = database.open()
    try:
        yield db
    finally:
        await db.close()


Sessions = Annotated[SessionFactory, Depends(session_factory)]
ClassicSession = Annotated[AsyncQueries, Depends(get_db)]

router = APIRouter(tags=WITH, responses=FAILED)
classic = APIRouter(prefix="/classic", tags=CLASSIC, responses=FAILED)


@router.get("/posts/{post_id}", responses=MISSING)
async def read_post(post_id: PostId, session: Sessions) -> answers.Post:
    """Read one post by its key, with its author's name: two index lookups."""
    async with session() as db:
        rows = await db.run("post", post=post_id)
    return answers.Post(**only(rows, f"post {post_id}"))


@router.get("/posts")
async def list_posts(
    session: Sessions,
    limit: Limit = 20,
    page: Page = 0,
) -> list[answers.PostSummary]:
    """List one page of posts, the newest first; what is skipped is read too."""
    async with session() as db:
        rows = await db.run("posts", limit=limit, skip=page * limit)
    return [answers.PostSummary(**row) for row in rows]


@router.post("/posts", status_code=201, responses=MISSING)
async def create_post(
    session: Sessions,
    author: UserId,
    title: Title,
) -> answers.Created:
    """Write a new post: one row, and an entry in two indexes."""
    async with session() as db:
        try:
            rows = await db.run("create", author=author, title=title, body=f"About: {title}")
        except IntegrityError:
            raise HTTPException(404, f"user {author} does not exist") from None
        await db.commit()
    return answers.Created(**rows[0])


@router.post("/posts/{post_id}/bump", responses=MISSING)
async def bump_post(post_id: PostId, session: Sessions) -> answers.Bumped:
    """Count one more view: an UPDATE, which leaves a dead row behind."""
    async with session() as db:
        row = only(await db.run("bump", post=post_id), f"post {post_id}")
        await db.commit()
    return answers.Bumped(**row)


@router.post("/sessions", status_code=201, responses=MISSING)
async def login(user: UserId, session: Sessions) -> answers.Login:
    """Open a session for a user: an INSERT."""
    async with session() as db:
        try:
            rows = await db.run("login", user=user)
        except IntegrityError:
            raise HTTPException(404, f"user {user} does not exist") from None
        await db.commit()
    return answers.Login(**rows[0])


@router.delete("/sessions/oldest")
async def logout(user: UserId, session: Sessions) -> answers.Deleted:
    """End a user's oldest session: a DELETE, or nothing if there is none."""
    async with session() as db:
        rows = await db.run("logout", user=user)
        await db.commit()
    return answers.Deleted(deleted=len(rows))


@router.get("/search")
async def search(word: Word, session: Sessions) -> answers.Found:
    """Find posts by a text in title or body; no index serves it, so every post is read."""
    async with session() as db:
        rows = await db.run("search", pattern=containing(word))
    found = rows[0]["found"] if rows else 0
    return answers.Found(found=found, posts=[answers.PostSummary(**row) for row in rows])


@router.get("/slow")
async def slow(session: Sessions, ms: Milliseconds = 100) -> answers.Slept:
    """Hold a connection for as long as it is told: pg_sleep."""
    async with session() as db:
        await db.run("slow", seconds=ms / 1000)
    return answers.Slept(slept_ms=ms)


@router.get("/error", status_code=500)
async def error(session: Sessions) -> None:
    """Ask the database, then fail: how does a load look when the app has a defect?"""
    async with session() as db:
        await db.run("error")
        raise RuntimeError("the error route fails on purpose")


@classic.get("/posts/{post_id}", responses=MISSING)
async def read_post_classic(post_id: PostId, db: ClassicSession) -> answers.Post:
    """Read one post exactly as ``/posts/{post_id}`` does, but with the session of a generator dependency."""
    return answers.Post(**only(await db.run("post", post=post_id), f"post {post_id}"))
