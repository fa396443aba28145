"""Somebody's database, observed on each version: by a role with pg_monitor, and by one with nothing."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from lab.own.place import find
from lab.process import wait_until
from lab.record import load

PASSWORD = secrets.token_urlsafe(12)


def run(dsn: str, *statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture(params=["looker", "stranger"])
def role(request: pytest.FixtureRequest, database: str) -> Iterator[str]:
    """A role that may log in; looker has pg_monitor."""
    name = f"{request.param}_{secrets.token_hex(3)}"
    run(database, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    if request.param == "looker":
        run(database, f"GRANT pg_monitor TO {name}")
    yield name
    run(database, f"DROP ROLE {name}")


def test_it_is_observed_by_any_role(database: str, role: str, tmp_path: Path) -> None:
    dsn = _as(database, role)
    somebody = psycopg2.connect(database, application_name="somebody")
    somebody.autocommit = True
    child = subprocess.Popen(
        [sys.executable, "-m", "lab.cli", "observe", "--dsn", dsn, "--seconds", "3", "--json"],
        env={**os.environ, "LAB_HOME": str(tmp_path), "PGPASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with somebody.cursor() as cursor:
            assert wait_until(lambda: _began(tmp_path) or child.poll() is not None, 60, every_s=0.05)
            for _ in range(41):
                cursor.execute("SELECT 41 AS asked")
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
        somebody.close()
    assert child.returncode == 0
    _check(json.loads(out), role.startswith("looker"))


def _as(dsn: str, role: str) -> str:
    return str(make_dsn(**{**{key: part for key, part in parse_dsn(dsn).items() if key != "passfile"}, "user": role}))


def _began(home: Path) -> bool:
    """Whether the first look at the counters has been taken."""
    return any(b'"mark": "start"' in file.read_bytes() for file in home.glob("runs/*/observer-[0-9]*.jsonl"))


def _check(document: dict[str, Any], sees_all: bool) -> None:
    states = {(one["application"], one["state"]) for one in document["database"]["connections"]["states"]}
    queries = {one["statement"]: one["calls"] for one in document["database"]["statements"]}
    if sees_all:
        assert document["hidden"] == []
        assert queries["select ? as asked"] == 41
        assert {name for name, state in states if state == "hidden"} == set()
    else:
        assert any("pg_monitor would see" in text for text in document["hidden"])
        assert "select ? as asked" not in queries
        assert ("somebody", "hidden") in states
    assert {"activity", "samples", "database", "statements", "tables"} <= set(load(document["folder"]))


def test_a_server_beside_the_lab_is_found_by_its_process(database: str) -> None:
    place = find(database)
    assert place.server_pid is not None and Path(f"/proc/{place.server_pid}").exists()
    assert place.version and place.database.startswith("test_")
