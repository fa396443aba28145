"""Files of a log, read block by block into sums for each statement."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.errors import UsageError
from lab.slowlog import csvlog, jsonlog, sources, stderr
from lab.slowlog.entries import Entries
from lab.slowlog.groups import Sums
from lab.slowlog.messages import BIND, PARSE, STATEMENT, Rows, kind_and_text, rows
from lab.slowlog.plans import Joiner, Plan, Ran, seconds, take_apart
from lab.slowlog.prefix import Prefix
from lab.slowlog.report import Group, SlowLog, number
from lab.slowlog.sources import CSV, JSON, STDERR, Source
from lab.sql.normal import normalise

FORMS = (CSV, JSON, STDERR)
_WORKERS = 2
_AHEAD = 4  # blocks in memory
_KNOWN = 20_000  # texts whose group is remembered; the groups themselves are always
_TAIL = 256  # statements at a block's end, whose plan may be in the next block
_PARSES, _BINDS, _NONE = -2, -3, -1

Work = Callable[[], Rows]


def read(files: Sequence[str | Path], prefix: str = "", form: str = "") -> SlowLog:
    """Read a log.

    :param files: its files in any order, packed by gzip or zstd or not; ``-`` is standard input.
    :param prefix: ``log_line_prefix`` of a log from stderr; recognised if it is not given.
    :param form: ``csv``, ``json`` or ``stderr``; each file's own if it is not given.
    :raises LogError: if a file cannot be read.
    :raises UsageError: if the prefix or the form is none.
    """
    reading = _Reading()
    found = _found(files, form)
    for block in _blocks(found, Prefix(prefix), form):
        reading.add(block)
    broken = sum(source.broken for source in found)
    return reading.result(tuple(source.name for source in found), broken)


def statements(files: Sequence[str | Path], prefix: str = "", form: str = "") -> Iterator[pa.Table]:
    """Yield the statements of a log one by one, as tables in the order of the log.

    Columns: time, session, kind (``statement``, ``parse``, ``bind``, ``plan``), duration_ms, statement (as it was
    sent), detail (the parameters), plan. Nothing is joined here. Parameters and errors as for :func:`read`.
    """
    for block in _blocks(_found(files, form), Prefix(prefix), form):
        yield _table(block)


def _found(files: Sequence[str | Path], form: str) -> list[Source]:
    if form and form not in FORMS:
        raise UsageError(f"{form!r} is no form of a log; there are {', '.join(FORMS)}")
    return sources.find(files)


def _blocks(found: Sequence[Source], prefix: Prefix, form: str) -> Iterator[Rows]:
    """Read ahead in threads, and yield the blocks in their order."""
    under_way: deque[Future[Rows]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for source in found:
            for work in _works(source, prefix, form):
                under_way.append(pool.submit(work))
                if len(under_way) >= _AHEAD:
                    yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _works(source: Source, prefix: Prefix, form: str) -> Iterator[Work]:
    kind = form or source.form
    if kind == STDERR:
        for entries in stderr.blocks(source.chunks(), prefix):
            yield partial(rows, entries)
        return
    parse: Callable[[bytes], Entries] = jsonlog.parse
    if kind == CSV:
        parse = partial(csvlog.parse, columns=csvlog.columns_of(source.head))
    for data in (csvlog if kind == CSV else jsonlog).blocks(source.chunks()):
        yield partial(_parsed, parse, data)


def _parsed(parse: Callable[[bytes], Entries], data: bytes) -> Rows:
    return rows(parse(data))


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
            if len(self._known) >= _KNOWN:
                self._known.clear()
            kind, statement = kind_and_text(text)
            places = {PARSE: _PARSES, BIND: _BINDS}
            known = self._group(statement) if kind == STATEMENT else places.get(kind, _NONE)
            self._known[text] = known
        return known

    def _group(self, statement: str) -> int:
        return self._groups.setdefault(normalise(statement), len(self._groups))

    def _follow(self, block: Rows, group: npt.NDArray[np.int64]) -> None:
        """Join the plans of a block, and remember the statements whose plan may still come."""
        first = 0 if self._joiner.waits or block.is_plan.any() else max(0, len(block) - _TAIL)
        columns = [column[first:].to_pylist() for column in (block.session, block.time, block.message)]
        numbers = (block.is_plan[first:].tolist(), group[first:].tolist(), block.ms[first:].tolist())
        for session, time, message, is_plan, number_, ms in zip(*columns, *numbers, strict=True):
            if is_plan:
                self._plans += 1
                self._decided(self._joiner.plan(session, take_apart(message, time)))
            elif number_ >= 0:
                ran = Ran(kind_and_text(message)[1], number_, 0.0 if np.isnan(ms) else ms, seconds(time))
                self._decided(self._joiner.statement(session, ran))

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

    def result(self, files: tuple[str, ...], broken: int) -> SlowLog:
        """Return what was read, with *broken* files that end in the middle."""
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
        )

    def _plan_of(self, group: int) -> tuple[int, str]:
        count, _, body = self._with_plan.get(group, (0, 0.0, ""))
        return count, body
