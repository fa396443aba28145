"""What an option of the engine sends to the server, counted there by pg_stat_statements; and what echo writes.

A unit of work is one of :data:`WORK`. The connection is opened before the count begins, so that what opening sends
is left out.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import count
from statistics import median
from typing import Any

from psycopg2.extensions import parse_dsn
from sqlalchemy import Engine, QueuePool, text

from lab import sql
from lab.demonstrate.bench import Bench, Reader
from lab.errors import UsageError

_TOGETHER = 20  # SELECTs timed at once: few, so that with and without share what the machine does meanwhile
_CONSTANT = re.compile(r"'[^']*'|\b\d+(?:\.\d+)?\b")
_ECHO = "lab-echo"  # a logger of its own: SQLAlchemy appends the name to "sqlalchemy.engine.Engine."


def checkout(engine: Engine) -> None:
    """Take a connection out of the pool and give it back, without a statement."""
    engine.raw_connection().close()


def select(engine: Engine) -> None:
    """Run one SELECT and close, as a request that reads does."""
    with engine.connect() as connection:
        connection.execute(text(sql.load("lesson/backend_pid"))).all()


def abandoned(engine: Engine) -> None:
    """Begin a transaction with the driver's connection, and give it back without ending it."""
    connection = engine.raw_connection()
    connection.cursor().execute(sql.load("lesson/backend_pid"))
    connection.close()


WORK: Mapping[str, Callable[[Engine], None]] = {"checkout": checkout, "select": select, "abandoned": abandoned}


def sent(bench: Bench, work: str = "select", times: int = 50, **options: Any) -> dict[str, float]:
    """Do a unit of work *times* over one pooled connection; return each statement that the server saw, per unit.

    *options* go to ``create_engine``. Statements are named by their text, with constants as ``$1``.

    :raises UsageError: if the server has no pg_stat_statements.
    """
    role = str(parse_dsn(bench.where.app_dsn)["user"])
    with bench.reader() as reader, bench.engine(QueuePool, pool_size=1, **options) as engine:
        if reader.value("lesson/find_statements") is None:
            raise UsageError("the server has no extension pg_stat_statements; create it in the lab's database")
        WORK[work](engine)
        before = _calls(reader, role)
        for _ in range(times):
            WORK[work](engine)
        after = _calls(reader, role)
    return {
        query: (after[query] - before.get(query, 0)) / times for query in after if after[query] > before.get(query, 0)
    }


UNITS: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # name -> unit of work, and options of the engine
    "checkout": ("checkout", {}),
    "checkout, pre_ping": ("checkout", {"pool_pre_ping": True}),
    "SELECT": ("select", {}),
    "SELECT, pre_ping": ("select", {"pool_pre_ping": True}),
    "SELECT, reset_on_return=None": ("select", {"pool_reset_on_return": None}),
    "SELECT, autocommit": ("select", {"isolation_level": "AUTOCOMMIT"}),
    "left open": ("abandoned", {}),
    "left open, reset_on_return=None": ("abandoned", {"pool_reset_on_return": None}),
}


def sent_by_unit(
    bench: Bench, units: Mapping[str, tuple[str, Mapping[str, Any]]] = UNITS
) -> dict[str, dict[str, float]]:
    """Return what each of *units* sends to the server, per unit."""
    return {name: sent(bench, work, **options) for name, (work, options) in units.items()}


def total(statements: Mapping[str, float]) -> float:
    """Return the statements of one unit of work."""
    return sum(statements.values())


def _calls(reader: Reader, role: str) -> dict[str, int]:
    rows = reader.rows("lesson/statements_of_role", role=role)
    return {str(query).splitlines()[-1].strip(): int(calls) for query, calls in rows}


@dataclass(frozen=True, slots=True)
class Echoed:
    """What ``echo`` wrote about one SELECT, and what it cost."""

    lines: tuple[str, ...]
    cpu_per_select: float | None  # this thread's CPU time for SELECTs, over the same without echo; None: not measured

    @property
    def statements(self) -> Counter[str]:
        """The lines by kind, named as in :func:`sent`: constants as ``$1``, and BEGIN without SQLAlchemy's remark."""
        return Counter(_kind(line) for line in self.lines)


def _kind(line: str) -> str:
    """Name a statement as pg_stat_statements does.

    >>> _kind("BEGIN (implicit)"), _kind("SELECT 1"), _kind("SELECT pg_backend_pid()")
    ('BEGIN', 'SELECT $1', 'SELECT pg_backend_pid()')
    """
    numbers = count(1)
    return _CONSTANT.sub(lambda _: f"${next(numbers)}", line.strip().removesuffix(" (implicit)"))


def echoed(bench: Bench, echo: bool = True, selects: int = 0, **options: Any) -> Echoed:
    """Run a SELECT with ``echo``; if *selects* is given, run so many more with and without, and compare."""
    page = StringIO()
    handler = logging.StreamHandler(page)
    logger = logging.getLogger(f"sqlalchemy.engine.Engine.{_ECHO}")
    logger.addHandler(handler)  # with one of its own SQLAlchemy adds none that writes to the standard output
    logger.propagate = False
    try:
        with bench.engine(QueuePool, pool_size=1, echo=echo, logging_name=_ECHO, **options) as engine:
            select(engine)  # the first also shows what opening asks
            page.seek(page.truncate(0))
            select(engine)
            lines = tuple(page.getvalue().splitlines())
            return Echoed(lines, _cost(engine, echo, selects) if selects else None)
    finally:
        logger.removeHandler(handler)


def _cost(engine: Engine, echo: bool, selects: int) -> float:
    ratios = []
    for _ in range(max(1, selects // _TOGETHER) + 1):
        # over the same connection: another one's backend may run on a farther core
        loud_s, silent_s = _cpu_s(engine, echo), _cpu_s(engine, False)
        ratios.append(loud_s / silent_s)
    return median(ratios[1:])  # the first ones fill caches


def _cpu_s(engine: Engine, echo: bool) -> float:
    engine.echo = echo
    began = time.thread_time()
    for _ in range(_TOGETHER):
        select(engine)
    return time.thread_time() - began
