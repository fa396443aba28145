"""``lab claims``: the ledger, tested here and now."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lab import config as settings
from lab import process
from lab.cli.watch import Progressing
from lab.errors import LabError, UsageError
from lab.record.files import write_atomically

if TYPE_CHECKING:  # the ledger brings all experiments with it; other commands need not wait for them
    from lab.ledger import Claim, Entry

PAGE = settings.PROJECT / "docs" / "claims.md"


def claims(
    ids: Annotated[list[str] | None, typer.Argument(help="Which, such as size overflow; all without any.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which claims there are, and test none.")] = False,
    page_file: Annotated[Path, typer.Option("--page", help="Where the page goes when all claims were tested.")] = PAGE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, a list.")] = False,
) -> None:
    """Test what the classic advice claims on this machine, and print what came of it."""
    from lab import server
    from lab.demonstrate.bench import Bench
    from lab.ledger import chosen, entries, page

    config, some = settings.read(), chosen(ids or [])
    if listed:
        _list(some, as_json)
        return
    if config.server:
        raise UsageError("lab claims starts applications and loads beside the lab; run it there, not in the containers")
    if not ids:
        _check_writable(page_file)
    out, found = Console(highlight=False), []
    with (
        Progressing() as watch,
        process.exclusive(config.home / "claims.lock", "claims"),
        server.running(config, watch.say) as where,
    ):
        bench = Bench(where, config, config.home, watch.say)
        for number, claim in enumerate(some, 1):
            watch.say(f"claim {number} of {len(some)}: {claim.id}")
            for entry in entries(bench, [claim]):
                found.append(entry)
                if not as_json:
                    _print(out, entry)
        above = page.made_on(where.version, server.non_default_settings(where.owner_dsn))
    if as_json:
        typer.echo(json.dumps([entry.as_json() for entry in found], indent=2, allow_nan=False))
    if not ids:
        _write(page_file, page.document(found, above, config.scale))


def _write(file: Path, text: str) -> None:
    try:
        write_atomically(file, text)
    except OSError as error:
        raise _unwritable(file, error.strerror) from None


def _check_writable(file: Path) -> None:
    """Refuse at once what would be refused after minutes of experiments."""
    if file.is_dir():
        raise _unwritable(file, "Is a directory")
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise _unwritable(file, error.strerror) from None


def _unwritable(file: Path, reason: str | None) -> LabError:
    return LabError(f"{file} cannot be written ({reason}); name another place with --page")


def _list(some: "tuple[Claim, ...]", as_json: bool) -> None:
    rows = [{"id": c.id, "sentence": c.sentence, "folklore": c.folklore, "lesson": c.lesson} for c in some]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['id']:22} {row['sentence']}")


def _print(out: Console, entry: "Entry") -> None:
    claim, finding = entry.claim, entry.finding
    condition = f" ({finding.condition})" if finding.condition else ""
    out.print(f"{claim.id}: {finding.verdict}{condition}", markup=False, soft_wrap=True, style="bold")
    out.print(f"  claimed   {claim.sentence}", markup=False, soft_wrap=True)
    out.print(f"  folklore  {claim.folklore}", markup=False, soft_wrap=True)
    out.print(f"  measured  {finding.measured}", markup=False, soft_wrap=True)
    if finding.verdict not in claim.expected:
        out.print(f"  news: seen before as {' or '.join(claim.expected)}", markup=False, soft_wrap=True)
