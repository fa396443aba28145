"""One statement with an index and without it, in turns, inside one transaction: its times, plan, blocks, rows and WAL.

What :mod:`lab.demonstrate.whatif` measures with.
"""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from lab import sql

REPEATS = 5  # executions for one side of a pair; their median counts


@dataclass(frozen=True, slots=True)
class Side:
    """One statement with the index, or without it."""

    plan: tuple[str, ...]  # the nodes that read or write a table, such as "Seq Scan on comments"
    rows: int
    blocks: int  # of shared buffers, found there or not
    wal_bytes: int
    times_ms: tuple[float, ...]  # for each pair

    @property
    def ms(self) -> float:
        """The median of the pairs."""
        return median(self.times_ms)


class Trial:
    """A transaction in which the index is there, and what takes it away for a moment."""

    def __init__(self, cursor: Any, take_away: str, statement: str, values: Mapping[str, Any] | None) -> None:
        self._cursor, self._take_away, self._statement, self._values = cursor, take_away, statement, values

    def sides(self, pairs: int, seed: int) -> tuple[Side, Side]:
        """Return the statement without the index, and with it."""
        order = random.Random(seed)
        times: dict[bool, list[float]] = {False: [], True: []}
        looked = {}
        for _ in range(pairs):
            for there in order.sample((False, True), 2):
                with self._state(there):
                    if there not in looked:
                        looked[there] = self._explained()
                    times[there].append(self._ms())
        return tuple(Side(*looked[there], tuple(times[there])) for there in (False, True))  # type: ignore[return-value]

    @contextmanager
    def _state(self, there: bool) -> Iterator[None]:
        self._cursor.execute(text("try_mark"))
        if not there:
            self._cursor.execute(self._take_away)
        yield
        self._cursor.execute(text("try_back"))

    def _ms(self) -> float:
        """Return the median time of a few executions, after one that fills the caches of the catalog."""
        self._once()
        return median(self._once() for _ in range(REPEATS))

    def _once(self) -> float:
        self._cursor.execute(text("try_mark"))
        began = time.perf_counter()
        self._cursor.execute(self._statement, self._values)
        if self._cursor.description:
            self._cursor.fetchall()
        took_ms = 1000 * (time.perf_counter() - began)
        self._cursor.execute(text("try_back"))
        return took_ms

    def _explained(self) -> tuple[tuple[str, ...], int, int, int]:
        self._once()  # what is read for the first time may leave hints on the rows, and so WAL
        self._cursor.execute(text("try_mark"))
        self._cursor.execute(text("try_explain").replace("{statement}", self._statement), self._values)
        plan = self._cursor.fetchone()[0][0]["Plan"]
        self._cursor.execute(text("try_back"))
        rows = plan["Actual Rows"] or sum(node["Actual Rows"] for node in plan.get("Plans", ()))
        blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return tuple(_nodes(plan)), int(rows), blocks, plan.get("WAL Bytes", 0)


def _nodes(plan: Mapping[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan or "Index Name" in plan:
        using = f" using {plan['Index Name']}" if "Index Name" in plan else ""
        on = f" on {plan['Relation Name']}" if "Relation Name" in plan else ""
        yield f"{plan['Node Type']}{using}{on}".replace("ModifyTable", "Insert")
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def text(name: str, **parts: str) -> str:
    """Return the text of ``lab/sql/indexes/<name>``, with names put in."""
    loaded = sql.load(f"indexes/{name}")
    return loaded.format(**parts) if parts else loaded
