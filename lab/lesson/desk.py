"""What one kernel holds while its reader works through a lesson: the record, the server, the bench."""

import atexit
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg2

from lab import app, config, server, sql
from lab.demonstrate.bench import Bench
from lab.errors import UsageError
from lab.lesson.claims import Notes
from lab.lesson.watch import InNotebook
from lab.server import Server


@dataclass(slots=True)
class Desk:
    """What one kernel holds: its lesson's record, its server, and the app for single requests."""

    name: str
    settings: config.Config
    notes: Notes
    where: Server
    held: ExitStack
    views_before: int  # of the post that the first exercise asks to bump
    web: app.App | None = None
    web_pool: str = ""


_desk: Desk | None = None


def begin(name: str) -> None:
    """Start or find the home's server, and open the lesson's record. May be called again: it begins anew."""
    global _desk
    end()
    settings = config.read()
    watch = InNotebook("progress of the lab")
    held = ExitStack()
    where = held.enter_context(server.running(settings, watch.say))
    watch.done(f"ready: PostgreSQL {where.version}, {where.keys['post']:,} posts")
    notes = Notes(settings.home / "lessons" / f"{name}.json")
    _desk = Desk(name, settings, notes, where, held, views(where))
    print("The lab is ready.")  # noqa: T201


def end() -> None:
    """Stop what :func:`begin` started; the kernel's end does it too."""
    global _desk
    if _desk is not None:
        if _desk.web is not None:
            _desk.web.stop()
        _desk.held.close()
        _desk = None


atexit.register(end)


def bench() -> Bench:
    """Return what demonstrations need; what they say shows in the cell that runs them."""
    desk = at()
    return Bench(desk.where, desk.settings, desk.settings.home, _Teller())


class _Teller:
    """Shows what a demonstration says: one line for each cell, replaced in place."""

    def __init__(self) -> None:
        self._cell: Any = None
        self._watch = InNotebook("progress of the lab")

    def __call__(self, text: str) -> None:
        from IPython import get_ipython

        shell = get_ipython()
        cell = shell.execution_count if shell else None
        if cell != self._cell:
            self._cell, self._watch = cell, InNotebook("progress of the lab")
        self._watch.say(text)


def at() -> Desk:
    """Return the desk of the lesson that has begun.

    :raises UsageError: before :func:`begin`.
    """
    if _desk is None:
        raise UsageError("the lesson has not begun; run its first cell, which calls lesson.begin")
    return _desk


def views(where: Server) -> int:
    """Return how often post 7 was bumped."""
    connection = psycopg2.connect(where.owner_dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql.load("lesson/views"), (7,))
            row = cursor.fetchone()
        return int(row[0]) if row else 0
    finally:
        connection.close()
