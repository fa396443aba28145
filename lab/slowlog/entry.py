"""The entries of a log one by one, whatever they are about, and the work that reads a file of any form."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lab.errors import UsageError
from lab.slowlog import csvlog, jsonlog, sources, stderr
from lab.slowlog.block import Entries
from lab.slowlog.prefix import Prefix
from lab.slowlog.sources import CSV, JSON, STDERR, Source

FORMS = (CSV, JSON, STDERR)

Work = Callable[[], Entries]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a server said, and which of its processes when; *time* is as the log has it, with its zone."""

    time: str
    pid: int | None  # None: the log does not say
    severity: str
    message: str


def entries(
    files: Sequence[str | Path], prefix: str = "", form: str = "", begins: Sequence[str] = ("",)
) -> Iterator[Entry]:
    """Yield the entries of a log in its order; what cannot be read is passed over.

    :param files: its files in any order, packed by gzip or zstd or not; ``-`` is standard input.
    :param prefix: ``log_line_prefix`` of a log from stderr; recognised if it is not given.
    :param form: ``csv``, ``json`` or ``stderr``; each file's own if it is not given.
    :param begins: only messages that begin with one of these; without it, all.
    :raises LogError: if a file cannot be read.
    :raises UsageError: if the prefix or the form is none.
    """
    known = Prefix(prefix)
    for source in find(files, form):
        for work in works(source, known, form, begins):
            yield from _each(work(), begins)


def find(files: Sequence[str | Path], form: str) -> list[Source]:
    """Open the files of a log. Parameters and errors as for :func:`entries`."""
    if form and form not in FORMS:
        raise UsageError(f"{form!r} is no form of a log; there are {', '.join(FORMS)}")
    return sources.find(files)


def works(source: Source, prefix: Prefix, form: str, kept: Sequence[str]) -> Iterator[Work]:
    """Yield the work on each block of a file: it returns the block's entries, and can be done in any thread.

    :param kept: how the messages begin that are asked for; others may come without their text.
    """
    kind = form or source.form
    if kind == STDERR:
        for block in stderr.blocks(source.chunks(), prefix, tuple(kept)):
            yield partial(_same, block)
        return
    parse: Callable[[bytes], Entries] = jsonlog.parse
    if kind == CSV:
        parse = partial(csvlog.parse, columns=csvlog.columns_of(source.head))
    for data in (csvlog if kind == CSV else jsonlog).blocks(source.chunks()):
        yield partial(parse, data)


def _same(block: Entries) -> Entries:
    return block


def _each(block: Entries, begins: Sequence[str]) -> Iterator[Entry]:
    wanted = pa.array([False] * len(block), pa.bool_())
    for beginning in begins:
        wanted = pc.or_(wanted, pc.starts_with(block.message, beginning))
    columns = (block.time, block.session, block.severity.cast(pa.string()), block.message)
    for time, session, severity, message in zip(*(one.filter(wanted).to_pylist() for one in columns), strict=True):
        yield Entry(time, _pid(session), severity, message)


def _pid(session: str) -> int | None:
    """Return the process of a session id, which has it as a hexadecimal number after the moment of its start."""
    start, dot, process = session.partition(".")
    try:
        return int(process, 16) if dot else int(start)
    except ValueError:
        return None
