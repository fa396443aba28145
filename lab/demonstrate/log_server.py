"""A private server that writes its log in all forms that it has, and what it logged while something was done."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from lab import slowlog, sql
from lab.demonstrate.bench import NAME, Bench
from lab.errors import ServerError
from lab.server.private import SCRAM, Private, private
from lab.slowlog import SlowLog

THRESHOLD_MS = 100
PLAIN = "lab_plain"  # a role without any privilege

_PATIENCE_S = 60.0
_PREFIX = "%m [%p] "
_SETTINGS = {
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "lab.log",
    "log_rotation_size": "0",
    "log_line_prefix": _PREFIX,
    "log_min_duration_statement": f"{THRESHOLD_MS}ms",
    "shared_preload_libraries": "auto_explain",
}


@contextmanager
def server(bench: Bench) -> Iterator[Private]:
    """Lend a server that logs what takes 100 ms or longer, in every form that its version has."""
    bench.say("starting a server with a log of its own")
    with private(bench.config, roles={PLAIN: SCRAM}, settings=_SETTINGS | {"log_destination": "csvlog"}) as made:
        if made.major >= 15:
            made.restart(log_destination="stderr,csvlog,jsonlog")
        else:
            made.restart(log_destination="stderr,csvlog")
        yield made


@dataclass(slots=True)
class Noted:
    """What a server logged while something was done: a file for each form, by its name (csv, json, stderr)."""

    files: dict[str, Path]

    def read(self, form: str = "csv") -> SlowLog:
        """Return the statements in one form of the log."""
        return slowlog.read([self.files[form]], _PREFIX if form == "stderr" else "")

    def rows(self) -> list[dict[str, Any]]:
        """Return the statements one by one."""
        return [row for table in slowlog.statements([self.files["csv"]]) for row in table.to_pylist()]


@contextmanager
def noted(bench: Bench, lent: Private) -> Iterator[Noted]:
    """Have what the body causes in the log, once the body is over.

    :raises ServerError: if the log is not written within a minute.
    """
    folder = lent.where.data / "log"
    before = {file: file.stat().st_size for file in folder.iterdir()}
    said = Noted({})
    yield said
    mark = secrets.token_hex(8)
    _wait_for(lent, mark, before)
    for file, size in before.items():
        form = {".csv": "csv", ".json": "json"}.get(file.suffix, "stderr")
        said.files[form] = bench.folder / f"slow-log.{form}"
        with file.open("rb") as stream:
            stream.seek(size)
            said.files[form].write_bytes(stream.read())


def _wait_for(lent: Private, mark: str, before: Mapping[Path, int]) -> None:
    """Write a mark to the log and wait until it is in each file: the collector is a process of its own."""
    with lent.owner() as connection, connection.cursor() as cursor:
        cursor.execute(sql.load("lesson/log_mark").replace("%(mark)s", mark))
    until = time.monotonic() + _PATIENCE_S
    while not all(_has(file, size, mark) for file, size in before.items()):
        if time.monotonic() > until:
            raise ServerError(f"the log was not written within {_PATIENCE_S:.0f} s; see that the disk has room")
        time.sleep(0.02)


def _has(file: Path, start: int, mark: str) -> bool:
    with file.open("rb") as stream:
        stream.seek(start)
        return mark.encode() in stream.read()


@contextmanager
def session(lent: Private, role: str = "lab_owner", /, **parameters: object) -> Iterator[Any]:
    """Lend a session, with parameters of its own (a double underscore stands for a dot)."""
    connection = psycopg2.connect(lent.dsn(role), application_name=NAME)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for name, value in parameters.items():
                cursor.execute(text("lesson/log_settings"), {"name": name.replace("__", "."), "value": str(value)})
            yield cursor
    finally:
        connection.close()


def text(name: str) -> str:
    """Return a statement without the comment that is its title, since the log is to have what was sent."""
    return sql.load(name).partition("\n")[2].rstrip("\n")
