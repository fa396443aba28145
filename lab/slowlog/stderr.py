"""stderr: an entry begins with ``log_line_prefix`` and a severity; its further lines begin with a tab."""

from collections.abc import Iterable, Iterator

from lab.slowlog.block import MOST_BYTES, Entries, Row, clean, from_rows, whole_lines
from lab.slowlog.prefix import MORE, Begun, Prefix

_ENTRIES, _CHARACTERS = 20_000, 4 * 1024 * 1024  # in a block

_CUT = "\0"  # at the end of a line that was too long; a log has no such character


def blocks(chunks: Iterable[bytes], prefix: Prefix, kept: tuple[str, ...] = ("",)) -> Iterator[Entries]:
    """Yield the entries of a file, some thousand at a time; a line that belongs to none is counted as skipped.

    So is a last line without its newline: it may have been cut off, which nothing in it would tell.

    :param kept: how the messages begin whose text is kept; of others, of which nothing is asked, only the rest is.
    """
    rows: list[Row] = []
    skipped = size = 0
    entry: _Entry | None = None
    ended = [True]
    for line in _lines(chunks, ended):
        stray = False
        begun = None if line.startswith("\t") else prefix.match(line)
        if begun and begun.severity in MORE:
            stray = entry is None or not entry.more(begun, line)
        elif begun:
            if entry:
                rows += entry.row(kept)
                skipped += entry.is_cut
                size += entry.size
            entry = _Entry(begun, line)
        elif entry and (line.startswith("\t") or not line):
            entry.line(line)
        else:
            stray = bool(line.strip())
        skipped += stray
        if len(rows) >= _ENTRIES or size >= _CHARACTERS:
            yield from_rows(rows, skipped)
            rows, skipped, size = [], 0, 0
    if entry:
        rows += entry.row(kept)
        skipped += entry.is_cut or (not ended[0] and not stray)
    yield from_rows(rows, skipped)


def _lines(chunks: Iterable[bytes], ended: list[bool]) -> Iterator[str]:
    """Yield the lines; *ended* becomes whether the last one so far has its newline."""
    for data, is_cut in whole_lines(chunks):
        ended[0] = data.endswith(b"\n")
        lines = _text(data)
        yield from lines[:-1] if is_cut else lines
        if is_cut:
            yield lines[-1] + _CUT


def _text(data: bytes) -> list[str]:
    return clean(data).decode().replace("\r\n", "\n").removesuffix("\n").split("\n")


class _Entry:
    """An entry while its lines are read."""

    def __init__(self, begun: Begun, line: str) -> None:
        self._begun = begun
        self._message, self._detail = list[str](), list[str]()
        self._last = self._message
        self.size = 0  # characters
        self._take(line[begun.rest :])

    @property
    def is_cut(self) -> bool:
        """Whether it is longer than an entry may be; it has no row then."""
        return self.size >= MOST_BYTES

    def more(self, begun: Begun, line: str) -> bool:
        """Take a line of DETAIL, CONTEXT and so on; it begins with the prefix again. Tell whether it belongs here."""
        if begun.session != self._begun.session:
            return False
        self._last = self._detail if begun.severity == "DETAIL" else []
        self._take(line[begun.rest :])
        return True

    def line(self, line: str) -> None:
        """Take a further line of what was taken last."""
        self._take(line[1:])

    def _take(self, text: str) -> None:
        self.size += MOST_BYTES if text.endswith(_CUT) else len(text) + 1
        if self.is_cut:
            self._message.clear()
            self._detail.clear()
        else:
            self._last.append(text)

    def row(self, kept: tuple[str, ...]) -> list[Row]:
        """Return the entry, as a list of one; of none if it is too long."""
        if self.is_cut:
            return []
        begun, message = self._begun, "\n".join(self._message)
        if not message.startswith(kept):
            message = ""
        return [(begun.time, begun.session, begun.severity, message, "\n".join(self._detail))]
