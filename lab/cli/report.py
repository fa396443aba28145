"""``lab report``: one self-contained HTML file of what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from lab import config as settings
from lab.errors import UsageError
from lab.record.files import write_atomically

_FILE = "report.html"


def report(
    what: Annotated[
        str, typer.Argument(help="A run, comparison, sweep or capacity: its name, its folder, or last.")
    ] = "last",
    to: Annotated[Path | None, typer.Option(help="The file to write; report.html in the folder.")] = None,
) -> None:
    """Write a report: findings in words, charts, tables, environment, and how to repeat it."""
    from lab.record.places import find
    from lab.report import of, page

    folder = find(settings.read().home, what)
    file = _checked(to) if to else folder / _FILE
    text = page(of(folder))
    try:
        write_atomically(file, text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; name another with --to") from None
    typer.echo(str(file))


def _checked(file: Path) -> Path:
    """Return the file if one can be written there.

    :raises UsageError: saying what stands there, or what does not.
    """
    if file.is_dir():
        raise UsageError(f"--to {file} is a folder; name a file: {file / _FILE}")
    if not file.parent.is_dir():
        raise UsageError(f"--to {file}: there is no folder {file.parent}; make it, or name another file")
    return file
