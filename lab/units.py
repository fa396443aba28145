"""Durations and sizes: read as people write them, written as people read them.

Inside the lab a number carries its unit in its name (``_ms``, ``_s``, ``_bytes``, ``_per_s``). Durations come
from the monotonic clock, which all processes of one machine share; wall time is used only to stamp, in UTC.
"""

import re
import time
from datetime import UTC, datetime

from lab.errors import UsageError

_SIZES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
_TIMES_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def _parse(text: str, table: dict[str, float], bare: str, kind: str) -> float:
    match = _NUMBER.fullmatch(text)
    unit = (match.group(2).lower() or bare) if match else ""
    if match is None or unit not in table:
        raise UsageError(f"{text!r} is no {kind}; write a number and one of {', '.join(table)}")
    return float(match.group(1)) * table[unit]


def parse_bytes(text: str) -> int:
    """Read a size in bytes; a bare number is bytes.

    :raises UsageError: if the text is no size.

    >>> parse_bytes("128MB")
    134217728
    """
    return round(_parse(text, {key: float(value) for key, value in _SIZES.items()}, "b", "size"))


def parse_seconds(text: str) -> float:
    """Read a duration in seconds; a bare number is seconds.

    :raises UsageError: if the text is no duration.

    >>> parse_seconds("250 ms"), parse_seconds("5")
    (0.25, 5.0)
    """
    return _parse(text, _TIMES_S, "s", "duration")


def format_bytes(size_bytes: float) -> str:
    """Write a size for people, in powers of 1024.

    >>> format_bytes(134217728), format_bytes(512)
    ('128 MB', '512 B')
    """
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    return f"{format_number(value)} {unit}"


def format_number(value: float | None) -> str:
    """Write a number with three significant digits, and thousands apart; a dash where there is none.

    >>> [format_number(v) for v in (0.01234, 1.5, 12.0, 345.6, 12345.6, None)]
    ['0.0123', '1.5', '12', '346', '12,346', '–']
    """
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def format_ratio(value: float | None) -> str:
    """Write a ratio with three digits, or as many as it takes not to call it 1 when it is not.

    >>> [format_ratio(v) for v in (4.2391, 0.8712, 1.004, 0.99962, 1.0, None)]
    ['4.24', '0.871', '1.004', '0.9996', '1', '–']
    """
    if value is None:
        return "–"
    digits = 3
    while value != 1 and float(f"{value:.{digits}g}") == 1 and digits < 9:
        digits += 1
    return f"{value:.{digits}g}"


def format_ms(value_ms: float | None) -> str:
    """Write a duration given in milliseconds.

    >>> format_ms(0.5), format_ms(2345.6), format_ms(None)
    ('0.5 ms', '2.35 s', '–')
    """
    if value_ms is None:
        return "–"
    return f"{format_number(value_ms / 1000)} s" if value_ms >= 1000 else f"{format_number(value_ms)} ms"


def monotonic_us() -> int:
    """Return the clock that every process of this machine shares, in microseconds."""
    return time.monotonic_ns() // 1000


def utc_now() -> datetime:
    """Return the wall clock, for stamps only."""
    return datetime.now(UTC)
