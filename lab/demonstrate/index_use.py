"""Indexes added and taken away again: what a route asks with them and without, and what the views show of their use.

Whatever is made here is gone at the end: :func:`more_posts`, :func:`searchable` and :func:`indexed` lend it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from sqlalchemy import NullPool, text

from lab import sql
from lab.analyse import delta as deltas
from lab.analyse import indexes as judgement
from lab.analyse.statements import StatementDelta
from lab.app import App
from lab.app.questions import containing
from lab.demonstrate import whatif
from lab.demonstrate.bench import Bench
from lab.demonstrate.run_statements import Ran, looking, named, ran
from lab.demonstrate.whatif import NotTried, Tried
from lab.errors import ServerError
from lab.observe import indexes as reader
from lab.observe.index_plans import ALL
from lab.observe.settled import flush
from lab.process import wait_until
from lab.record.indexes import Finding
from lab.server import data

ROWS = 6_000
EXTENSION = "pg_trgm"
USED, AGAIN = "comments_author_id_idx", "comments_author_id_again"
UNUSED, WIDER = "comments_created_at_idx", "comments_author_id_created_at_idx"
_MADE_BY = {
    USED: "lesson/comments_index_used",
    AGAIN: "lesson/comments_index_again",
    UNUSED: "lesson/comments_index_unused",
    WIDER: "lesson/comments_index_wider",
}
_FIRST_KEY = 1_000_000_000
_ASKING = "lab-app-indexes"


@contextmanager
def more_posts(bench: Bench, rows: int = ROWS) -> Iterator[int]:
    """Lend *rows* more posts: in the sample's thousand the planner has no use for an index on their texts."""
    with bench.reader() as owner:
        _guard(owner.connection)
        owner.rows("lesson/fewer_posts")  # those of a lesson that was killed
        try:
            owner.rows("lesson/more_posts", rows=rows, users=bench.where.keys["user"])
            owner.rows("lesson/posts_vacuum")
            yield rows
        finally:
            owner.rows("lesson/fewer_posts")
            owner.rows("lesson/posts_vacuum")


def word(number: int) -> str:
    """Return a text that only the added post of this number has in its body.

    >>> word(1)
    'c4ca4238'
    """
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()[:8]


def what_if_searchable(
    bench: Bench, number: int = 7, pairs: int = whatif.PAIRS, make: str = "lesson/search_index"
) -> Tried:
    """Ask what the search route asks, without an index on its texts and with one; the transaction is rolled back."""
    return whatif.added(
        bench.where.owner_dsn,
        "public.posts",
        sql.load(make),
        sql.load("lesson/search_asked"),
        {"pattern": containing(word(number))},
        pairs,
        extension=EXTENSION,
    )


def what_if_comments(bench: Bench, columns: str, author: int = 7, pairs: int = 3) -> Tried:
    """Ask for a user's comments without an index on *columns* of comments and with one; it is rolled back."""
    make = sql.load("lesson/comments_index_tried").format(columns=columns)
    question = sql.load("lesson/comments_asked")
    return whatif.added(bench.where.owner_dsn, "public.comments", make, question, {"author": author}, pairs)


@contextmanager
def searchable(bench: Bench, make: str = "lesson/search_index") -> Iterator[None]:
    """Lend an index for searches in the texts of posts.

    :raises ServerError: if the server has no extension pg_trgm.
    """
    with bench.reader() as owner:
        _guard(owner.connection)
        if not data.make_extension(owner.connection, EXTENSION):
            raise ServerError(f"the server has no extension {EXTENSION}; install PostgreSQL's contrib package")
        try:
            owner.rows("lesson/drop_search_index")
            owner.rows(make)
            yield
        finally:
            owner.rows("lesson/drop_search_index")


def searched(bench: Bench, web: App | None = None, searches: int = 20) -> Ran:
    """Search through the app for one added post after the other."""
    return ran(bench, {f"/search?word={word(number)}": 1 for number in range(1, searches + 1)}, web)


def blocks_per_call(found: Sequence[StatementDelta], question: str) -> float:
    """Return the blocks that a call of ``lab/sql/<question>.sql`` touched."""
    mine = named(found, question)
    return sum(one.blocks or 0 for one in mine) / sum(one.calls or 0 for one in mine)


@dataclass(frozen=True, slots=True)
class Used:
    """What was asked, the blocks for each call, and what the views show of each index of the lesson afterwards."""

    asked: int
    blocks_per_call: float
    scans: Mapping[str, int]  # since the index was made
    findings: tuple[Finding, ...]  # on comments alone

    def least(self, *names: str) -> int:
        """Return the fewest scans of those of *names* that were there; 0 if none was."""
        return min((self.scans[name] for name in names if name in self.scans), default=0)

    def found(self, kind: str) -> list[str]:
        """Return the indexes of a kind of finding, or the columns that are missing one."""
        return [one.what.removeprefix("public.") for one in self.findings if one.kind == kind]


@contextmanager
def indexed(bench: Bench, names: Sequence[str]) -> Iterator[None]:
    """Lend indexes on comments, in this order."""
    with bench.reader() as owner:
        _guard(owner.connection)
        owner.rows("lesson/comments_indexes_dropped")
        try:
            for name in names:
                owner.rows(_MADE_BY[name])
            owner.rows("lesson/comments_analyze")
            yield
        finally:
            owner.rows("lesson/comments_indexes_dropped")


def used(bench: Bench, names: Sequence[str] = (), asked: int = 30) -> Used:
    """Ask for the comments of one user after the other with these indexes on comments, and read what was counted.

    The connection that asked is closed before: an idle one would report what it counted up to ten seconds late.

    :raises ServerError: if its backend is still there 30 s later.
    """
    users = bench.where.keys["user"]
    with indexed(bench, names), looking(bench) as look:
        before = look.take()
        with bench.engine(NullPool, connect_args={"application_name": _ASKING}) as engine, engine.connect() as asking:
            for number in range(asked):
                asking.execute(text(sql.load("app/comments_of")), {"author": 1 + number % users}).all()
        with bench.reader() as owner:
            if not wait_until(lambda: not owner.value("observe/backends_of", application=_ASKING), timeout_s=30):
                raise ServerError(f"a backend of {_ASKING} was still there 30 s after it had ended; try again")
            flush(owner.connection)
        found = deltas.between(before, look.take()).statements.of_kind()
        catalog = reader.read(bench.where.owner_dsn, plan=ALL)
    scans = {index.name: index.scans or 0 for index in catalog.indexes}
    return Used(
        sum(one.calls or 0 for one in named(found, "app/comments_of")),
        blocks_per_call(found, "app/comments_of"),
        {name: scans.get(name, 0) for name in names},
        tuple(one for one in judgement.review(catalog) if one.table == "public.comments"),
    )


def writing(bench: Bench, names: Sequence[str] = (USED, AGAIN, UNUSED), without: str = UNUSED, pairs: int = 4) -> Tried:
    """Write rows of comments into a copy with these indexes, and into one that lacks *without*; it is rolled back.

    :raises ServerError: if that cannot be tried.
    """
    with indexed(bench, names):
        index = f"public.{without}" if without else ""
        tried = whatif.dropped(bench.where.owner_dsn, "public.comments", index, pairs)
    if isinstance(tried, NotTried):
        raise ServerError(f"{tried.why_not}; run `lab reset` for the first rows")
    return tried


@dataclass(frozen=True, slots=True)
class Enforced:
    """What a unique index did, and how often the view says that it was scanned meanwhile."""

    refused: int  # rows whose address somebody had
    accepted: int
    scans: int
    called_unused: bool  # by the lab


def enforced(
    bench: Bench, new: int = 20, taken: int = 5, index: str = "users_email_key", look_up: bool = False
) -> Enforced:
    """Add users with new addresses, then with addresses that are taken, and count the scans of the unique index.

    :param index: another one to look at; one of the lesson's is made for it.
    :param look_up: look a user up by the address too.
    """
    with indexed(bench, [index] if index in _MADE_BY else []), bench.reader() as owner:
        _guard(owner.connection)
        before = _scans(bench, index)
        refused = accepted = 0
        try:
            for number in range(new + taken):
                values = {"id": _FIRST_KEY + number + 1, "email": f"new{number}@example.org"}
                if number >= new:
                    values["email"] = f"user{1 + number - new}@example.org"
                try:
                    owner.rows("lesson/new_user", called="New", **values)
                    accepted += 1
                except psycopg2.errors.UniqueViolation:
                    refused += 1
            if look_up:
                owner.rows("lesson/no_seqscan")
                owner.rows("lesson/user_by_email", email="user1@example.org")
        finally:
            owner.rows("lesson/no_new_users")
        flush(owner.connection)
        found = judgement.review(reader.read(bench.where.owner_dsn))
        unused = {one.index for one in found if one.kind == "unused"}
        scans = _scans(bench, index) - before
    return Enforced(refused, accepted, scans, f"public.{index}" in unused)


@dataclass(frozen=True, slots=True)
class Planned:
    """How often a statement was planned and not run, and the scans of an index that this counted."""

    explained: int
    scans: int


def planned(bench: Bench, explained: int = 5, since: str = "2030-01-01") -> Planned:
    """Have EXPLAIN plan a question about the latest comments, with an index that no statement uses.

    The planner looks up the end of the index where its statistics may be too old to know it: if *since* lies there.
    """
    with indexed(bench, [UNUSED]), bench.reader() as owner:
        for _ in range(explained):
            owner.rows("lesson/comments_explained", since=since)
        flush(owner.connection)
        return Planned(explained, _scans(bench, UNUSED))


def _scans(bench: Bench, name: str) -> int:
    catalog = reader.read(bench.where.owner_dsn)
    return next(index.scans or 0 for index in catalog.indexes if index.name == name)


def _guard(connection: object) -> None:
    data.guard(connection)
