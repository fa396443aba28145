"""``lab report``: one self-contained HTML file of what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from lab import config as settings
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
    file = to or folder / _FILE
    write_atomically(file, page(of(folder)))
    typer.echo(str(file))
