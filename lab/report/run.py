"""The report of a single run."""

from lab.analyse import gates
from lab.analyse.summary import summarise
from lab.chart.labels import pool_name
from lab.record.run import Run
from lab.report import Report, Sheet
from lab.report.parts import FIGURES, environment, figures
from lab.units import format_number


def report(run: Run) -> Report:
    """Return it.

    :raises RecordError: if the run is damaged.
    """
    side = summarise(run.manifest.variant, [run])
    load, name = run.manifest.load, pool_name(run.manifest.pool)
    amount = f"{load['users']} users" if load["model"] == "closed" else f"{load['rate_per_s']:g} arrivals per second"
    rate = format_number(side.throughput_per_s or 0.0)
    return Report(
        title=f"{name}: {rate} answers per second",
        subtitle=f"one run, {load['model']} load of {amount}, journey {load['journey']}, {load['measured_s']:g} s",
        findings=("A single run says what happened, and nothing of what would happen again.",),
        warnings=tuple(f"Nothing of this may be quoted: {reason}" for reason in gates.reasons(side.runs)),
        sheets=(Sheet("Counts are of the whole run", ("", *FIGURES), ((name, *figures(side)),)),),
        environment=environment(run.manifest.environment),
        folder=f"{run.manifest.experiment}/{run.manifest.run}",
    )
