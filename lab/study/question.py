"""A sweep's question, as its file asks it: the grid, the load, the objective.

The file is TOML. Whatever is given as a list under ``[grid]`` is varied; the cells are all combinations, in the order
of the file. Everything is checked before anything is started, and what is wrong is named with its line.
"""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import LabError, UsageError
from lab.plan import JOURNEYS, LoadPlan, PoolConfig, journey
from lab.record.run import digest


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a question may say: its kind, its unit, and its limits."""

    name: str
    kind: type
    help: str
    low: float = 0
    high: float = float("inf")
    choices: tuple[str, ...] = ()

    def checked(self, value: Any) -> Any:
        """Return the value.

        :raises ValueError: saying what is allowed.
        """
        numbers = (int, float) if self.kind is float else (self.kind,)
        if isinstance(value, bool) or not isinstance(value, numbers):
            raise ValueError(f"{value!r} is no {_WORDS[self.kind]}; {self.allowed}")
        if self.choices and value not in self.choices:
            raise ValueError(f"{value!r}; {self.allowed}")
        if isinstance(value, int | float) and not self.low <= value <= self.high:
            raise ValueError(f"{value:g}; {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return f"give one of {', '.join(self.choices)}"
        if self.kind is str:
            return f"give {self.help}"
        return f"give {self.low:g} to {self.high:g}"


_WORDS = {int: "whole number", float: "number", str: "text"}

VARIED = (
    Key("pool", str, "a pool as for lab compare, such as queue:size=5,overflow=0"),
    Key("size", int, "connections that the pool keeps", 1, 1000),
    Key("overflow", int, "connections beside them while they are needed", 0, 1000),
    Key("workers", int, "processes of the app", 1, 64),
    Key("users", int, "clients of a closed load", 1, 5000),
    Key("rate_per_s", float, "arrivals per second of an open load", 0.1, 50_000),
    Key("journey", str, "what the clients do", choices=tuple(JOURNEYS)),
)
FIXED = (
    Key("warmup_s", float, "seconds before the measured ones", 0, 3600),
    Key("measured_s", float, "measured seconds", 0.5, 86_400),
    Key("think_s", float, "pause of a closed client between two requests, s", 0, 3600),
)
OBJECTIVE = (
    Key("p50_ms", float, "median latency, ms", 0.01, 1e6),
    Key("p90_ms", float, "latency that 90 % stay under, ms", 0.01, 1e6),
    Key("p95_ms", float, "latency that 95 % stay under, ms", 0.01, 1e6),
    Key("p99_ms", float, "latency that 99 % stay under, ms", 0.01, 1e6),
    Key("failed_pct", float, "failed requests, per cent", 0, 100),
)
WHOLE = (
    Key("question", str, "what is asked, in words"),
    Key("repeats", int, "runs of each cell", 1, 100),
    Key("seed", int, "of the order in which cells are measured", 0, 2**31),
)
TABLES = ("grid", "load", "objective")
SETTINGS = "server"  # a table in grid or load: settings of PostgreSQL
STORAGE = "table"  # a table in grid or load: storage parameters of the blog's tables, by table
_SETTING = re.compile(r"[a-z][a-z0-9_.]*")
BLOG = ("users", "posts", "comments", "tags", "sessions")


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: what is special about it, and what is to be run."""

    id: str
    parameters: Mapping[str, Any]
    pool: PoolConfig
    load: LoadPlan
    settings: Mapping[str, str]  # of the server
    storage: Mapping[str, Mapping[str, str]]  # of tables


@dataclass(frozen=True, slots=True)
class Question:
    """A checked file."""

    name: str
    question: str
    cells: tuple[Cell, ...]
    repeats: int
    seed: int
    objective: Mapping[str, float]
    values: Mapping[str, Any] = field(repr=False)

    @property
    def hash(self) -> str:
        """The same for the same question, however its file is laid out."""
        return digest({key: value for key, value in self.values.items() if key != "question"})

    @property
    def load_s(self) -> float:
        """Seconds of load in all runs together."""
        return self.repeats * sum(cell.load.total_s for cell in self.cells)


def read(file: Path) -> Question:
    """Read and check a question.

    :raises UsageError: in one line: the file, the line in it, what is wrong, and what is allowed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no UTF-8 text"
        raise UsageError(f"{file} cannot be read: {why}; name a question such as experiments/quick.toml") from None
    return parse(text, file.name)


def parse(text: str, name: str = "question.toml") -> Question:
    """Check the text of a question; see :func:`read`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is no TOML: {' '.join(str(error).split())}") from None
    return _Reader(name, text, values).question()


class _Reader:
    def __init__(self, name: str, text: str, values: dict[str, Any]) -> None:
        self._name, self._lines, self._values = name, text.splitlines(), values

    def question(self) -> Question:
        top = {key: value for key, value in self._values.items() if not isinstance(value, dict)}
        self._known("", top, WHOLE, TABLES)
        for table in self._values.keys() - top.keys() - set(TABLES):
            self._refuse("", table, f"[{table}] is no table of a question; there are {', '.join(TABLES)}")
        grid, load = self._values.get("grid", {}), self._values.get("load", {})
        varied = self._varied(grid)
        fixed = self._fixed(load)
        if both := [key for key in varied if key in fixed]:
            self._refuse("load", both[0].split(".")[-1], f"{both[0]} stands in [grid] too; keep one of them")
        objective = self._checked("objective", self._values.get("objective", {}), OBJECTIVE)
        cells = tuple(self._cells(varied, fixed))
        return Question(
            self._name.removesuffix(".toml"), str(top.get("question", "")), cells, int(top.get("repeats", 3)),
            int(top.get("seed", 1)), objective, self._values,
        )  # fmt: skip

    def _varied(self, grid: Mapping[str, Any]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for key, values in self._flat("grid", grid):
            last = key.split(".")[-1]
            if not isinstance(values, list) or not values:
                self._refuse("grid", last, f"{key} is {values!r}; give a list of values, such as {last} = [1, 2]")
            found[key] = [self._one("grid", key, value) for value in values]
            if len({str(value) for value in values}) < len(values):
                self._refuse("grid", last, f"{key} names a value twice; repeats are given by repeats = N")
        if not found:
            raise UsageError(f"{self._name}: [grid] varies nothing; give it a list, such as users = [4, 16]")
        return found

    def _fixed(self, load: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._one("load", key, value) for key, value in self._flat("load", load)}

    def _flat(self, table: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield each key with its value; settings and storage parameters with their tables' names before them."""
        for key, value in values.items():
            if key == SETTINGS and isinstance(value, dict):
                yield from ((f"{SETTINGS}.{name}", one) for name, one in value.items())
            elif key == STORAGE and isinstance(value, dict):
                for relation, parameters in value.items():
                    if relation not in BLOG or not isinstance(parameters, dict):
                        self._refuse(table, relation, f"{relation!r} is no table of the blog: {', '.join(BLOG)}")
                    yield from ((f"{STORAGE}.{relation}.{name}", one) for name, one in parameters.items())
            else:
                yield key, value

    def _one(self, table: str, key: str, value: Any) -> Any:
        last = key.split(".")[-1]
        if "." in key:
            if not _SETTING.fullmatch(last) or not isinstance(value, str | int | float):
                self._refuse(table, last, f"{key} = {value!r} cannot be set; give a name and a value of PostgreSQL")
            return value
        known = VARIED if table == "grid" else VARIED + FIXED
        self._known(table, {key: value}, known, (SETTINGS, STORAGE))
        return self._checked(table, {key: value}, known)[key]

    def _known(self, table: str, values: Mapping[str, Any], keys: tuple[Key, ...], tables: tuple[str, ...]) -> None:
        names = [key.name for key in keys]
        for name in values:
            if name not in names:
                where = f"[{table}]" if table else "a question"
                self._refuse(
                    table, name, f"{name} is nothing that {where} has; there are {', '.join([*names, *tables])}"
                )
        if not table:
            self._checked(table, values, keys)

    def _checked(self, table: str, values: Mapping[str, Any], keys: tuple[Key, ...]) -> dict[str, Any]:
        by_name = {key.name: key for key in keys}
        for name, value in values.items():
            if name not in by_name:
                self._refuse(table, name, f"{name} is nothing that [{table}] has; there are {', '.join(by_name)}")
            try:
                by_name[name].checked(value)
            except ValueError as error:
                self._refuse(table, name, f"{name} is {error}")
        return dict(values)

    def _cells(self, varied: Mapping[str, list[Any]], fixed: Mapping[str, Any]) -> Iterator[Cell]:
        combinations = list(itertools.product(*varied.values()))
        for number, chosen in enumerate(combinations, 1):
            parameters = dict(zip(varied, chosen, strict=True))
            try:
                yield _cell(f"cell-{number:0{len(str(len(combinations)))}d}", parameters, {**fixed, **parameters})
            except LabError as error:
                said = ", ".join(f"{key} = {value}" for key, value in parameters.items())
                self._refuse("grid", next(iter(varied)), f"the cell {said}: {error}")

    def _refuse(self, table: str, key: str, why: str) -> None:
        line = self._line(table, key)
        raise UsageError(f"{self._name}{f', line {line}' if line else ''}: {why}")

    def _line(self, table: str, key: str) -> int:
        """Return the line of a key, or of a table's head; 0 if it cannot be told."""
        inside, spelled = "", re.compile(rf"""\s*(?:[\w."'-]+\.)?["']?{re.escape(key)}["']?\s*=""")
        for number, line in enumerate(self._lines, 1):
            if head := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
                inside = head.group(1)
                if inside.split(".")[-1] == key:
                    return number
            elif (inside == table or inside.startswith(f"{table}.")) and spelled.match(line):
                return number
        return 0


def _cell(name: str, parameters: Mapping[str, Any], said: Mapping[str, Any]) -> Cell:
    pool = PoolConfig.parse(_spec(said), int(said.get("workers", 1)))
    load: dict[str, Any] = {key.name: said[key.name] for key in FIXED if key.name in said}
    if "users" in said and "rate_per_s" in said:
        raise UsageError("users belong to a closed load and rate_per_s to an open one; give one of them")
    if "rate_per_s" in said:
        load |= {"model": "open", "rate_per_s": float(said["rate_per_s"])}
    if "users" in said:
        load["users"] = int(said["users"])
    what = str(said.get("journey", "read"))
    plan = LoadPlan(**load, journey=what, weights=journey(what)).checked()
    settings = {key.removeprefix(f"{SETTINGS}."): str(said[key]) for key in said if key.startswith(f"{SETTINGS}.")}
    storage: dict[str, dict[str, str]] = {}
    for key, value in said.items():
        if key.startswith(f"{STORAGE}."):
            _, relation, parameter = key.split(".", 2)
            storage.setdefault(relation, {})[parameter] = str(value)
    return Cell(name, parameters, pool, plan, settings, storage)


def _spec(said: Mapping[str, Any]) -> str:
    """Put size and overflow into the pool's specification, where they are given apart."""
    spec = str(said.get("pool", "queue"))
    apart = [f"{name}={said[name]}" for name in ("size", "overflow") if name in said]
    return spec + (("," if ":" in spec else ":") + ",".join(apart) if apart else "")
