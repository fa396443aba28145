"""Statements of two servers compared by text, and N+1 recognised, on every version."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from lab import config as settings
from lab.analyse.delta import Delta, between
from lab.analyse.likeness import side_by_side, used
from lab.analyse.n_plus_one import n_plus_one
from lab.cli.main import run as lab
from lab.observe.settled import flush
from lab.observe.statistics import reading
from lab.server.binaries import Binaries
from lab.server.private import private
from tests.versions.conftest import at_hand

TABLES = """
CREATE TABLE users AS SELECT n AS id, 'user ' || n AS name FROM generate_series(1, 100) AS n;
CREATE TABLE posts AS SELECT n AS id, 1 + n % 100 AS author FROM generate_series(1, 1000) AS n
"""


def fill(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(TABLES)


def pages(dsn: str, times: int, ahead: bool) -> None:
    """Read pages of twenty posts and their authors: one by one, or ahead for the whole page."""
    with closing(psycopg2.connect(dsn, application_name="app")) as connection, connection.cursor() as cursor:
        for _ in range(times):
            cursor.execute("SELECT id, author FROM posts ORDER BY id DESC LIMIT %s", (20,))
            authors = [author for _, author in cursor.fetchall()]
            if ahead:
                cursor.execute("SELECT id, name FROM users WHERE id IN %s", (tuple(authors),))
            else:
                for author in authors:
                    cursor.execute("SELECT name FROM users WHERE id = %s", (author,))
            connection.commit()


def seen(dsn: str, times: int, ahead: bool) -> Delta:
    with reading(dsn) as reader:
        before = reader.take()
        pages(dsn, times, ahead)
        return between(before, reader.take(settle_s=20))


def test_one_statement_for_each_row_is_recognised_and_its_cure_is_not(database: str) -> None:
    fill(database)
    one_by_one, ahead = (seen(database, 10, ahead) for ahead in (False, True))
    (found,) = n_plus_one(used(one_by_one.statements, 1.0), one_by_one.transactions)
    assert (found.child.calls, found.each, found.certain) == (200, 20.0, True)
    assert found.parent is not None and found.parent.calls == 10
    assert n_plus_one(used(ahead.statements, 1.0), ahead.transactions) == ()


def test_before_and_after_are_laid_side_by_side(database: str) -> None:
    fill(database)
    first, second = (used(seen(database, times, False).statements, 1.0) for times in (5, 10))
    calls = {one.statement: one.ratio("calls") for one in side_by_side(first, second)}
    assert calls["select id, author from posts order by id desc limit ?"] == 2.0
    assert set(calls.values()) == {2.0}


def test_the_command_looks_at_a_server_that_is_not_the_labs(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(database)
    stop = threading.Event()
    asking = threading.Thread(target=lambda: [pages(database, 5, False) for _ in iter(stop.is_set, True)])
    asking.start()
    try:
        assert lab(["statements", "--dsn", database, "--seconds", "1", "--by", "calls", "--json"]) == 0
    finally:
        stop.set()
        asking.join()
    document = json.loads(capsys.readouterr().out)
    texts = [one["statement"] for one in document["statements"]]
    assert texts[0] == "select name from users where id = ?" and not [text for text in texts if "pg_stat" in text]
    assert document["n_plus_one"][0]["child"]["statement"] == texts[0]


@contextmanager
def another(programs: Binaries) -> Iterator[str]:
    config = settings.read({"LAB_PG_BIN": str(programs.bin_dir)})
    with private(config, settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        with server.owner() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_stat_statements")
            flush(connection)
        yield server.dsn()


def test_two_majors_are_compared_by_text(programs: Binaries, database: str) -> None:
    other = at_hand()[0]
    if other.major == programs.major:
        pytest.skip(f"needs a second major version beside {other.major}")
    fill(database)
    with another(other) as dsn:
        fill(dsn)
        first, second = (seen(where, 10, True) for where in (dsn, database))
    both = side_by_side(used(first.statements, 1.0), used(second.statements, 1.0))
    assert [(one.first and one.first.calls, one.second and one.second.calls) for one in both] == [(10, 10)] * 2
