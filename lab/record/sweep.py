"""The folder of a sweep: ``sweep.json`` beside one run folder for each run.

The file is written once, before the first run, and says which run belongs to which cell. How far the sweep has come is
read from the runs themselves, so there is no second truth that a ``kill -9`` could leave behind. A run that was cut
short is moved aside, as ``cut-N-NAME``, and made again. Format history: 1 — first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import RecordError
from lab.record import run as record
from lab.record.files import write_atomically

FORMAT = 1
FILE = "sweep.json"


@dataclass(frozen=True, slots=True)
class Planned:
    """One run of a sweep: its number (from 1), its folder, its cell, and which repeat of it."""

    number: int
    folder: str
    cell: str
    repeat: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep's file says."""

    folder: Path
    experiment: str  # the question's name
    question_hash: str
    machine_hash: str
    values: Mapping[str, Any]  # the question as it was asked
    cells: Sequence[Mapping[str, Any]]  # id, parameters
    runs: tuple[Planned, ...]  # in the order in which they are made
    repeats: int
    text: str = ""  # of the file, as it was when the sweep began

    def done(self) -> dict[str, list[Path]]:
        """Return the folders of the complete runs of each cell, by its id."""
        found: dict[str, list[Path]] = {str(cell["id"]): [] for cell in self.cells}
        for planned in self.runs:
            if _is_complete(self.folder / planned.folder):
                found[planned.cell].append(self.folder / planned.folder)
        return found

    def left(self) -> list[Planned]:
        """Return the runs that are still to be made."""
        return [planned for planned in self.runs if not _is_complete(self.folder / planned.folder)]

    def as_dict(self) -> dict[str, Any]:
        """Return how far it has come, for JSON."""
        done = self.done()
        return {
            "experiment": self.experiment,
            "folder": str(self.folder),
            "cells": [
                {
                    "id": cell["id"],
                    "parameters": dict(cell["parameters"]),
                    "repeats_wanted": self.repeats,
                    "repeats_done": len(done[str(cell["id"])]),
                }
                for cell in self.cells
            ],
        }


def _is_complete(folder: Path) -> bool:
    try:
        return record.read_manifest(folder).state == "complete"
    except RecordError:
        return False


def begin(sweep: Sweep) -> Sweep:
    """Make the folder and write its file.

    :raises OSError: if that cannot be done.
    """
    sweep.folder.mkdir(parents=True)
    values = {
        "format": FORMAT,
        "experiment": sweep.experiment,
        "question_hash": sweep.question_hash,
        "machine_hash": sweep.machine_hash,
        "question": dict(sweep.values),
        "cells": [dict(cell) for cell in sweep.cells],
        "runs": [asdict(planned) for planned in sweep.runs],
        "repeats": sweep.repeats,
        "text": sweep.text,
    }
    write_atomically(sweep.folder / FILE, json.dumps(values, indent=1) + "\n")
    return sweep


def read(folder: Path) -> Sweep:
    """Read a sweep.

    :raises RecordError: if the folder holds none, or its file is damaged.
    """
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if values["format"] > FORMAT:
            raise RecordError(
                f"{folder.name} has format {values['format']}; this version reads up to {FORMAT}: update the lab"
            )
        return Sweep(
            folder, values["experiment"], values["question_hash"], values["machine_hash"], values["question"],
            values["cells"], tuple(Planned(**planned) for planned in values["runs"]), values["repeats"],
            str(values.get("text", "")),
        )  # fmt: skip
    except FileNotFoundError:
        raise RecordError(f"{folder} is no sweep: it holds no {FILE}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{folder / FILE} cannot be read ({error!r}); make the sweep again") from None


def set_aside(folder: Path) -> None:
    """Move what a run left that was cut short out of the way of the next."""
    if not folder.exists():
        return
    number = 1
    while (moved := folder.with_name(f"cut-{number}-{folder.name}")).exists():
        number += 1
    folder.rename(moved)


def of_question(shelf: Path, name: str) -> tuple[list[Sweep], list[str]]:
    """Return the sweeps of a question's name, the newest last, and why others that are called so cannot be read."""
    found, damaged = [], []
    for folder in sorted(shelf.glob("*/")):
        try:
            sweep = read(folder)
        except RecordError as error:
            if _question_of(folder.name) == name:
                damaged.append(str(error))
            continue
        if sweep.experiment == name:
            found.append(sweep)
    return found, damaged


def _question_of(folder: str) -> str:
    """Return the question's name out of a sweep's folder: DATE-TIME-NAME-TOKEN.

    >>> _question_of("20260101-120000-pool-size-3f2a")
    'pool-size'
    """
    return "-".join(folder.split("-")[2:-1])


def forget_unbegun(shelf: Path) -> None:
    """Remove folders that were made and got no file: the command was killed between the two."""
    for folder in shelf.glob("*/"):
        names = {file.name for file in folder.iterdir()}
        if names <= {f"{FILE}.part"}:
            for name in names:
                (folder / name).unlink()
            folder.rmdir()
