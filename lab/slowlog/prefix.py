"""``log_line_prefix``: what stands before each message on stderr, given by its setting or recognised.

Given, every escape of PostgreSQL 13 to 18 is understood, with padding, and ``%q``. Recognised means: an entry is a line
that does not begin with a tab and names a severity, followed by a colon and two spaces, as the server writes it under
any prefix. Its time and its process are then looked for in what stands before.
"""

import re
from dataclasses import dataclass

from lab.errors import UsageError

# what a line is: an entry of its own, or more about the entry before it
MAIN = ("DEBUG5", "DEBUG4", "DEBUG3", "DEBUG2", "DEBUG1", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC")
MORE = ("DETAIL", "HINT", "QUERY", "CONTEXT", "LOCATION", "STATEMENT", "BACKTRACE")

_SEVERITY = rf"(?P<severity>{'|'.join(MAIN + MORE)}):  (?:[0-9A-Z]{{5}}: )?"
_STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_ZONE = r"(?:[A-Za-z]+|[+-]\d{2,4}(?::\d\d)?)"  # as the abbreviation that log_timezone has at the time
_ESCAPES = {
    "a": r".*?",
    "u": r".*?",
    "d": r".*?",
    "r": r"\S*?",
    "h": r"\S*?",
    "L": r"\S*?",
    "b": r"[a-z ]*?",
    "p": r"(?P<pid>\d+)",
    "P": r"\d*",
    "t": rf"(?P<time>{_STAMP} {_ZONE})",
    "m": rf"(?P<time>{_STAMP}\.\d+ {_ZONE})",
    "n": r"(?P<time>\d+\.\d+)",
    "i": r".*?",
    "e": r"[0-9A-Z]{5}",
    "c": r"(?P<session>[0-9a-f]+\.[0-9a-f]+)",
    "l": r"\d+",
    "s": rf"{_STAMP} {_ZONE}",
    "v": r"[\d/-]*",
    "x": r"\d+",
    "Q": r"-?\d+",
}
_PART = re.compile(r"%(?:(?P<padding>-?\d+)?(?P<escape>[a-zA-Z])|%)|(?P<text>[^%]+|%)")

_ANY = re.compile(_SEVERITY)
_TIME = re.compile(rf"{_STAMP}(?:\.\d+)?(?: {_ZONE})?|\b\d{{10}}\.\d{{3}}\b")
_SESSIONS = tuple(  # the surest first
    re.compile(pattern)
    for pattern in (
        r"\b([0-9a-f]{8}\.[0-9a-f]{1,8})\b",
        r"\[(\d+)\]",
        r"\bpid[=: ]*(\d+)",
        r"(?<![\d:.\-/])\b(\d{2,8})\b(?![\d:.\-/])",
    )
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What the first line of an entry says; *rest* is where its message begins in the line."""

    severity: str
    time: str
    session: str
    rest: int


class Prefix:
    """Takes the first line of an entry apart."""

    def __init__(self, setting: str = "") -> None:
        """Take the setting as the server has it; empty to recognise any.

        :raises UsageError: if it has an escape that no version knows.
        """
        self._given = compiled(setting) if setting.strip() else None
        self.misfits = 0  # entries so far which the setting does not fit; they are recognised

    def match(self, line: str) -> Begun | None:
        """Return what a line begins with; None if no entry begins there."""
        if self._given and (found := self._given.match(line)):
            parts = found.groupdict()
            return Begun(parts["severity"], parts.get("time") or "", _who(parts), found.end())
        found = _ANY.search(line)
        if found is None:
            return None
        self.misfits += self._given is not None and found["severity"] in MAIN
        before = line[: found.start()]
        time = _TIME.search(before)
        session = next((who[1] for one in _SESSIONS if (who := one.search(_TIME.sub("", before)))), "")
        return Begun(found["severity"], time.group() if time else "", session, found.end())


def compiled(setting: str) -> re.Pattern[str]:
    """Return what matches the beginning of an entry's first line under a ``log_line_prefix``.

    :raises UsageError: if it has an escape that no version knows.

    >>> compiled("%m [%p] %q%u@%d ").match("2026-11-23 10:00:00.123 UTC [42] me@lab LOG:  ready")["pid"]
    '42'
    """
    out, known, ends = "", set[str](), ""
    for part in _PART.finditer(setting):
        escape = part["escape"]
        if escape == "q":
            out, ends = out + "(?:", ends + ")?"
        elif escape:
            out += _padded(_once(escape, known), part["padding"])
        else:
            out += re.escape(part["text"] or "%")
    return re.compile(rf"^{out}{ends}\s*{_SEVERITY}")


def _once(escape: str, known: set[str]) -> str:
    """Return an escape's pattern; a name stands only the first time, since a pattern may have it once."""
    if escape not in _ESCAPES:
        raise UsageError(
            f"log_line_prefix has %{escape}, which no version knows; give it as SHOW log_line_prefix has it"
        )
    pattern = _ESCAPES[escape]
    name = re.search(r"\?P<(\w+)>", pattern)
    if name and name.group(1) in known:
        return pattern.replace(name.group(), "?:")
    known |= {name.group(1)} if name else set()
    return pattern


def _padded(pattern: str, padding: str | None) -> str:
    return pattern if not padding else rf" *{pattern} *"


def _who(parts: dict[str, str | None]) -> str:
    return parts.get("session") or parts.get("pid") or ""
