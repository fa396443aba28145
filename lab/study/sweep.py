"""A sweep: every cell of a question, several times, in randomised blocks; it goes on where it was cut short.

A block is each cell once, in an order drawn from the seed, so that the drift of a machine falls on all cells. Each run
has fresh processes of the app. A sweep belongs to its question and to its machine, by their hashes: if either has
changed, a new one begins and nothing is mixed.
"""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from lab import environment, experiment, process
from lab import server as servers
from lab.config import Config
from lab.errors import LabError, ServerError, UsageError, VariantError
from lab.plan import Slot, Variant
from lab.record import sweep as record
from lab.record.run import machine_hash, tidy
from lab.record.sweep import Planned, Sweep
from lab.server import Server
from lab.site import check_pools
from lab.study.question import Cell, Question
from lab.study.storage import set_storage
from lab.units import utc_now
from lab.watch import Watch

SHELF = "sweeps"
STARTING_S = 3.0  # about what starting and stopping the parts of a run takes
_OWN_HOME = "sweep-server"  # of the server whose settings are varied: the lab's own is left alone


def perform(
    question: Question, config: Config, watch: Watch, note: Callable[[str], None], again: bool = False
) -> Sweep:
    """Make all runs of a question that are not made yet; returns the sweep, which is then complete.

    :param note: is told what must not be missed, in one line.
    :param again: begin anew, even if there is a sweep of this question.
    :raises UsageError: if the question varies what this server does not allow to be varied; before anything is made.
    :raises LabError: if a part dies; what is complete is kept, and the next call goes on.
    """
    _refuse_settings(question, config)
    with process.exclusive(config.home / "lock", "sweep"), _Ground(question, config, watch) as ground:
        sweep = _find(question, config, note, again, ground)
        left = sweep.left()
        cells = {cell.id: cell for cell in question.cells}
        spent_s: list[float] = []  # by each run, beside its load
        for done, planned in enumerate(left):
            cell = cells[planned.cell]
            seconds = _left_s([cells[each.cell] for each in left[done:]], spent_s)
            watch.say(_where(sweep, planned, cell, seconds))
            record.set_aside(sweep.folder / planned.folder)
            began = time.monotonic()
            slot = Slot(Variant(cell.id, cell.pool), planned.repeat, 0, planned.number)
            alone = experiment.Question((slot.variant,), cell.load, pairs=1, seed=question.seed)
            experiment.one_run(alone, slot, sweep.folder, len(sweep.runs), ground.under(cell), config, watch)
            spent_s.append(time.monotonic() - began - cell.load.total_s)
    return sweep


def _where(sweep: Sweep, planned: Planned, cell: Cell, left_s: float) -> str:
    said = ", ".join(f"{key} {value}" for key, value in cell.parameters.items())
    return f"run {planned.number} of {len(sweep.runs)}: {said}, repeat {planned.repeat}; about {_minutes(left_s)} left"


def _left_s(cells: Sequence[Cell], spent_s: Sequence[float]) -> float:
    """Return what the runs of *cells* will take, in seconds; *spent_s* is what those before took beside their loads."""
    each_s = sum(spent_s) / len(spent_s) if spent_s else STARTING_S
    return sum(cell.load.total_s + each_s for cell in cells)


def _minutes(seconds: float) -> str:
    """Return a time for people.

    >>> _minutes(40), _minutes(150)
    ('40 s', '3 min')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60 + 0.5:.0f} min"


def order(question: Question) -> tuple[Planned, ...]:
    """Return the runs in the order in which they are made: each block has every cell once."""
    kinds = {cell.id: cell.pool.kind for cell in question.cells}
    planned: list[Planned] = []
    for repeat in range(1, question.repeats + 1):
        block = [cell.id for cell in question.cells]
        random.Random(f"sweep/{question.seed}/{repeat}").shuffle(block)
        for name in block:
            number = len(planned) + 1
            planned.append(Planned(number, f"run-{number:02d}-{kinds[name]}", name, repeat))
    return tuple(planned)


def _find(question: Question, config: Config, note: Callable[[str], None], again: bool, ground: "_Ground") -> Sweep:
    """Return the sweep to go on with, or a new one; say why the newest of this name is left alone."""
    machine, shelf = ground.machine_hash(), config.home / SHELF
    record.forget_unbegun(shelf)
    known, damaged = record.of_question(shelf, question.name)
    if not again:
        for old in reversed(known):
            if (old.question_hash, old.machine_hash) == (question.hash, machine):
                return _tidied(old)
        for why in damaged:
            note(f"{why}; it is kept, and not gone on with")
        if known:
            same = known[-1].question_hash == question.hash
            changed = "the machine, the server, or what is installed on it," if same else "the file"
            note(f"{changed} has changed since {known[-1].folder.name}, which is kept: a new sweep begins")
    ground.try_all(question)
    name = f"{utc_now():%Y%m%d-%H%M%S}-{question.name}-{secrets.token_hex(2)}"
    cells = tuple({"id": cell.id, "parameters": dict(cell.parameters)} for cell in question.cells)
    fresh = Sweep(
        shelf / name, question.name, question.hash, machine, question.values, cells, order(question), question.repeats,
        question.text,
    )  # fmt: skip
    return record.begin(fresh)


def _tidied(sweep: Sweep) -> Sweep:
    """Remove what a kill at the very end of a sealing has left in complete runs."""
    for folders in sweep.done().values():
        for folder in folders:
            tidy(folder)
    return sweep


def _refuse_settings(question: Question, config: Config) -> None:
    if any(cell.settings or cell.storage for cell in question.cells) and (config.dsn or config.server):
        raise UsageError(
            "this question varies settings of the server, and a server that the lab did not start keeps its own; "
            "unset LAB_DSN and LAB_SERVER, or leave [grid.server] and [grid.table] out"
        )


class _Ground:
    """The server under the cells: the lab's own, or one of the sweep's own where its settings are varied."""

    def __init__(self, question: Question, config: Config, watch: Watch) -> None:
        own = any(cell.settings or cell.storage for cell in question.cells)
        self._config = replace(config, home=config.home / _OWN_HOME, port=0) if own else config
        self._own, self._watch = own, watch
        self._varied = {table for cell in question.cells for table in cell.storage}
        self._stack = ExitStack()
        self._settings: dict[str, str] | None = None
        self._where: Server | None = None

    def __enter__(self) -> "_Ground":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def under(self, cell: Cell, trying: bool = False) -> Server:
        """Return the server as the cell wants it; it is restarted if its settings are not those.

        :param trying: nothing is measured on it, so the tables are not rewritten.
        """
        settings = dict(cell.settings)
        if self._where is None or settings != self._settings:
            self._stack.close()
            self._where = None
            self._where = self._stack.enter_context(servers.running(self._config, self._watch.say, settings))
            self._settings = settings
        if self._own:
            set_storage(self._where.owner_dsn, cell.storage, () if trying else self._varied)
        return self._where

    def try_all(self, question: Question) -> None:
        """Start a server with each of the question's settings, and give its tables each of their parameters, once.

        :raises UsageError: if PostgreSQL refuses one, or a pool is too large for it, with the line of that key.
        """
        cells = sorted(question.cells, key=lambda cell: (sorted(cell.settings.items()), repr(cell.storage)))
        where, tried = None, None
        for cell in cells:
            try:
                check_pools(self._config, [cell.pool])
                if where is None or tried != (cell.settings, cell.storage):
                    where, tried = self._tried(cell), (cell.settings, cell.storage)
                cell.pool.checked_for(where.app_slots, where.max_connections, cell.pool.spec)
            except (ServerError, UsageError) as error:
                if isinstance(error, ServerError) and not cell.settings:
                    raise  # it is not the question's fault
                raise UsageError(f"{_place(question, cell, error)}: {error}") from None

    def _tried(self, cell: Cell) -> Server:
        if cell.settings and cell.settings != self._settings:
            self._watch.say("trying " + ", ".join(f"{key} = {value}" for key, value in cell.settings.items()))
        return self.under(cell, trying=True)

    def machine_hash(self) -> str:
        """The same as long as neither machine nor what is installed on it nor the server has changed."""
        return machine_hash(environment.capture({}), self._server_facts())

    def _server_facts(self) -> dict[str, object]:
        if not self._config.dsn and not self._config.server:
            return {"programs": servers.programs_version(self._config), "size": self._config.size}
        where = self._stack.enter_context(servers.running(self._config, self._watch.say))
        self._where, self._settings = where, {}
        settings = servers.non_default_settings(where.owner_dsn)
        return {
            "version": where.version,
            "host": where.host,
            "port": where.port,
            "settings": settings,
            "size": where.size,
        }


def _place(question: Question, cell: Cell, error: LabError) -> str:
    """Return file and line of the key that a message quotes, or else of the first that may be meant."""
    paths: list[tuple[str, ...]] = [("server", name) for name in cell.settings]
    paths += [("table", table, name) for table, names in cell.storage.items() for name in names]
    paths.sort(key=lambda path: f'"{path[-1]}"' not in str(error))
    pools = [(name,) for name in ("size", "overflow", "workers", "pool")]
    meant = [*pools, *paths] if isinstance(error, VariantError) else [*paths, *pools]
    places = [question.at(table, *path) for path in meant for table in ("grid", "load") if question.has(table, *path)]
    return next(iter(places), question.file)
