"""The report of a sweep: every cell, how far it has come, which cells meet the objective, and the models beside it."""

from lab.analyse import gates
from lab.analyse.objective import Objective, from_table
from lab.analyse.rates import runs_met
from lab.analyse.series import point
from lab.analyse.summary import VariantSummary, summarise
from lab.chart import plain
from lab.chart.comparison import png
from lab.errors import RecordError
from lab.record.run import open_run
from lab.record.sweep import Sweep
from lab.report import Picture, Report, Sheet, repeat
from lab.report.models import Models
from lab.report.parts import FIGURES, environment, figures, unquotable

Met = dict[str, tuple[int | None, int]]  # cell -> how many of its believed runs met the objective, of how many


def report(sweep: Sweep) -> Report:
    """Return it.

    :raises RecordError: if not one run is complete.
    """
    runs = {cell: [open_run(folder) for folder in folders] for cell, folders in sweep.done().items()}
    if not any(runs.values()):
        raise RecordError(f"{sweep.folder.name} has no complete run yet; give its command again")
    names = {str(cell["id"]): _name(cell["parameters"]) for cell in sweep.cells}
    sides = {cell: summarise(names[cell], each) for cell, each in runs.items() if each}
    objective = from_table(sweep.values.get("objective", {}))
    points = {cell: point(0, runs[cell]) for cell in sides} if objective else {}
    met = {cell: (runs_met(one, objective), len(one.believed)) for cell, one in points.items()}
    best = max(sides, key=lambda cell: sides[cell].throughput_per_s or 0.0)
    left, again = len(sweep.left()), repeat.sweep(sweep)
    models = Models(sweep, objective)
    question = str(sweep.values.get("question", sweep.experiment))
    return Report(
        title=question,
        subtitle=f"{len(sweep.cells)} cells, {_runs(sweep)} of each in randomised blocks",
        findings=(
            *(models.said or _most(models, names[best])),
            *(() if models.open else _objective(objective, met, names)),
        ),
        warnings=(*_still(left), *_reasons(sides)),
        pictures=models.pictures or (_picture(sides, question, sweep),),
        sheets=(_sheet(sides, met, objective), *models.sheets),
        environment=environment(next(run for each in runs.values() for run in each).manifest.environment),
        repeat=again.commands,
        files=again.files,
        folder=sweep.folder.name,
    )


def _still(left: int) -> tuple[str, ...]:
    if not left:
        return ()
    return (f"{left} {'run is' if left == 1 else 'runs are'} still to be made: give the command again.",)


def _runs(sweep: Sweep) -> str:
    return "1 run" if sweep.repeats == 1 else f"{sweep.repeats} runs"


def _name(parameters: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in parameters.items())


def _most(models: Models, best: str) -> tuple[str, ...]:
    """Return the finding without a model; what is answered of an open load is only what was sent."""
    return () if models.open else (f"Most answers per second: {best}.",)


def _objective(objective: Objective | None, met: Met, names: dict[str, str]) -> tuple[str, ...]:
    if objective is None:
        return ()
    always = [names[cell] for cell, (good, believed) in met.items() if good == believed]
    return (f"In every believed run {objective} was met by: {'; '.join(always) or 'no cell'}.",)


def _reasons(sides: dict[str, VariantSummary]) -> tuple[str, ...]:
    return unquotable([(side.name, gates.reasons(side.runs)) for side in sides.values()])


def _picture(sides: dict[str, VariantSummary], question: str, sweep: Sweep) -> Picture:
    rows = [
        plain.Row(side.name, [run.throughput_per_s for run in side.runs], str(side.pool.get("kind", "")))
        for side in sides.values()
    ]
    words = plain.Words(question, f"{_runs(sweep)} of each cell, a dot each", "answers per second")
    alt = "; ".join(f"{side.name}: {side.throughput_per_s or 0:,.0f} answers per second" for side in sides.values())
    return Picture(png(plain.strip(rows, words)), alt)


def _sheet(sides: dict[str, VariantSummary], met: Met, objective: Objective | None) -> Sheet:
    head = ("", *FIGURES, *((f"believed runs with {objective}",) if objective else ()))
    rows = tuple(
        (side.name, *figures(side), *((_of(*met[cell]),) if objective else ())) for cell, side in sides.items()
    )
    return Sheet("Medians over runs; counts are totals", head, rows)


def _of(good: int | None, believed: int) -> str:
    return "–" if good is None else f"{good} of {believed}"
