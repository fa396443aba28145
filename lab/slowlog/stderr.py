"""stderr: an entry begins with ``log_line_prefix`` and a severity; its further lines begin with a tab."""

from collections.abc import Iterable, Iterator

from lab.slowlog.entries import Entries, Row, clean, from_rows
from lab.slowlog.prefix import MORE, Begun, Prefix

_ENTRIES = 20_000  # in a block
# messages of other kinds are not kept, since nothing of them is asked for
_KEPT = ("duration: ", "statement: ", "execute ")


def blocks(chunks: Iterable[bytes], prefix: Prefix) -> Iterator[Entries]:
    """Yield the entries of a file, some thousand at a time; a line that belongs to none is counted as skipped."""
    rows: list[Row] = []
    skipped = 0
    entry: _Entry | None = None
    for line in _lines(chunks):
        begun = None if line.startswith("\t") else prefix.match(line)
        if begun and begun.severity in MORE:
            skipped += entry is None or not entry.more(begun, line)
        elif begun:
            rows += entry.row() if entry else []
            entry = _Entry(begun, line)
        elif entry and (line.startswith("\t") or not line):
            entry.line(line)
        else:
            skipped += bool(line.strip())
        if len(rows) >= _ENTRIES:
            yield from_rows(rows, skipped)
            rows, skipped = [], 0
    rows += entry.row() if entry else []
    yield from_rows(rows, skipped)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    data = b""
    for chunk in chunks:
        data += chunk
        cut = data.rfind(b"\n") + 1
        if cut:
            yield from _text(data[: cut - 1])
            data = data[cut:]
    if data:
        yield from _text(data)


def _text(data: bytes) -> list[str]:
    return clean(data).decode().replace("\r\n", "\n").split("\n")


class _Entry:
    """An entry while its lines are read."""

    def __init__(self, begun: Begun, line: str) -> None:
        self._begun = begun
        self._message, self._detail = [line[begun.rest :]], list[str]()
        self._last = self._message

    def more(self, begun: Begun, line: str) -> bool:
        """Take a line of DETAIL, CONTEXT and so on; it begins with the prefix again. Tell whether it belongs here."""
        if begun.session != self._begun.session:
            return False
        self._last = self._detail if begun.severity == "DETAIL" else []
        self._last.append(line[begun.rest :])
        return True

    def line(self, line: str) -> None:
        """Take a further line of what was taken last."""
        self._last.append(line[1:])

    def row(self) -> list[Row]:
        """Return the entry, as a list of one."""
        begun, message = self._begun, "\n".join(self._message)
        if not message.startswith(_KEPT):
            message = ""
        return [(begun.time, begun.session, begun.severity, message, "\n".join(self._detail))]
