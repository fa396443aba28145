"""``lab sweep``: every cell of a question's grid, measured several times; it goes on where it was cut short."""

import json
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lab import config as settings
from lab.cli.watch import ERRORS, Progressing
from lab.study.question import Question, read


def sweep(
    file: Annotated[Path, typer.Argument(help="The question, a TOML file such as experiments/quick.toml.")],
    again: Annotated[bool, typer.Option("--again", help="Begin anew, even if this question was measured.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure every cell of a question's grid, several times; after Ctrl-C or a crash give the command again."""
    from lab.study.sweep import perform

    question = read(file)
    with Progressing() as watch:
        watch.say(_plan(question))
        done = perform(question, settings.read(), watch, _note, again)
    from lab.analyse.objective import from_table
    from lab.report.models import Models

    models = Models(done, from_table(question.objective))
    if as_json:
        typer.echo(json.dumps(done.as_dict() | {"models": models.as_dict()}, indent=2, allow_nan=False))
        return
    _print(question, done.done())
    for name, clauses in models.clauses:
        for text in (name, *(f"  {clause}" for clause in clauses)) if name else clauses:
            Console(highlight=False).print(text, markup=False, soft_wrap=True)
    Console(highlight=False).print(f"in {done.folder}", markup=False, soft_wrap=True)


def _note(text: str) -> None:
    ERRORS.print(text, markup=False, soft_wrap=True)


def _plan(question: Question) -> str:
    from lab.study.sweep import STARTING_S

    runs = len(question.cells) * question.repeats
    minutes = (question.load_s + STARTING_S * runs) / 60
    return f"{len(question.cells)} cells, {question.repeats} runs of each: about {minutes:.0f} min"


def _print(question: Question, runs: dict[str, list[Path]]) -> None:
    from lab.analyse.summary import summarise
    from lab.record.run import open_run

    table = Table(title=Text(question.question or question.name), title_justify="left", box=None, pad_edge=False)
    names = list(question.cells[0].parameters)
    for name in names:
        table.add_column(name)
    for name in ("answers/s", "lowest", "highest", "p50 ms", "p95 ms", "failed"):
        table.add_column(name, justify="right")
    for cell in question.cells:
        side = summarise(cell.id, [open_run(folder) for folder in runs[cell.id]])
        rates = [run.throughput_per_s for run in side.runs]
        speeds = [f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates))]
        latencies = [_ms(side.latency_ms.p50), _ms(side.latency_ms.p95)]
        said = [escape(str(cell.parameters[name])) for name in names]
        table.add_row(*said, *speeds, *latencies, f"{side.failed + side.unfinished:,}")
    Console(highlight=False).print(table)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"
