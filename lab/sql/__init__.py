"""Every SQL statement of the lab: one question per file, its title on line 1.

Files are named by the stage that asks and the question: ``observe/activity`` is ``lab/sql/observe/activity.sql``.
"""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def load(name: str) -> str:
    """Return the text of one question.

    :raises FileNotFoundError: if there is no such file; names are constants of the code.
    """
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def titles() -> dict[str, str]:
    """Return every question's name and title, for the reference page."""
    files = sorted(_FOLDER.rglob("*.sql"))
    return {
        file.relative_to(_FOLDER).with_suffix("").as_posix(): file.read_text(encoding="utf-8").splitlines()[0][3:]
        for file in files
    }
