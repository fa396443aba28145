"""A sweep's question, as its file asks it: the grid, the load, the objective.

The file is TOML. Whatever is given as a list under ``[grid]`` is varied; the cells are all combinations, in the order
of the file. Everything is checked before anything is started, and what is wrong is named with its line.
"""

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from lab.errors import LabError, UsageError
from lab.plan import LoadPlan, PoolConfig, journey
from lab.record.run import digest
from lab.study.keys import BLOG, FIXED, KEPT, OBJECTIVE, SETTINGS, STORAGE, TABLES, VARIED, WHOLE, Key, shown
from lab.study.lines import line_of

_SETTING = re.compile(r"[a-z][a-z0-9_.]*")
MOST_CELLS = 1000

_SUCH_AS = {"pool": '["null", "queue:size=5,overflow=0"]', "journey": '["read", "churn"]'}


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
    file: str = field(default="question.toml", repr=False)
    text: str = field(default="", repr=False)

    @property
    def hash(self) -> str:
        """The same for the same question, however its file is laid out."""
        return digest({key: value for key, value in self.values.items() if key != "question"})

    @property
    def load_s(self) -> float:
        """Seconds of load in all runs together."""
        return self.repeats * sum(cell.load.total_s for cell in self.cells)

    def has(self, *path: str) -> bool:
        """Whether the file has a key, by its tables' names and its own."""
        inside: Any = self.values
        for name in path:
            if not isinstance(inside, Mapping) or name not in inside:
                return False
            inside = inside[name]
        return True

    def at(self, *path: str) -> str:
        """Return the file and the line of a key, by its tables' names and its own: for a message about it."""
        line = line_of(self.text, *path)
        return f"{self.file}, line {line}" if line else self.file


def read(file: Path) -> Question:
    """Read and check a question.

    :raises UsageError: in one line: the file, the line in it, what is wrong, and what is allowed.
    """
    advice = "name a question such as experiments/quick.toml"
    try:
        if file.exists() and not file.is_file():
            raise UsageError(f"{file} is no file; {advice}")
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{file} cannot be read: {why}; {advice}") from None
    try:
        text = data.decode("utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{file.name}, line {line}: this is no UTF-8 text; save the file as UTF-8") from None
    return parse(text.replace("\r\n", "\n"), file.name)


def parse(text: str, name: str = "question.toml") -> Question:
    """Check the text of a question; see :func:`read`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = " ".join(str(error).split())
        place = re.search(r" \(at line (\d+), column \d+\)$", said)
        line = f", line {place.group(1)}" if place else ""
        raise UsageError(f"{name}{line}: this is no TOML: {said[: place.start()] if place else said}") from None
    except RecursionError:
        raise UsageError(f"{name}: its values are nested too deeply; a question has lists of values") from None
    return _Reader(name, text, values).question()


class _Reader:
    def __init__(self, name: str, text: str, values: dict[str, Any]) -> None:
        self._name, self._text, self._values = name, text, values

    def question(self) -> Question:
        for table in TABLES:
            if not isinstance(self._values.get(table, {}), dict):
                self._refuse((table,), f"{table} is no table; write [{table}], and its keys in the lines below")
        top = {key: value for key, value in self._values.items() if key not in TABLES}
        self._known("", top, WHOLE, TABLES)
        grid, load = self._values.get("grid", {}), self._values.get("load", {})
        varied = self._varied(grid)
        fixed = self._fixed(load)
        if both := [key for key in varied if key in fixed]:
            self._refuse(("load", *both[0].split(".")), f"{both[0]} stands in [grid] too; keep one of them")
        objective = self._checked("objective", self._values.get("objective", {}), OBJECTIVE)
        count = math.prod(len(values) for values in varied.values())
        if count > MOST_CELLS:
            self._refuse(("grid",), f"the grid has {count:,} cells; give at most {MOST_CELLS:,}")
        cells = tuple(self._cells(varied, fixed))
        return Question(
            _folder_name(self._name), str(top.get("question", "")), cells, int(top.get("repeats", 3)),
            int(top.get("seed", 1)), objective, self._values, self._name, self._text,
        )  # fmt: skip

    def _varied(self, grid: Mapping[str, Any]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for key, values in self._flat("grid", grid):
            path = ("grid", *key.split("."))
            if not isinstance(values, list) or not values:
                said = f"give a list of values, such as {path[-1]} = {_SUCH_AS.get(key, '[1, 2]')}"
                self._refuse(path, f"{key} is {shown(values)}; {said}")
            found[key] = [self._one("grid", key, value) for value in values]
            if len(set(found[key])) < len(values):
                self._refuse(path, f"{key} names a value twice; repeats are given by repeats = N")
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
                        said = f"{relation} is no table of the blog; there are {', '.join(BLOG)}"
                        self._refuse((table, STORAGE, relation), said)
                    yield from ((f"{STORAGE}.{relation}.{name}", one) for name, one in parameters.items())
            else:
                if key in (SETTINGS, STORAGE):
                    where = f"{table}.{key}" + (".NAME" if key == STORAGE else "")
                    self._refuse((table, key), f"{key} is {shown(value)}, and no table; write [{where}]")
                self._known(table, {key: value}, VARIED if table == "grid" else VARIED + FIXED, (SETTINGS, STORAGE))
                yield key, value

    def _one(self, table: str, key: str, value: Any) -> Any:
        if "." in key:
            return self._setting((table, *key.split(".")), value)
        return self._checked(table, {key: value}, VARIED + FIXED)[key]

    def _setting(self, path: tuple[str, ...], value: Any) -> Any:
        """Check what can be checked of a setting without PostgreSQL, which has the last word."""
        name = path[-1]
        if path[1] == SETTINGS and name in KEPT:
            self._refuse(path, f"{name} is the lab's own; give any other setting of PostgreSQL")
        if not _SETTING.fullmatch(name):
            self._refuse(path, f"{shown(name)} is no name of PostgreSQL's; give one such as work_mem")
        if not isinstance(value, str | int | float) or value == "" or not math.isfinite(_number(value)):
            self._refuse(path, f'{name} is {shown(value)}; give a number, true, false or a text such as "64MB"')
        return str(value).lower() if isinstance(value, bool) else value

    def _known(self, table: str, values: Mapping[str, Any], keys: tuple[Key, ...], tables: tuple[str, ...]) -> None:
        names = [key.name for key in keys]
        for name in values:
            if name not in names:
                where = f"[{table}]" if table else "a question"
                self._refuse(
                    _path(table, name),
                    f"{shown(name)[1:-1]} is nothing that {where} has; there are {', '.join([*names, *tables])}",
                )
        if not table:
            self._checked(table, values, keys)

    def _checked(self, table: str, values: Mapping[str, Any], keys: tuple[Key, ...]) -> dict[str, Any]:
        by_name = {key.name: key for key in keys}
        for name, value in values.items():
            if name not in by_name:
                self._refuse((table, name), f"{name} is nothing that [{table}] has; there are {', '.join(by_name)}")
            try:
                by_name[name].checked(value)
            except ValueError as error:
                self._refuse(_path(table, name), f"{name} is {error}")
        return dict(values)

    def _cells(self, varied: Mapping[str, list[Any]], fixed: Mapping[str, Any]) -> Iterator[Cell]:
        combinations = list(itertools.product(*varied.values()))
        for number, chosen in enumerate(combinations, 1):
            parameters = dict(zip(varied, chosen, strict=True))
            try:
                yield _cell(f"cell-{number:0{len(str(len(combinations)))}d}", parameters, {**fixed, **parameters})
            except LabError as error:
                said = ", ".join(f"{key} = {shown(value)}" for key, value in parameters.items())
                self._refuse(("grid", *next(iter(varied)).split(".")), f"the cell {said}: {error}")

    def _refuse(self, path: tuple[str, ...], why: str) -> NoReturn:
        line = line_of(self._text, *path)
        raise UsageError(f"{self._name}{f', line {line}' if line else ''}: {why}")


def _path(table: str, name: str) -> tuple[str, ...]:
    return (table, name) if table else (name,)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, float) else 0.0


def _folder_name(file: str) -> str:
    """Return what a sweep's folder is named after.

    >>> _folder_name("pool size.toml")
    'pool-size'
    """
    return re.sub(r"[^\w.-]+", "-", file.removesuffix(".toml"))[:60] or "question"


def _cell(name: str, parameters: Mapping[str, Any], said: Mapping[str, Any]) -> Cell:
    pool = PoolConfig.parse(_spec(said), int(said.get("workers", 1)))
    load: dict[str, Any] = {key.name: said[key.name] for key in FIXED if key.name in said}
    if "users" in said and "rate_per_s" in said:
        raise UsageError("users belong to a closed load and rate_per_s to an open one; give one of them")
    if "rate_per_s" in said:
        if "think_s" in said:
            raise UsageError(
                "think_s is a pause of a closed load's users, and rate_per_s makes an open one; leave one out"
            )
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
