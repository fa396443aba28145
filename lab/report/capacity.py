"""The report of a search for capacity, from what the search wrote down."""

import json
from pathlib import Path
from typing import Any

from lab.chart import plain
from lab.chart.comparison import png
from lab.errors import RecordError
from lab.record.places import CAPACITY
from lab.record.run import open_run
from lab.report import Picture, Report, Sheet, repeat
from lab.report.parts import environment


def report(folder: Path) -> Report:
    """Return it.

    :raises RecordError: if the file is damaged, or a run is missing.
    """
    try:
        found: dict[str, Any] = json.loads((folder / CAPACITY).read_text(encoding="utf-8"))
        tried = sorted(found["runs"], key=lambda one: float(one["rate_per_s"]))
        answer, said = _said(found)
        names, run = list(tried[0]["seen"]), folder / tried[0]["run"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RecordError(f"{folder / CAPACITY} cannot be read ({error!r}); make the search again") from None
    first = open_run(run).manifest
    return Report(
        title=said,
        subtitle=f"open load, {len(tried)} runs, each on fresh processes of the app",
        findings=(
            f"{said}.",
            f"Limited by {found['limited_by']}: {found['evidence']}.",
            *(f"Without the runs in doubt: {reason}." for reason in found["left_out"]),
        ),
        warnings=tuple(f"Nothing of this may be quoted: {reason}" for reason in found["reasons"]),
        pictures=(_picture(tried, found, answer, said),),
        sheets=(
            Sheet(
                "The rates that were tried",
                ("per second", "objective", *map(_head, names)),
                tuple(_row(one, names) for one in tried),
            ),
        ),
        environment=environment(first.environment),
        repeat=repeat.capacity(found, first).commands,
        folder=folder.name,
    )


def _said(found: dict[str, Any]) -> tuple[float | None, str]:
    rate, low, high = (found[key] for key in ("rate_per_s", "low", "high"))
    if rate is None or low is None or high is None:
        known = f", at least {low:,.0f} per second" if low else ""
        return None, f"No answer{known}: {found['limited_by']}"
    answer = f"{rate:,.0f} requests per second meet {found['objective']} (95 % interval {low:,.0f} to {high:,.0f})"
    return rate, answer if found["valid"] else f"Not to be quoted: {answer}"


def _head(name: str) -> str:
    return f"{name}, {'%' if name == 'failed' else 'ms'}"


def _row(one: dict[str, Any], names: list[str]) -> tuple[str, ...]:
    values = ("–" if one["seen"][name] is None else f"{one['seen'][name]:,.1f}" for name in names)
    return (f"{one['rate_per_s']:,.0f}", _verdict(one), *values)


def _verdict(one: dict[str, Any]) -> str:
    return ("met" if one["met"] else "missed") + ("" if one["believed"] else ", in doubt")


def _picture(tried: list[dict[str, Any]], found: dict[str, Any], answer: float | None, said: str) -> Picture:
    rows = [
        plain.Row(verdict, [one["rate_per_s"] for one in tried if _verdict(one) == verdict])
        for verdict in ("met", "met, in doubt", "missed", "missed, in doubt")
    ]
    words = plain.Words(
        said, f"{len(tried)} runs, a dot each", "requests per second that were sent",
        limits={"capacity": answer} if answer else {},
    )  # fmt: skip
    return Picture(png(plain.strip([row for row in rows if row.values], words)), said)
