"""The report of a single run."""

from lab.analyse import gates
from lab.analyse.pool import pool_use
from lab.analyse.summary import VariantSummary, summarise
from lab.chart import pool
from lab.chart import run as chart
from lab.chart.comparison import png
from lab.chart.labels import pool_name
from lab.record.run import Run
from lab.report import Picture, Report, Sheet, repeat
from lab.report.parts import FIGURES, environment, figures, unquotable


def report(run: Run) -> Report:
    """Return it.

    :raises RecordError: if the run is damaged.
    """
    side = summarise(run.manifest.variant, [run])
    load, again = run.manifest.load, repeat.of_run(run.folder)
    amount = f"{load['users']} users" if load["model"] == "closed" else f"{load['rate_per_s']:g} arrivals per second"
    said = chart.alt(run, side)
    return Report(
        title=chart.finding(run, side),
        subtitle=f"one run, {load['model']} load of {amount}, journey {load['journey']}, {load['measured_s']:g} s",
        findings=(
            f"{said[0].upper()}{said[1:]}.",
            "A single run says what happened, and nothing of what would happen again.",
        ),
        warnings=unquotable([("", gates.reasons(side.runs))]),
        pictures=(Picture(png(chart.figure(run, side)), said), *_pool(run)),
        sheets=(Sheet("Counts are of the whole run", ("", pool_name(run.manifest.pool)), _rows(side)),),
        environment=environment(run.manifest.environment),
        repeat=again.commands,
        files=again.files,
        folder=f"{run.manifest.experiment}/{run.manifest.run}",
    )


def _rows(side: VariantSummary) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(FIGURES, figures(side), strict=True))


def _pool(run: Run) -> tuple[Picture, ...]:
    """Return what the app's pool did, where it told."""
    if pool_use(run) is None:
        return ()
    return (Picture(png(pool.figure(run)), pool.alt(run)),)
