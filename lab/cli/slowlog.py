"""``lab slowlog``: a server's log of slow statements, grouped by statement."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab import config as settings
from lab.cli.target import in_containers
from lab.cli.watch import ERRORS, Progressing
from lab.errors import UsageError
from lab.units import format_number

if TYPE_CHECKING:  # pyarrow is for this command alone
    from lab.slowlog import Group, SlowLog

_COLUMNS = ("calls", "total ms", "mean ms", "p95 ms", "max ms")


def slowlog(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="csvlog, jsonlog or stderr, also .gz and .zst, in any order; - is standard input. "
                       "Without any: the log of the lab's server."),
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="log_line_prefix of a log from stderr, as SHOW has it; recognised if not given.")
    ] = "",
    form: Annotated[str, typer.Option("--format", help="csv, json or stderr; each file's own if not given.")] = "",
    top: Annotated[int, typer.Option(min=1, help="How many statements to print; --json has all.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:  # fmt: skip
    """Group a server's log of slow statements: calls, total, mean, 95th percentile and longest of each."""
    from lab.slowlog import read

    some = _expanded(files) if files else _own()
    with Progressing() as watch:
        watch.say(f"reading {len(some)} {'file' if len(some) == 1 else 'files'}")
        found = read(some, prefix, form)
    _warn(found)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2, allow_nan=False) + "\n")
        return
    _print(Console(highlight=False), found, top)


def _expanded(names: list[str]) -> list[str]:
    """Return the files that patterns name, where no shell has done so."""
    return [file for name in names for file in (_matching(name) if not Path(name).exists() else [name])]


def _matching(name: str) -> list[str]:
    path = Path(name)
    return sorted(str(file) for file in path.parent.glob(path.name)) or [name]


def _own() -> list[str]:
    """Return the files of the lab's server: csvlog, which every version writes."""
    if in_containers():
        raise UsageError(
            "the server in the containers keeps its log there; name files that are here, after "
            "docker compose exec -T postgres sh -c 'tar -c -C $PGDATA log' | tar -x"
        )
    from lab import server

    where = server.status(settings.read()).data_dir
    found = sorted(str(file) for file in (where / "log").glob("*.csv")) if where and where.is_dir() else []
    if not found:
        raise UsageError("the lab's server has no log here; start it with `lab up`, or name the files of a log")
    return found


def _warn(found: "SlowLog") -> None:
    """Say what was not read as it was asked, apart from the document or the table."""
    if found.skipped:
        parts = "line or part of an entry" if found.skipped == 1 else "lines or parts of entries"
        said = f"{found.skipped:,} {parts} could not be read: broken or cut off"
        ERRORS.print(said, markup=False, soft_wrap=True)
    if found.misfits:
        said = f"--prefix does not fit {found.misfits:,} of {found.entries:,} entries; theirs was recognised instead"
        ERRORS.print(said, markup=False, soft_wrap=True)


def _print(out: Console, found: "SlowLog", top: int) -> None:
    for line in _lines(found):
        out.print(line, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("statement", overflow="fold")
    for group in found.groups[:top]:
        table.add_row(*_cells(group), group.statement or "(durations logged without their statement)")
    out.print(table, markup=False)
    if len(found.groups) > top:
        out.print(f"{len(found.groups) - top:,} more; --top prints more of them", markup=False)


def _lines(found: "SlowLog") -> list[str]:
    files = f"{found.entries:,} entries of {len(found.files)} {'file' if len(found.files) == 1 else 'files'}"
    lines = [f"{found.statements:,} statements, {format_number(found.duration_ms / 1000)} s, in {files}"]
    if found.parse_ms or found.bind_ms:
        lines.append(f"beside them parse {format_number(found.parse_ms)} ms, bind {format_number(found.bind_ms)} ms")
    if found.plans:
        lines.append(f"{found.plans:,} plans, {found.joined:,} of them of executions that have an entry of their own")
    return lines


def _cells(group: "Group") -> list[str]:
    times = (group.total_ms, group.mean_ms, group.p95_ms, group.max_ms)
    return [f"{group.calls:,}", *(format_number(time) for time in times)]
