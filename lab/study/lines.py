"""Where a key of a TOML text stands, so that a message can name its line; tomllib does not tell."""

import re
from collections.abc import Iterator, Sequence

_PART = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEAD = re.compile(rf"\s*\[\[?\s*({_PATH})\s*\]")
_KEY = re.compile(rf"\s*({_PATH})\s*=")


def line_of(text: str, *path: str) -> int:
    """Return the line (from 1) of a key, by the names of its tables and its own; 0 if it cannot be told.

    Where it stands in braces, that of the nearest key or head around it.

    >>> line_of("repeats = 2\\n[grid]\\nusers = [1]\\n[grid.server]\\nwork_mem = [1]", "grid", "server", "work_mem")
    5
    >>> line_of("grid.users = [1]\\nload = {warmup_s = 1}", "load", "warmup_s")
    2
    """
    places = dict(reversed(list(_places(text.splitlines()))))  # the first of several counts
    return next((places[path[:length]] for length in range(len(path), 0, -1) if path[:length] in places), 0)


def _places(lines: Sequence[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the path of every table's head and of every key, with its line."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        if head := _HEAD.match(line):
            table = _parts(head.group(1))
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_parts(key.group(1))), number


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))
