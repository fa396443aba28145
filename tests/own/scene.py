"""A small application as anybody might write it, and the lab's commands as somebody calls them from a shell."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import psycopg2
from psycopg2.extensions import make_dsn

from lab.config import PROJECT
from lab.process import free_port, wait_until
from lab.server import Server

STRANGERS = PROJECT / "tests" / "strangers"
PAGE = PROJECT / "docs" / "own-application.md"


@dataclass
class Shop:
    """The running application, its database, and roles that look at it."""

    url: str
    owner_dsn: str
    looker_dsn: str  # has pg_monitor
    stranger_dsn: str  # has nothing
    password: str

    def served(self) -> dict[str, int]:
        with urlopen(f"{self.url}/served", timeout=10) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts


@contextmanager
def made_database(server: Server, name: str, statements: bool) -> Iterator[str]:
    run(server.owner_dsn, f"CREATE DATABASE {name}")
    dsn = make_dsn(server.owner_dsn, dbname=name)
    run(dsn, "CREATE TABLE shop_items (id serial PRIMARY KEY, name text)")
    run(dsn, "INSERT INTO shop_items (name) SELECT 'item ' || n FROM generate_series(1, 100) AS n")
    if statements:
        run(dsn, "CREATE EXTENSION pg_stat_statements")
    yield dsn
    run(server.owner_dsn, f"DROP DATABASE {name} WITH (FORCE)")


def run(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def serving(folder: Path, module: str, **environment: str) -> Iterator[str]:
    """Run an application that is no part of the lab, with uvicorn, from its own folder."""
    port = free_port(0, "a test")
    argv = [sys.executable, "-m", "uvicorn", module, "--port", str(port), "--log-level", "warning"]
    argv += ["--timeout-graceful-shutdown", "2"]  # a request that hangs must not keep it
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "PG"))}
    child = subprocess.Popen(argv, cwd=folder, env={**kept, **environment})
    try:
        assert wait_until(lambda: answers(port), 60, every_s=0.1), "the application did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Done:
    """What a command of the lab did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.out)
        return values


Lab = Callable[..., Done]


def begun(home: Path, *arguments: str, password: str = "", cwd: Path | None = None) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "PG"))}
    env = {**kept, "LAB_HOME": str(home), **({"PGPASSWORD": password} if password else {})}
    return subprocess.Popen(
        [sys.executable, "-m", "lab.cli", *arguments],
        cwd=cwd or home.parent,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def latest(home: Path) -> Path:
    return max((home / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)


def locustfile(folder: Path, text: str) -> str:
    file = folder / "mine.py"
    file.write_text(text)
    return str(file)


def wait_for_load(home: Path, known: set[Path]) -> Path:
    """Wait until a load has been recorded for a while; return its folder."""

    def begun() -> bool:
        return any(file.stat().st_size for file in (home / "runs").glob("*/requests-*.bin") if file.parent not in known)

    assert wait_until(begun, 90, every_s=0.1)
    return next(file.parent for file in (home / "runs").glob("*/requests-*.bin") if file.parent not in known)


def folders(home: Path) -> set[Path]:
    return set((home / "runs").glob("*")) if (home / "runs").exists() else set()


def about(folder: Path) -> list[psutil.Process]:
    """Return the processes that were told of a run's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(str(folder) in word for word in words):
            found.append(process)
    return found
