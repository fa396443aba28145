"""Small tables of what a demonstration returned, so that a lesson shows no class of the lab's."""

from collections.abc import Mapping

import pandas as pd

from lab.units import format_number


def table(rows: Mapping[str, object], columns: Mapping[str, str]) -> pd.DataFrame:
    """Return a line for each named value: *columns* has the heading of each attribute that is shown.

    >>> table({"left alone": 3 + 4j}, {"real": "counted", "imag": "shown"}).loc["left alone"].tolist()
    ['3', '4']
    """
    lines = {
        name: {heading: told(getattr(value, field)) for field, heading in columns.items()}
        for name, value in rows.items()
    }
    return pd.DataFrame.from_dict(lines, orient="index", dtype=object)


def told(value: object) -> str:
    """Return a value as a table shows it: None is unknown, a truth yes or no.

    >>> [told(value) for value in (None, True, 21, 0.123456, "text", (1, 2))]
    ['unknown', 'yes', '21', '0.123', 'text', '1, 2']
    """
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(told(one) for one in value)
    return format_number(value) if isinstance(value, float) else str(value)
