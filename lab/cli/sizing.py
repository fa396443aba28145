"""``lab sizing``: every figure about the size of a pool, beside what it stands on."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lab import config as settings
from lab.environment import usable_cores
from lab.errors import UsageError
from lab.pools import THREADS
from lab.units import format_number

if TYPE_CHECKING:  # it brings the analysis of runs with it; other commands need not wait for that
    from lab.analyse.sizing import Figure, Service


def sizing(
    workers: Annotated[int | None, typer.Option(help="Processes of the app on one machine or container; 1.")] = None,
    size: Annotated[int | None, typer.Option(help="pool_size; 5.")] = None,
    overflow: Annotated[int | None, typer.Option(help="max_overflow; 10.")] = None,
    engines: Annotated[int, typer.Option(help="Engines in each worker, each with a pool.")] = 1,
    copies: Annotated[int, typer.Option(help="Machines or containers that run the app.")] = 1,
    deploying: Annotated[bool, typer.Option("--deploying", help="Old and new copies run at once.")] = False,
    max_connections: Annotated[int, typer.Option(help="The server's.")] = 100,
    reserved: Annotated[
        int, typer.Option(help="superuser_reserved_connections and reserved_connections together.")
    ] = 3,
    others: Annotated[int, typer.Option(help="Connections of others: monitoring, cron, migrations.")] = 0,
    threads: Annotated[
        int | None, typer.Option(help=f"Threads in which a worker runs what is not async; {THREADS}.")
    ] = None,
    per_request: Annotated[int, typer.Option(help="Connections that one request holds at a time.")] = 1,
    rate: Annotated[float | None, typer.Option(help="Requests with a connection, per second, over all copies.")] = None,
    hold_ms: Annotated[float | None, typer.Option(help="How long one keeps its connection, mean, ms.")] = None,
    cores: Annotated[int | None, typer.Option(help="Cores of the machine with PostgreSQL.")] = None,
    spindles: Annotated[int, typer.Option(help="Disks that serve reads at once; 0 for an SSD.")] = 0,
    run: Annotated[
        str,
        typer.Option(help="A recorded run, such as EXPERIMENT/run-02-queue: it tells what is not given here."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what arithmetic, Little's law and the usual rules make of a pool, each with what it stands on."""
    from lab.analyse.sizing import Service, figures

    wanted = {"workers": workers, "size": size, "overflow": overflow, "threads": threads}
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    service = Service(
        engines=engines, copies=copies, deploying=deploying, max_connections=max_connections, reserved=reserved,
        others=others, per_request=per_request, rate_per_s=rate, hold_ms=hold_ms, cores=cores, spindles=spindles,
        **given,
    ).checked()  # fmt: skip
    measured: list[Figure] = []
    notes: list[str] = []
    if run:
        service, measured = _recorded(run, service)
        service = replace(service, **given)
    else:
        service, measured, note = _on_this_machine(service)
        notes.append(note)
    if service.cores is None:
        service = replace(service, cores=usable_cores())
        notes.append(f"cores: {service.cores}, this machine's; give --cores for those of the machine with PostgreSQL")
    found = figures(service.checked()) + measured
    if as_json:
        typer.echo(_json({"service": asdict(service), "figures": [asdict(figure) for figure in found], "notes": notes}))
        return
    _print(Console(highlight=False), found, notes)


def _on_this_machine(service: "Service") -> "tuple[Service, list[Figure], str]":
    """Return what the newest run of a queue measured; rate and hold are taken from it where they were not given."""
    from lab.analyse.sizing import from_run
    from lab.record import experiment as folders
    from lab.record.run import open_run

    folder = folders.newest_run(settings.read().home, "queue")
    if folder is None:
        return service, [], "measured here: nothing yet; `lab compare null queue` makes a run to take figures from"
    known, measured = from_run(open_run(folder), service)
    name = f"{folder.parent.name}/{folder.name}"
    filled = replace(service, rate_per_s=known.rate_per_s, hold_ms=known.hold_ms)
    taken = [
        f"{option} {format_number(value)}"
        for option, value, given in (
            ("--rate", filled.rate_per_s or 0.0, service.rate_per_s),
            ("--hold-ms", filled.hold_ms or 0.0, service.hold_ms),
        )
        if given is None
    ]
    had = f"{known.workers} workers, pool {known.size}+{known.overflow}"
    note = f"measured here: run {name}, with {had}"
    note += f"; {' and '.join(taken)} are of it: give your own" if taken else ""
    return filled, measured, note


def _recorded(name: str, service: "Service") -> "tuple[Service, list[Figure]]":
    from lab.analyse.sizing import from_run
    from lab.record import experiment as folders
    from lab.record.run import open_run

    folder = folders.find(settings.read().home, name)
    if folders.is_experiment(folder):
        raise UsageError(f"{name} is an experiment of several runs; name one of them, such as {name}/run-01-queue")
    run = open_run(folder)
    if run.manifest.own:
        raise UsageError(f"{name} is of what is not the lab's, whose pool told nothing; give the service's own numbers")
    return from_run(run, service)


def _json(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, allow_nan=False)


def _print(out: Console, found: "list[Figure]", notes: list[str]) -> None:
    width = max(len(_value(figure)) for figure in found)
    for figure in found:
        indent = " " * (width + 2)
        style = "bold" if figure.warning else None
        out.print(f"{_value(figure):>{width}}  {figure.unit}: {figure.name}", markup=False, soft_wrap=True, style=style)
        out.print(f"{indent}= {figure.how}", markup=False, soft_wrap=True)
        out.print(f"{indent}assumes: {figure.assumes}", markup=False, soft_wrap=True, style="dim")
        if figure.warning:
            out.print(f"{indent}! {figure.warning}", markup=False, soft_wrap=True, style="bold")
    for note in notes:
        out.print(note, markup=False, soft_wrap=True)


def _value(figure: "Figure") -> str:
    whole = figure.value >= 1000 or float(figure.value).is_integer()
    return f"{figure.value:,.0f}" if whole else format_number(figure.value)
