"""What the routes take and how they fail, for handlers in threads and on the event loop alike."""

from typing import Annotated, Any

from fastapi import HTTPException, Path, Query

from lab.app import answers
from lab.app.database import Row

_MAX_KEY = 2**31 - 1
_NO_NUL = r"^[^\x00]*$"

WITH: list[Any] = ["with: session opened and closed in the handler"]
CLASSIC: list[Any] = ["classic: session from a generator dependency"]
FAILED: dict[int | str, dict[str, Any]] = {
    500: {"model": answers.Problem, "description": "the database or the handler failed"},
    503: {"model": answers.Problem, "description": "no connection: the pool timed out, or PostgreSQL is full"},
}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": answers.Problem, "description": "no such row"}}

PostId = Annotated[int, Path(ge=1, le=_MAX_KEY, description="a post's key", examples=[1])]
UserId = Annotated[int, Query(ge=1, le=_MAX_KEY, description="a user's key", examples=[1])]
Limit = Annotated[int, Query(ge=1, le=100, description="posts on a page")]
Page = Annotated[int, Query(ge=0, le=10**6, description="0 is the newest")]
Title = Annotated[str, Query(min_length=1, max_length=200, pattern=_NO_NUL, examples=["A new post"])]
Word = Annotated[str, Query(min_length=1, max_length=50, pattern=_NO_NUL, examples=["garden"])]
Milliseconds = Annotated[int, Query(ge=0, le=10_000, description="milliseconds")]


def only(rows: list[Row], what: str) -> Row:
    """Return the first row.

    :raises HTTPException: 404 if there is none.
    """
    if not rows:
        raise HTTPException(404, f"{what} does not exist")
    return rows[0]


def containing(word: str) -> str:
    r"""Return the LIKE pattern of texts that contain *word*.

    >>> containing("50%")
    '%50\\%%'
    """
    for special in "\\%_":
        word = word.replace(special, "\\" + special)
    return f"%{word}%"
