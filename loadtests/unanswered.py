"""Why requests had no answer: counted by kind, beside the records, which have a status and no reason."""

import json
from collections import Counter
from pathlib import Path

from lab.record import raw
from lab.record.files import write_atomically

_KINDS = 20  # that are told apart
_DEEPEST = 12  # clients wrap errors in errors


class Unanswered:
    """Counts the requests without an answer, by what their client raised."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, error: BaseException | None) -> None:
        """Count one request that *error* ended."""
        kind = kind_of(error)
        if kind in self._counts or len(self._counts) < _KINDS:
            self._counts[kind] += 1

    def write(self, folder: Path) -> None:
        """Write the counts beside the records, if there are any."""
        if self._counts:
            write_atomically(folder / raw.UNANSWERED, json.dumps(dict(self._counts)))


def kind_of(error: BaseException | None) -> str:
    """Say in words why there was no answer; the class of the error where there are none for it.

    >>> kind_of(ConnectionError(ConnectionRefusedError(111, "refused"))), kind_of(OSError("gone"))
    ('connection refused', 'OSError')
    """
    found = _chain(error)
    for words, kinds in (
        ("connection refused", (ConnectionRefusedError,)),
        ("connection reset", (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)),
        ("timeout", (TimeoutError,)),
    ):
        if any(isinstance(one, kinds) for one in found):
            return words
    names = [type(one).__name__ for one in found]
    return "timeout" if any("Timeout" in name for name in names) else names[0] if names else "no answer"


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and those that it was made of, the outermost first."""
    found: list[BaseException] = []
    left = [error]
    while left and len(found) < _DEEPEST:
        one = left.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            left += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
