"""Where what was recorded lies, by its name: runs and comparisons, sweeps, searches for capacity."""

from pathlib import Path

from lab.errors import RecordError

CAPACITY = "capacity.json"  # what a search for a capacity writes down
SHELVES = ("runs", "sweeps", "capacity", "noise")
_SIGNS = ("experiment.json", "sweep.json", CAPACITY, "noise.json", "manifest.json")


def find(home: Path, name: str) -> Path:
    """Return the folder of what is named: a path, a name below the home, or ``last`` for the newest of all.

    :raises RecordError: if there is none.
    """
    if name == "last":
        folders = [folder for shelf in SHELVES for folder in (home / shelf).glob("*") if _is_one(folder)]
        if not folders:
            raise RecordError(f"nothing was measured in {home} yet; make a first one: lab compare null queue")
        return max(folders, key=lambda folder: folder.name)
    for folder in (Path(name), *(home / shelf / name for shelf in SHELVES)):
        if _is_one(folder):
            return folder.absolute()
    raise RecordError(f"{name!r} is nothing that was measured, neither as a path nor in {home}; try: last")


def _is_one(folder: Path) -> bool:
    return any((folder / sign).exists() for sign in _SIGNS)
