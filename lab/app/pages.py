"""The same page of posts with their authors' names in three ways, and a question that an index is missing for.

``authors-each`` is what an ORM does that loads an author when the template asks for its name: one statement for the
page, and one more for each post of it (N+1). ``authors-joined`` and ``authors-listed`` are its two cures. All answer
the same.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from lab.app import answers
from lab.app.database import Row
from lab.app.questions import Limit, Milliseconds, UserId
from lab.app.routes import Sessions


class PostOfAuthor(answers.PostSummary):
    """A post of a page, with its author's name."""

    author: Annotated[str, Field(examples=["Ada"])]


class Comments(BaseModel):
    """What a user wrote."""

    comments: Annotated[int, Field(ge=0, examples=[50])]
    last_at: datetime | None


def add_to(made: APIRouter) -> None:
    """Add the routes to the patterns."""

    @made.get("/authors-each")
    def authors_each(session: Sessions, limit: Limit = 20) -> list[PostOfAuthor]:
        """One statement for the posts, and one for the author of each."""
        with session() as db:
            posts = db.run("posts", limit=limit, skip=0)
            names = [db.run("author", author=post["author_id"])[0]["name"] for post in posts]
        return _page(posts, names)

    @made.get("/authors-joined")
    def authors_joined(session: Sessions, limit: Limit = 20) -> list[PostOfAuthor]:
        """One statement that joins."""
        with session() as db:
            posts = db.run("posts_with_authors", limit=limit, skip=0)
        return [PostOfAuthor(**post) for post in posts]

    @made.get("/authors-listed")
    def authors_listed(session: Sessions, limit: Limit = 20) -> list[PostOfAuthor]:
        """One statement for the posts, and one for all their authors."""
        with session() as db:
            posts = db.run("posts", limit=limit, skip=0)
            found = db.run("authors", authors=sorted({post["author_id"] for post in posts}))
        by_id = {row["id"]: row["name"] for row in found}
        return _page(posts, [by_id[post["author_id"]] for post in posts])

    @made.get("/nap")
    def nap(session: Sessions, ms: Milliseconds = 8) -> answers.Slept:
        """Take a little while, as long on a busy machine as on a quiet one."""
        with session() as db:
            db.run("nap", seconds=ms / 1000)
        return answers.Slept(slept_ms=ms)

    @made.get("/comments-of")
    def comments_of(session: Sessions, user: UserId) -> Comments:
        """Count a user's comments: without an index on the author, all comments are read."""
        with session() as db:
            return Comments(**db.run("comments_of", author=user)[0])


def _page(posts: list[Row], names: list[str]) -> list[PostOfAuthor]:
    return [PostOfAuthor(**post, author=name) for post, name in zip(posts, names, strict=True)]
