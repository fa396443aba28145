"""The folder of an experiment: ``experiment.json`` beside one run folder for each run.

The file says ``running`` until every run of the question is complete, and is replaced by renaming. Format history: 1 —
first.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.errors import IncompleteRunError, RecordError
from lab.record import run as record
from lab.record.files import write_atomically

FORMAT = 1
FILE = "experiment.json"
_KEYS = ("state", "variants", "load", "pairs", "seed", "runs", "experiment")


def write(folder: Path, state: str, question: Mapping[str, Any]) -> None:
    """Write what is asked, and how far its runs are: ``running`` or ``complete``."""
    values = {"format": FORMAT, "experiment": folder.name, "state": state, **question}
    write_atomically(folder / FILE, json.dumps(values, indent=1) + "\n")


def read_complete(folder: Path) -> dict[str, Any]:
    """Return what was asked, if all of its runs were made.

    :raises IncompleteRunError: if it was cut short, saying how far it came.
    :raises RecordError: if the folder holds no experiment, or is damaged.
    """
    question = _read(folder)
    if question["state"] != "complete":
        raise IncompleteRunError(
            f"experiment {folder.name} is not complete ({_how_far(folder, question['runs'])}); "
            "it is kept and not analysed: give its command again"
        )
    return question


def _read(folder: Path) -> dict[str, Any]:
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if values["format"] > FORMAT:
            raise RecordError(
                f"{folder.name} has format {values['format']}; this version reads up to {FORMAT}: update the lab"
            )
        return {key: values[key] for key in _KEYS}
    except FileNotFoundError:
        raise RecordError(f"{folder} is no experiment: it holds no {FILE}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{folder / FILE} cannot be read ({error!r}); the experiment is lost, make it again"
        ) from None


def _how_far(folder: Path, names: Sequence[str]) -> str:
    """Say in words what became of each run."""
    complete, others = 0, []
    for name in names:
        if not (folder / name).exists():
            continue
        try:
            manifest = record.read_manifest(folder / name)
        except RecordError:
            others.append(f"{name} has no manifest")
            continue
        complete += manifest.state == "complete"
        if manifest.state != "complete":
            others.append(f"{name} {manifest.state}: {manifest.reason or 'cut short'}")
    return "; ".join([f"{complete} of {len(names)} runs complete", *others])


def find(home: Path, name: str) -> Path:
    """Return the folder of an experiment or run: a path, a name under the home's runs, or ``last``.

    :raises RecordError: if there is none.
    """
    runs = home / "runs"
    if name == "last":
        signs = (FILE, record.MANIFEST)  # an experiment, or a run that belongs to none
        folders = sorted(folder for folder in runs.glob("*") if any((folder / sign).exists() for sign in signs))
        if not folders:
            raise RecordError(f"there is no experiment in {runs} yet; make one: lab compare null queue")
        return folders[-1]
    for folder in (Path(name), runs / name):
        if (folder / FILE).exists() or (folder / record.MANIFEST).exists():
            return folder.absolute()
    raise RecordError(
        f"{name!r} is no experiment or run, neither as a path nor in {runs}; lab show last shows the newest"
    )


def is_experiment(folder: Path) -> bool:
    """Whether *folder* holds an experiment, and not a single run."""
    return (folder / FILE).exists()


def newest_run(home: Path, kind: str) -> Path | None:
    """Return the newest complete run whose pool is of *kind* and whose app told what its pool did; None without any."""
    for folder in sorted((home / "runs").glob("*/*/"), reverse=True):
        try:
            manifest = record.read_manifest(folder)
        except RecordError:
            continue
        meters = [worker.get("meter") or {} for worker in manifest.pool_counters.get("workers", [])]
        told = any(meter.get("checkouts") for meter in meters)
        if manifest.state == "complete" and manifest.pool.get("kind") == kind and told:
            return folder
    return None
