"""Two figures of a run on what is not the lab's: how long requests took, and what the connections did over time."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lab.analyse.measured import measure
from lab.analyse.own import connections as seen_connections
from lab.analyse.percentiles import enough, percentile
from lab.chart.plain import Line, Words, curve
from lab.record.run import Run
from lab.units import format_ms, format_number

_MOST_BINS = 40
_STATES = ("active", "idle in transaction", "idle", "hidden")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure, and what it shows for those who don't see it."""

    figure: Figure
    alt: str


def latency(run: Run) -> Drawn | None:
    """Return how long the successes of the measured part took; None where there are too few, or only counts of them.

    :raises RecordError: if the run is damaged.
    """
    measured = measure(run)
    values = measured.latency_ms
    shares = [p for p in (*range(5, 100, 5), 97, 98, 99) if enough(len(values), p)]
    if measured.latency_counts is not None or len(shares) < 3:
        return None
    what = "service time" if run.manifest.own["locustfile"] else "latency"
    points = [(percentile(values, p) or 0.0, float(p)) for p in shares]
    half, most = percentile(values, 50), points[-1]
    title = f"Half of the requests took up to {format_ms(half)}, {most[1]:g} % up to {format_ms(most[0])}"
    subtitle = f"{run.manifest.own['url']}; {len(values):,} successes in {measured.window_s:.1f} s"
    words = Words(title, subtitle, x=f"{what}, ms", y="% of requests that took no longer")
    return Drawn(curve([Line(f"{most[1]:g} %", points)], words, log_x=True, top=100), f"{title}. {subtitle}")


def connections(run: Run) -> Drawn | None:
    """Return the database's connections by state over time; None without samples.

    :raises RecordError: if the run is damaged.
    """
    t_us = np.sort(run.table("samples", ("t_us",))["t_us"].to_numpy())
    if len(t_us) < 2 or t_us[-1] <= t_us[0]:
        return None
    begin = run.manifest.marks.get("load_start", int(t_us[0]))
    bins = max(1, min(_MOST_BINS, len(t_us) // 5))
    edges = np.linspace(t_us[0], t_us[-1] + 1, bins + 1)
    samples = np.histogram(t_us, edges)[0]
    rows = run.table("activity", ("t_us", "state", "backends"))
    state = rows["state"].to_numpy()
    when, count = rows["t_us"].to_numpy(), rows["backends"].to_numpy()
    middle_s = ((edges[:-1] + edges[1:]) / 2 - begin) / 1e6
    lines = [
        Line(name, _means(middle_s, samples, np.histogram(when[mine], edges, weights=count[mine])[0]))
        for name in _STATES
        if (mine := state == name).any()
    ]
    if not lines:
        return None
    seen = seen_connections(run)
    total = seen.mean if seen else 0.0
    title = f"{format_number(total)} connections on average, by what they did"
    zero = "load" if "load_start" in run.manifest.marks else "record"
    subtitle = (
        f"database {run.manifest.own['database']['name']}; {len(t_us):,} samples; the lab's own are not among them"
    )
    words = Words(title, subtitle, x=f"seconds from the start of the {zero}", y="connections, mean")
    named = ", ".join(f"{line.label} up to {format_number(max(y for _, y in line.points))}" for line in lines)
    return Drawn(curve(lines, words), f"{title}: {named}. {subtitle}")


def _means(middle_s: Iterable[float], samples: Iterable[int], sums: Iterable[float]) -> list[tuple[float, float]]:
    return [
        (float(at), float(total) / int(number))
        for at, number, total in zip(middle_s, samples, sums, strict=True)
        if number
    ]
