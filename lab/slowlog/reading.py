"""Files of a log, read block by block into sums for each statement."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.errors import LogError
from lab.slowlog.entry import Work, find, works
from lab.slowlog.groups import Sums
from lab.slowlog.messages import BEGINNINGS, BIND, PARSE, STATEMENT, Rows, kind_and_text, rows
from lab.slowlog.plans import Joiner, Plan, Ran, askeds, seconds, take_apart
from lab.slowlog.prefix import Prefix
from lab.slowlog.report import Group, SlowLog, number
from lab.slowlog.sources import Source
from lab.sql.normal import normalise

_WORKERS = 2
_AHEAD = 4  # blocks in memory
_KNOWN = 20_000  # texts whose group is remembered; the groups themselves are always
_KNOWN_CHARACTERS = 16 * 1024 * 1024  # of them
_TAIL = 256  # statements at a block's end, whose plan may be in the next block
_PARSES, _BINDS, _NONE = -2, -3, -1


def read(files: Sequence[str | Path], prefix: str = "", form: str = "") -> SlowLog:
    """Read a log.

    :param files: its files in any order, packed by gzip or zstd or not; ``-`` is standard input.
    :param prefix: ``log_line_prefix`` of a log from stderr; recognised if it is not given.
    :param form: ``csv``, ``json`` or ``stderr``; each file's own if it is not given.
    :raises LogError: if a file cannot be read, or nothing that is in the files.
    :raises UsageError: if the prefix or the form is none.
    """
    reading = _Reading()
    found = find(files, form)
    known = Prefix(prefix)
    for block in _blocks(found, known, form):
        reading.add(block)
    broken = sum(source.broken for source in found)
    result = reading.result(tuple(source.name for source in found), broken, known.misfits)
    if result.skipped and not result.entries:
        raise _nothing(found, form, result.skipped)
    return result


def _nothing(found: Sequence[Source], form: str, skipped: int) -> LogError:
    names = ", ".join(f"{source.name} (as {form or source.form})" for source in found[:3])
    return LogError(
        f"{names}: no entry could be read, of {skipped:,} {'line or part' if skipped == 1 else 'lines or parts'}; "
        "name logs as PostgreSQL writes them, and their --format only if it is theirs"
    )


def statements(files: Sequence[str | Path], prefix: str = "", form: str = "") -> Iterator[pa.Table]:
    """Yield the statements of a log one by one, as tables in the order of the log.

    Columns: time, session, kind (``statement``, ``parse``, ``bind``, ``plan``), duration_ms, statement (as it was
    sent), detail (the parameters), plan. Nothing is joined here. Parameters and errors as for :func:`read`.
    """
    for block in _blocks(find(files, form), Prefix(prefix), form):
        yield _table(block)


def _blocks(found: Sequence[Source], prefix: Prefix, form: str) -> Iterator[Rows]:
    """Read ahead in threads, and yield the blocks in their order."""
    under_way: deque[Future[Rows]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for source in found:
            for work in works(source, prefix, form, BEGINNINGS):
                under_way.append(pool.submit(_rows, work))
                if len(under_way) >= _AHEAD:
                    yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _rows(work: Work) -> Rows:
    return rows(work())


def _table(block: Rows) -> pa.Table:
    messages = block.message.to_pylist()
    kinds: list[str] = []
    texts: list[str] = []
    plans: list[str] = []
    for message, is_plan in zip(messages, block.is_plan.tolist(), strict=True):
        plan = take_apart(message, "") if is_plan else None
        kind, text = ("plan", plan.text) if plan else kind_and_text(message)
        kinds.append(kind)
        texts.append(text)
        plans.append(plan.body if plan else "")
    made = pa.table(
        {
            "time": block.time,
            "session": block.session,
            "kind": pa.array(kinds, pa.string()),
            "duration_ms": pa.array(block.ms, from_pandas=True),
            "statement": pa.array(texts, pa.string()),
            "detail": block.detail,
            "plan": pa.array(plans, pa.string()),
        }
    )
    return made.filter(pa.array([kind != "" for kind in kinds], pa.bool_()))


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self._groups: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._known_size = 0  # characters
        self._sums, self._joiner = Sums(), Joiner()
        self._entries = self._skipped = self._plans = self._joined = 0
        self._parse_ms = self._bind_ms = 0.0
        self._with_plan: dict[int, tuple[int, float, str]] = {}

    def add(self, block: Rows) -> None:
        """Add a block."""
        self._entries += block.entries
        self._skipped += block.skipped
        if not len(block):
            return
        place = np.array([self._place(text) for text in block.texts] + [_NONE], np.int64)
        group = place[block.code]  # a plan's code is -1, the last
        self._parse_ms += float(np.nansum(block.ms[group == _PARSES]))
        self._bind_ms += float(np.nansum(block.ms[group == _BINDS]))
        counted = group >= 0
        self._sums.add(group[counted], block.ms[counted], len(self._groups))
        self._follow(block, group)

    def _place(self, text: str) -> int:
        """Return the group of a message, or what else becomes of it."""
        known = self._known.get(text)
        if known is None:
            self._known_size += len(text)
            if len(self._known) >= _KNOWN or self._known_size > _KNOWN_CHARACTERS:
                self._known.clear()
                self._known_size = len(text)
            kind, statement = kind_and_text(text)
            places = {PARSE: _PARSES, BIND: _BINDS}
            known = self._group(statement) if kind == STATEMENT else places.get(kind, _NONE)
            self._known[text] = known
        return known

    def _group(self, statement: str) -> int:
        return self._groups.setdefault(normalise(statement), len(self._groups))

    def _follow(self, block: Rows, group: npt.NDArray[np.int64]) -> None:
        """Join the plans of a block, and remember the statements whose plan may still come."""
        at = self._to_follow(block)
        columns = [
            column.take(pa.array(at)).to_pylist() for column in (block.session, block.time, block.message, block.detail)
        ]
        numbers = (block.is_plan[at].tolist(), group[at].tolist(), block.ms[at].tolist())
        for session, time, message, detail, is_plan, number_, ms in zip(*columns, *numbers, strict=True):
            if is_plan:
                self._plans += 1
                self._decided(self._joiner.plan(session, take_apart(message, time)))
            elif number_ >= 0:
                texts = askeds(kind_and_text(message)[1], detail)
                ran = Ran(texts, number_, 0.0 if np.isnan(ms) else ms, seconds(time))
                self._decided(self._joiner.statement(session, ran))

    def _to_follow(self, block: Rows) -> npt.NDArray[np.int64]:
        """Return which rows of a block matter to a plan: of it, of one that waits, or of one in the next block."""
        if block.is_plan.any():
            return np.arange(len(block))
        matters = np.zeros(len(block), np.bool_)
        if sessions := self._joiner.waits_for:
            wanted = pc.is_in(block.session, value_set=pa.array(sessions, pa.string()))
            matters |= wanted.to_numpy(zero_copy_only=False)
        matters[-_TAIL:] = True
        return np.flatnonzero(matters)

    def _decided(self, plans: Sequence[Plan]) -> None:
        for plan in plans:
            if plan.group >= 0:
                self._joined += 1
            else:
                plan.group = self._group(plan.text)
                self._sums.add(np.array([plan.group]), np.array([plan.ms]), len(self._groups))
            count, slowest, body = self._with_plan.get(plan.group, (0, -1.0, ""))
            if plan.ms > slowest:
                slowest, body = plan.ms, plan.body
            self._with_plan[plan.group] = (count + 1, slowest, body)

    def result(self, files: tuple[str, ...], broken: int, misfits: int = 0) -> SlowLog:
        """Return what was read, with *broken* files that end in the middle, and *misfits* of the prefix."""
        self._decided(self._joiner.rest())
        sums = self._sums
        groups = [
            Group(
                statement,
                int(sums.calls[at]),
                int(sums.timed[at]),
                round(float(sums.total_ms[at]), 6),
                number(float(sums.total_ms[at] / sums.timed[at])) if sums.timed[at] else None,
                number(p95),
                number(float(sums.max_ms[at])) if sums.timed[at] else None,
                *self._plan_of(at),
            )
            for (statement, at), p95 in zip(self._groups.items(), sums.percentile_ms(0.95).tolist(), strict=True)
        ]
        return SlowLog(
            files,
            self._entries,
            self._skipped + broken,
            int(sums.calls.sum()),
            round(float(sums.total_ms.sum()), 6),
            round(self._parse_ms, 6),
            round(self._bind_ms, 6),
            self._plans,
            self._joined,
            tuple(sorted(groups, key=lambda group: (-group.total_ms, -group.calls, group.statement))),
            misfits,
        )

    def _plan_of(self, group: int) -> tuple[int, str]:
        count, _, body = self._with_plan.get(group, (0, 0.0, ""))
        return count, body
