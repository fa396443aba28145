"""A sweep: every cell of a question, several times, in randomised blocks; it goes on where it was cut short.

A block is each cell once, in an order drawn from the seed, so that the drift of a machine falls on all cells. Each run
has fresh processes of the app. A sweep belongs to its question and to its machine, by their hashes: if either has
changed, a new one begins and nothing is mixed.
"""

import random
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from lab import environment, experiment, process
from lab import server as servers
from lab.config import Config
from lab.errors import UsageError
from lab.plan import Slot, Variant
from lab.record import sweep as record
from lab.record.run import machine_hash
from lab.record.sweep import Planned, Sweep
from lab.server import Server
from lab.study.question import Cell, Question
from lab.study.storage import set_storage
from lab.units import utc_now
from lab.watch import Watch

SHELF = "sweeps"
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
        done_s: list[float] = []
        for planned in left:
            cell = cells[planned.cell]
            watch.say(_where(sweep, planned, cell, len(left) - len(done_s), done_s))
            record.set_aside(sweep.folder / planned.folder)
            began = time.monotonic()
            slot = Slot(Variant(cell.id, cell.pool), planned.repeat, 0, planned.number)
            alone = experiment.Question((slot.variant,), cell.load, pairs=1, seed=question.seed)
            experiment.one_run(alone, slot, sweep.folder, len(sweep.runs), ground.under(cell), config, watch)
            done_s.append(time.monotonic() - began)
    return sweep


def _where(sweep: Sweep, planned: Planned, cell: Cell, left: int, done_s: list[float]) -> str:
    said = ", ".join(f"{key} {value}" for key, value in cell.parameters.items())
    text = f"run {planned.number} of {len(sweep.runs)}: {said}, repeat {planned.repeat}"
    if not done_s:
        return text
    return f"{text}; about {_minutes(left * sum(done_s) / len(done_s))} left"


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
    """Return the sweep to go on with, or a new one; say why an older one of this name is left alone."""
    machine = ground.machine_hash()
    for old in reversed(record.of_question(config.home / SHELF, question.name)):
        if again:
            break
        if (old.question_hash, old.machine_hash) == (question.hash, machine):
            return old
        changed = "the file" if old.question_hash != question.hash else "the machine, or what is installed on it,"
        note(f"{changed} has changed since {old.folder.name}, which is kept: a new sweep begins")
        break
    name = f"{utc_now():%Y%m%d-%H%M%S}-{question.name}-{secrets.token_hex(2)}"
    cells = tuple({"id": cell.id, "parameters": dict(cell.parameters)} for cell in question.cells)
    fresh = Sweep(
        config.home / SHELF / name, question.name, question.hash, machine, question.values, cells, order(question),
        question.repeats,
    )  # fmt: skip
    return record.begin(fresh)


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
        self._stack = ExitStack()
        self._settings: dict[str, str] | None = None
        self._where: Server | None = None

    def __enter__(self) -> "_Ground":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def under(self, cell: Cell) -> Server:
        """Return the server as the cell wants it; it is restarted if its settings are not those."""
        settings = dict(cell.settings)
        if self._where is None or settings != self._settings:
            self._stack.close()
            self._where = self._stack.enter_context(servers.running(self._config, self._watch.say, settings))
            self._settings = settings
        if self._own:
            set_storage(self._where.owner_dsn, cell.storage)
        return self._where

    def machine_hash(self) -> str:
        """The same as long as neither machine nor what is installed on it has changed."""
        return machine_hash(environment.capture({}), servers.programs_version(self._config))
