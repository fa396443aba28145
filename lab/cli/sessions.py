"""``lab noise`` and ``lab between``: what this machine makes of the same thing, and two sessions against each other."""

import json
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console

from lab import config as settings
from lab.analyse.sessions import LEAST_SESSIONS, Floor
from lab.cli.watch import Progressing
from lab.errors import UsageError
from lab.plan import LoadPlan, PoolConfig, journey
from lab.record import places
from lab.units import format_ratio

_FEWEST, _MOST = 2, 50


def noise(
    pool: Annotated[str, typer.Option(help="The variant, as for lab compare.")] = "queue:size=10,overflow=0",
    runs: Annotated[int, typer.Option(help="Runs of this session.")] = 5,
    users: Annotated[int, typer.Option(help="Clients of the closed load.")] = 16,
    seconds: Annotated[float, typer.Option(help="Measured seconds of each run.")] = 4.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure the same thing several times and keep it: how far do sessions differ when nothing has changed?"""
    from lab.study.noise import calibrate, here, refused

    if not _FEWEST <= runs <= _MOST:
        raise UsageError(f"runs is {runs}; give {_FEWEST} to {_MOST}")
    load = LoadPlan(users=users, weights=journey("read"), measured_s=seconds).checked()
    config = settings.read()
    with Progressing() as watch:
        folder = calibrate(PoolConfig.parse(pool), load, runs, config, watch)
    count, found = here(config.home, "throughput_per_s")
    reasons = refused(folder)
    if as_json:
        document = {"folder": str(folder), **_floor(found), "sessions": count, "left_out": reasons}
        typer.echo(json.dumps(document, indent=2))
        return
    out = Console(highlight=False)
    for reason in reasons:
        out.print(f"kept, and left out of the floor: {reason}", markup=False, soft_wrap=True)
    out.print(_words(count, found), markup=False, soft_wrap=True)
    out.print(f"in {folder}", markup=False, soft_wrap=True)


def _floor(found: Floor | None) -> dict[str, Any]:
    if found is None:
        return {"between_pct": None, "within_pct": None, "least_effect_pct": None}
    return {
        "between_pct": 100 * found.between,
        "within_pct": 100 * found.within,
        "least_effect_pct": 100 * (found.least_effect - 1),
    }


def _words(count: int, found: Floor | None) -> str:
    if found is None:
        return f"sessions of this machine that count: {count}; from {LEAST_SESSIONS} on its noise floor is known"
    figures = _floor(found)
    return (
        f"noise floor of {found.sessions} sessions: runs of one differ by {figures['within_pct']:.1f} % (standard "
        f"deviation), sessions by {figures['between_pct']:.1f} %; below {figures['least_effect_pct']:.1f} % two "
        "sessions cannot be told apart"
    )


def between(
    first: Annotated[str, typer.Argument(help="An experiment, by name or folder: yesterday's.")],
    second: Annotated[str, typer.Argument(help="Another one: today's.")],
    variant: Annotated[str, typer.Option(help="Which variant of the first; needed if it has several.")] = "",
    other: Annotated[str, typer.Option("--with", help="Which of the second; the same by default.")] = "",
    unlike: Annotated[bool, typer.Option("--unlike", help="Compare also what differs in load or environment.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare a variant of one experiment with that of another: two days, two branches, two servers."""
    from lab.analyse.comparison import METRICS
    from lab.analyse.sessions import compare
    from lab.study.noise import known
    from lab.study.sessions import summaries

    home = settings.read().home
    left_out: list[str] = []
    name, runs = summaries(home, first, variant, left_out.append)
    other_name, others = summaries(home, second, other or variant, left_out.append)
    if places.find(home, first) == places.find(home, second) and name == other_name:
        raise UsageError(f"{first} and {second} are the same runs of {name}; name two, or two variants: --with")
    metric = METRICS.get(str(runs[0].load.get("model", "closed")), METRICS["closed"])
    found = compare(runs, others, known(home, dict(runs[0].environment), metric), unlike, named=bool(other))
    found = replace(found, notes=(*found.notes, *dict.fromkeys(left_out)))
    if as_json:
        sides = {
            "first": {"experiment": first, "variant": name},
            "second": {"experiment": second, "variant": other_name},
        }
        typer.echo(json.dumps({**sides, **found.as_dict()}, indent=2, allow_nan=False))
        return
    out = Console(highlight=False)
    says = {
        "faster": "the second is faster",
        "slower": "the second is slower",
        "no evidence": "no evidence of a difference",
        "invalid": "invalid: nothing can be said",
    }[found.verdict]
    what = "requests per second" if metric == "throughput_per_s" else "median latency"
    if found.found and found.found.low is not None and found.found.high is not None:
        says += f": {what} second / first = {format_ratio(found.found.ratio)}"
        says += f", 95 % interval {format_ratio(found.found.low)} to {format_ratio(found.found.high)}"
    out.print(says, style="bold", markup=False, soft_wrap=True)
    for reason in found.reasons:
        out.print(f"  because: {reason}", markup=False, soft_wrap=True)
    for note in found.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
