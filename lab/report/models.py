"""The part of a sweep's report that the models make: their sentences, their chart, and the tables beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.analyse import concurrency, rates, sizing
from lab.analyse.concurrency import Concurrency
from lab.analyse.objective import Objective
from lab.analyse.series import One, of_sweep
from lab.chart import sweep as chart
from lab.chart.comparison import png
from lab.errors import UsageError
from lab.record.sweep import Sweep
from lab.report import Picture, Sheet
from lab.units import format_number

_NOTHING = 1e-8  # of contention and coherency: with less, a million users would not feel it
_LEAST = 2  # values of the axis, for a chart of it


class Models:
    """The models of a sweep's series; all is empty where it varies neither users nor the rate."""

    def __init__(self, sweep: Sweep, objective: Objective | None) -> None:
        """Read the sweep's complete runs.

        :raises RecordError: if a run cannot be read.
        """
        series = [one for one in of_sweep(sweep) if len(one.points) >= _LEAST]
        self.closed = [concurrency.model(one) for one in series if one.axis == "users"]
        self.open = [rates.rated(one, objective) for one in series if one.axis == "rate_per_s"]
        self._subtitle = f"{sweep.repeats} runs of each cell, a dot each" if sweep.repeats > 1 else "a run of each cell"

    @property
    def said(self) -> tuple[str, ...]:
        """What the models say: of each series a sentence, with its name before it."""
        return tuple(_sentence(name, "; ".join(clauses)) for name, clauses in self.clauses)

    @property
    def clauses(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What the models say: of each series its name (empty if it is the only one), and clauses; none without."""
        found = [(one.series.label, concurrency.sentences(one)) for one in self.closed]
        found += [(one.series.label, rates.sentences(one)) for one in self.open]
        told = ((name, tuple(said)) for name, said in found)
        return tuple((name, said) for name, said in told if said)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The chart of what was measured over the load: of closed or of open load, a sweep has one of them."""
        if not self.closed and not self.open:
            return ()
        drawn = chart.closed(self.closed, self._subtitle) if self.closed else chart.open_load(self.open, self._subtitle)
        title = chart.closed_title(self.closed) if self.closed else chart.open_title(self.open)
        return (Picture(png(drawn), " ".join((f"{title}.", *self.said))),)

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """The law's coefficients, Little's law on every cell, and the sizing formulas beside."""
        if not self.closed:
            return ()
        return (_laws(self.closed), _little(self.closed), *_formulas(self.closed))

    def as_dict(self) -> list[Mapping[str, Any]]:
        """Return plain values, for JSON."""
        return [*map(concurrency.as_dict, self.closed), *map(rates.as_dict, self.open)]


def _sentence(name: str, text: str) -> str:
    return f"{name}: {text}." if name else f"{text[:1].upper()}{text[1:]}."


def _laws(models: Sequence[Concurrency]) -> Sheet:
    head = ("", "alone, per second", "sigma", "kappa", "N*", "off by at most", "knee")
    return Sheet(
        "The Universal Scalability Law, fitted to the runs that may be believed", head, tuple(map(_law, models))
    )


def _law(found: Concurrency) -> tuple[str, ...]:
    name, fit = found.series.label or "all cells", found.fit
    if fit is None:
        return (name, *("–",) * 5, str(found.knee))
    # the fit ends near 0, not at it, where there is none
    coefficients = (
        fit.law.rate_per_s,
        *(0.0 if value < _NOTHING else value for value in (fit.law.sigma, fit.law.kappa)),
    )
    return (name, *map(format_number, coefficients), found.peak, f"{format_number(fit.off_pct)} %", str(found.knee))


def _little(models: Sequence[Concurrency]) -> Sheet:
    head = ("", "users", "throughput × (latency + think)", "under way, counted", "throughput × latency")
    rows = tuple(row for found in models for row in _little_rows(found))
    return Sheet("Little's law: means over the runs that may be believed", head, rows)


def _little_rows(found: Concurrency) -> Iterator[tuple[str, ...]]:
    for point in found.series.points:
        runs = [one.little for one in point.believed]
        columns = ([one.users_by_law for one in runs], [one.under_way for one in runs], [one.by_law for one in runs])
        yield (found.series.label or "all cells", f"{point.at:g}", *map(_mean, columns))


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return format_number(sum(known) / len(known)) if known and len(known) == len(values) else "–"


def _formulas(models: Sequence[Concurrency]) -> Iterator[Sheet]:
    """Yield what arithmetic says of a typical run: at the knee, or where most was answered."""
    for found in models:
        run = concurrency.typical(found)
        figures = _figures(run) if run else []
        if run and figures:
            where = f"{found.series.label + ', ' if found.series.label else ''}{run.little.users} users"
            rows = tuple(
                (one.name, f"{format_number(one.value)} {one.unit}", one.how, one.warning or "–") for one in figures
            )
            yield Sheet(f"The sizing formulas for {where}", ("", "value", "stands on", "but"), rows)


def _figures(one: One) -> list[sizing.Figure]:
    settings = one.run.manifest.environment.get("server", {}).get("settings", {})
    asked = sizing.Service(max_connections=int(settings.get("max_connections", 100)))
    try:
        service, measured = sizing.from_run(one.run, asked)
    except (UsageError, KeyError):
        return []  # NullPool has no size, and an app that told nothing has no figures
    return [*measured, *sizing.figures(service)]
