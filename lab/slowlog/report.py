"""What a log says, statement by statement."""

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Group:
    """All executions of one statement.

    *mean_ms*, *p95_ms* and *max_ms* are of the executions whose duration is known (*timed*), None if there is none.
    *plan* is that of the slowest execution among those with one; *plans* says how many have one.
    """

    statement: str  # normalised; empty for durations that were logged without their statement
    calls: int
    timed: int
    total_ms: float
    mean_ms: float | None
    p95_ms: float | None  # within 0.5 % of the exact one
    max_ms: float | None
    plans: int = 0
    plan: str = ""


@dataclass(frozen=True, slots=True)
class SlowLog:
    """The statements of a log, and what else is to be known of it.

    *duration_ms* is the sum of the statements' durations, as pgBadger's ``execute``; parsing and binding are apart.
    *joined* counts the plans that belong to an entry counted already: pgBadger's number of queries is
    ``statements + joined``. *skipped* counts entries, or pieces of them, that could not be read;
    *misfits* the entries of stderr that a given prefix does not fit, and that were read by recognising theirs.
    """

    files: tuple[str, ...]
    entries: int
    skipped: int
    statements: int
    duration_ms: float
    parse_ms: float
    bind_ms: float
    plans: int
    joined: int
    groups: tuple[Group, ...]  # by total duration, the longest first
    misfits: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as a document of plain values."""
        return asdict(self) | {"groups": [asdict(group) for group in self.groups]}

    def frame(self) -> Any:
        """Return the groups as a table (pandas), without the plans themselves."""
        import pandas as pd

        return pd.DataFrame([asdict(group) for group in self.groups], columns=list(Group.__slots__)).drop(
            columns="plan"
        )


def number(value: float) -> float | None:
    """Return a duration to a nanosecond; None where there is none."""
    return None if math.isnan(value) else round(value, 6)
