"""The runs of one variant of a recorded experiment, sweep or calibration, for a comparison with another session."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.analyse.measured import measure
from lab.analyse.summary import RunSummary, summarise_run
from lab.errors import RecordError, UsageError
from lab.record import places
from lab.record import sweep as sweeps
from lab.record.run import Run, open_run


def summaries(
    home: Path, name: str, variant: str = "", note: Callable[[str], object] = lambda _: None
) -> tuple[str, list[RunSummary]]:
    """Return the variant's name and its complete runs.

    :param note: is told in one line what was left out.
    :raises UsageError: if there are several variants and none is named, or there is none of this name.
    :raises RecordError: if there is no complete run.
    """
    folder = places.find(home, name)
    by_variant: dict[str, list[Run]] = {}
    for each in sorted(folder.glob("run-*/")):
        try:
            run = open_run(each)
        except RecordError as error:
            note(f"left out of {folder.name}: {error}")
            continue
        by_variant.setdefault(run.manifest.variant, []).append(run)
    if not by_variant:
        raise RecordError(f"{folder.name} has no complete run; name an experiment that was completed")
    if not variant and len(by_variant) > 1:
        raise UsageError(f"{folder.name} has several variants; name one: --variant {_named(folder, by_variant)}")
    chosen = variant or next(iter(by_variant))
    if chosen not in by_variant:
        raise UsageError(f"{folder.name} has no variant {chosen!r}; there are {_named(folder, by_variant)}")
    return chosen, [summarise_run(run, measure(run)) for run in by_variant[chosen]]


def _named(folder: Path, names: Iterable[str]) -> str:
    """Return the names of variants in order; those of a sweep's cells with their parameters."""
    if not (folder / sweeps.FILE).exists():
        return " or ".join(sorted(names))
    cells = {str(cell["id"]): cell["parameters"] for cell in sweeps.read(folder).cells}
    said = ((name, ", ".join(f"{key} {value}" for key, value in cells.get(name, {}).items())) for name in names)
    return "; ".join(f"{name} ({parameters})" if parameters else name for name, parameters in sorted(said, key=_order))


def _order(named: tuple[str, str]) -> list[tuple[int, str]]:
    """Return what sorts *size 2* before *size 10*."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", named[1] or named[0])]
