"""Where what was recorded lies, by its name: runs and comparisons, sweeps, searches for capacity."""

from pathlib import Path

from lab.errors import RecordError

CAPACITY = "capacity.json"  # what a search for a capacity writes down
SHELVES = ("runs", "sweeps", "capacity", "noise")
_REPORTED = SHELVES[:3]  # a calibration has no report of its own
_SIGNS = ("experiment.json", "sweep.json", CAPACITY, "noise.json", "manifest.json")


def find(home: Path, name: str) -> Path:
    """Return the folder of what is named: a path, a name below the home, or ``last``: the newest that has a report.

    :raises RecordError: if there is none.
    """
    if name == "last":
        folders = [folder for shelf in _REPORTED for folder in (home / shelf).glob("*") if _is_one(folder)]
        if not folders:
            raise RecordError(f"nothing was measured in {home} yet; make a first one: lab compare null queue")
        return max(folders, key=lambda folder: folder.name)
    for folder in (Path(name), *(home / shelf / name for shelf in SHELVES)):
        if _is_one(folder):
            return folder.absolute()
    raise RecordError(f"{name!r} is nothing that was measured, neither as a path nor in {home}; try: last")


def refuse_many(home: Path, name: str) -> None:
    """Refuse what is named if it is made of many runs and is no comparison.

    :raises RecordError: saying which command tells of it.
    """
    try:
        folder = find(home, name)
    except RecordError:
        return  # whoever looks for a run says it in its own words
    for sign, what in (("sweep.json", "a sweep"), (CAPACITY, "a search for capacity")):
        if (folder / sign).exists():
            raise RecordError(f"{folder.name} is {what}: lab report {folder.name} tells of it, lab show of its runs")
    if (folder / "noise.json").exists():
        raise RecordError(f"{folder.name} is a calibration: lab noise tells the floor, lab show {folder}/RUN a run")


def _is_one(folder: Path) -> bool:
    return any((folder / sign).exists() for sign in _SIGNS)
