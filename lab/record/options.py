"""A table's storage parameters about autovacuum, and how PostgreSQL reads them.

They are kept as they were written (``pg_class.reloptions``), so ``of`` is off, and 1e3 a thousand.

Source: PostgreSQL's ``reloptions.c``, ``parse_bool`` and ``parse_int``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NUMBER = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]+(?![0-9.eE])|[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*")


@dataclass(frozen=True, slots=True)
class Options:
    """What a table's storage parameters say about autovacuum; None where they say nothing."""

    enabled: bool | None = None
    vacuum_threshold: int | None = None
    vacuum_max_threshold: int | None = None
    vacuum_scale_factor: float | None = None
    vacuum_insert_threshold: int | None = None
    vacuum_insert_scale_factor: float | None = None
    analyze_threshold: int | None = None
    analyze_scale_factor: float | None = None
    freeze_max_age: int | None = None
    multixact_freeze_max_age: int | None = None


def options(parameters: Sequence[str] | None) -> Options | None:
    """Read a table's storage parameters (``pg_class.reloptions``); None if there are none at all.

    >>> options(["autovacuum_vacuum_threshold=100", "autovacuum_enabled=of", "fillfactor=70"]).enabled
    False
    >>> options(["fillfactor=70"]) == Options(), options(None)
    (True, None)
    """
    if not parameters:
        return None
    pairs = dict(text.partition("=")[::2] for text in parameters)
    kinds = {field.name: str(field.type) for field in fields(Options)}
    return Options(
        **{
            name: _value(pairs[f"autovacuum_{name}"], kind)
            for name, kind in kinds.items()
            if f"autovacuum_{name}" in pairs
        }
    )


def _value(text: str, kind: str) -> Any:
    if kind.startswith("bool"):
        return next((value for word, value in _WORDS.items() if _means(text.strip().lower(), word)), None)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[2].lower()
    base = 16 if digits.startswith("0x") else 8 if re.fullmatch("0[0-7]+", digits) else 0
    number = float(int(digits, base) if base and kind.startswith("int") else float(digits)) * (
        -1 if match[1] == "-" else 1
    )
    return round(number) if kind.startswith("int") else number


def _means(text: str, word: str) -> bool:
    """Whether PostgreSQL takes *text* for *word*: any beginning of it that is no other word's (``o`` is both's)."""
    return bool(text) and word.startswith(text) and text != "o"
