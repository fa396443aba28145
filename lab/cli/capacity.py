"""``lab capacity``: the highest rate that meets an objective, with its interval, and what limits it."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab import config as settings
from lab.analyse.objective import DEFAULT, parse
from lab.cli.watch import Progressing
from lab.plan import CAPACITY_S, LoadPlan, PoolConfig, journey

_WARMUP_S = 1.0


def capacity(
    objective: Annotated[str, typer.Option(help="What every run must meet.")] = DEFAULT,
    pool: Annotated[str, typer.Option(help="The app's pool, as for lab compare.")] = "queue:size=10,overflow=0",
    workers: Annotated[int, typer.Option(help="Processes of the app.")] = 1,
    what: Annotated[str, typer.Option("--journey", help="read, mixed or churn.")] = "read",
    seconds: Annotated[float, typer.Option(help="Measured seconds of each run; low rates take longer.")] = CAPACITY_S,
    start: Annotated[
        float | None, typer.Option(help="The rate to begin with, per second; a closed load tells it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Find the highest open-loop rate that meets an objective, and say what limits it there."""
    from lab.study.capacity import find

    wanted = parse(objective)
    load = LoadPlan(journey=what, weights=journey(what), warmup_s=_WARMUP_S, measured_s=seconds).checked()
    side = PoolConfig.parse(pool, workers)
    with Progressing() as watch:
        found = find(wanted, side, load, settings.read(), watch, start)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
        return
    out = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("requests/s", "", *(str(one) for one in wanted.conditions), "limited by"):
        table.add_column(name, justify="left" if name in ("", "limited by") else "right")
    for one in sorted(found.tried, key=lambda each: each.rate_per_s):
        values = ["–" if each.value == float("inf") else f"{each.value:,.1f}" for each in one.seen]
        verdict = ("met" if one.reading.met else "missed") + (", in doubt" if one.doubts else "")
        table.add_row(f"{one.rate_per_s:,.0f}", verdict, *values, "" if one.reading.met else one.limit.what)
    out.print(table)
    answer = found.answer
    if answer.rate_per_s is None or answer.high is None or answer.low is None:
        known = (
            f"at least {answer.low:,.0f} requests per second meet it"
            if answer.low
            else "no rate that was tried meets it"
        )
        out.print(f"no answer: {known}; {found.limit.what}: {found.limit.evidence}", markup=False, soft_wrap=True)
    else:
        interval = f"95 % interval {answer.low:,.0f} to {answer.high:,.0f}"
        out.print(
            f"{answer.rate_per_s:,.0f} requests per second meet {wanted} ({interval})", markup=False, soft_wrap=True
        )
        out.print(f"limited by {found.limit.what}: {found.limit.evidence}", markup=False, soft_wrap=True)
    for reason in found.reasons:
        out.print(f"not to be quoted: {reason}", markup=False, soft_wrap=True)
    for reason in found.left_out:
        out.print(f"without the runs in doubt: {reason}", markup=False, soft_wrap=True)
    out.print(f"in {found.folder}", markup=False, soft_wrap=True)
