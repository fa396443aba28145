"""Whoever looks does not queue behind a lock, and does not make a queue longer."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from lab.cli.main import run as lab
from lab.observe import indexes
from lab.observe.statistics import take
from lab.process import wait_until

# autovacuum would cut off the empty end of the table, and for that want it for itself
_SCENE = """
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE wanted (id int PRIMARY KEY, word text) PARTITION BY RANGE (id);
CREATE TABLE wanted_a PARTITION OF wanted FOR VALUES FROM (0) TO (100000);
INSERT INTO wanted SELECT i, 'word' || i FROM generate_series(1, 5000) AS i;
CREATE INDEX ON wanted_a (word) WHERE id > 10;
ALTER TABLE wanted ADD COLUMN parent int REFERENCES top;
CREATE TABLE other WITH (autovacuum_enabled = off) AS SELECT i FROM generate_series(1, 5000) AS i;
ANALYZE
"""
_QUEUED = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"


def _ask(dsn: str, *questions: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for question in questions:
            cursor.execute(question)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def _queued(dsn: str) -> Iterator[None]:
    """Have an ALTER TABLE wait for a transaction that only reads."""
    with closing(psycopg2.connect(dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wanted")
        writer = threading.Thread(target=_ask, args=(dsn, "ALTER TABLE wanted_a ADD CHECK (id > 0)"))
        writer.start()
        try:
            assert wait_until(lambda: _ask(dsn, _QUEUED) == [(1,)], 20)
            yield
            assert _ask(dsn, _QUEUED) == [(1,)]
        finally:
            holder.rollback()
            writer.join(20)


@contextmanager
def _held(dsn: str) -> Iterator[None]:
    with closing(psycopg2.connect(dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE wanted_a IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("locked", [_queued, _held])
def test_nobody_who_looks_waits_for_a_table_that_somebody_wants_for_himself(database, locked, capsys) -> None:
    _ask(database, *_SCENE.split(";"))
    with locked(database):
        seen = take(database)
        catalog = indexes.read(database)
        assert lab(["bloat", "--dsn", database, "--json", "--least", "0"]) == 0
        assert lab(["bloat", "wanted", "--dsn", database, "--json"]) == 0
        assert lab(["autovacuum", "--dsn", database, "--watch", "0", "--json"]) == 0
    assert seen.table("wanted_a").heap_bytes is None
    assert seen.table("other").heap_bytes
    assert "tables: public.wanted, public.wanted_a; locked exclusively, or about to be" in catalog.unseen
    assert {one.name for one in catalog.tables} == {"other", "top"}
    assert ({one.name for one in catalog.indexes}, catalog.foreign_keys) == ({"top_pkey"}, ())
    out, err = capsys.readouterr()
    assert [one["table"] for one in json.JSONDecoder().raw_decode(out)[0] if not one["toast_of"]] == ["other", "top"]
    assert err.count("locked exclusively, or about to be, so not looked at: wanted_a") == 2
