"""The report of a run on an application, or a database, that is not the lab's."""

from collections.abc import Iterator

from lab.analyse.own import Database, Load, Route, State, database_of, ended, load_of, missing
from lab.analyse.split import WORDS
from lab.chart import own as chart
from lab.chart.comparison import png
from lab.errors import RecordError
from lab.record.run import Run
from lab.report import Picture, Report, Sheet, repeat
from lab.report.parts import environment
from lab.units import format_ms, format_number

_TOP = 20


def report(run: Run) -> Report:
    """Return it.

    :raises RecordError: if the run is damaged.
    """
    own = run.manifest.own
    load, why = _load(run)
    seen = database_of(run)
    said = load.notes if load else ended(run.manifest)
    stopped = ("It was stopped before its time; what was recorded until then is whole.",) if own["interrupted"] else ()
    return Report(
        title=_title(run, load),
        subtitle=_subtitle(run, load, seen),
        findings=(
            "A single run says what happened, and nothing of what would happen again.",
            *stopped,
            *(_sentence(text) for text in (*said, *(seen.statement_notes if seen else ()))),
            *(f"Not recorded: {text}." for text in missing(run.manifest)),
        ),
        warnings=tuple(f"Nothing of this may be quoted: {text}" for text in (*why, *(load.reasons if load else ()))),
        pictures=tuple(_pictures(run, load, seen)),
        sheets=tuple(_sheets(load, seen)),
        environment=environment(run.manifest.environment),
        repeat=repeat.own(run.manifest).commands,
        folder=run.manifest.run,
    )


def _load(run: Run) -> tuple[Load | None, tuple[str, ...]]:
    try:
        return load_of(run), ()
    except RecordError as error:
        return None, (str(error),)


def _title(run: Run, load: Load | None) -> str:
    own = run.manifest.own
    if load:
        return f"{own['url']}: {format_number(load.summary.throughput_per_s)} answers per second"
    return str(own.get("url") or f"{own['database']['name']}, observed")


def _subtitle(run: Run, load: Load | None, seen: Database | None) -> str:
    own, plan = run.manifest.own, run.manifest.load
    parts = []
    if plan:
        amount = (
            f"{plan['users']} users" if plan["model"] == "closed" else f"{plan['rate_per_s']:g} arrivals per second"
        )
        parts.append(f"{plan['model']} load, {amount}" + (f" of {own['locustfile']}" if own["locustfile"] else ""))
    if load:
        parts.append(f"{load.summary.window_s:.1f} s measured, {load.summary.counts.planned:,} requests")
    if own["database"]:
        parts.append(f"database {own['database']['name']}, PostgreSQL {own['database']['version']}")
    if seen:
        parts.append(f"observed for {seen.seconds:.1f} s")
    return "; ".join(parts)


def _pictures(run: Run, load: Load | None, seen: Database | None) -> Iterator[Picture]:
    if load and (found := chart.latency(run)):
        yield Picture(png(found.figure), found.alt)
    if seen and (found := chart.connections(run)):
        yield Picture(png(found.figure), found.alt)


def _sheets(load: Load | None, seen: Database | None) -> Iterator[Sheet]:
    if load:
        rows = [_route(one) for one in load.routes[:_TOP]]
        head = ("", "requests", "failed", "unfinished", "p50", "p95", "p99")
        caption = f"By name; counts are of the whole load, {load.seconds:.1f} s, times of the measured part"
        yield Sheet(caption, head, tuple(rows))
        if load.failures:
            kinds = tuple((kind, f"{count:,}") for kind, count in load.failures.items())
            yield Sheet("Why requests failed, over the whole load", ("", "requests"), kinds)
        if load.split and load.split.network is not None:
            parts = load.split.as_dict()
            split = [(text, _ms(parts[key]) if parts[key] is not None else "not sent") for key, text in WORDS.items()]
            yield Sheet("Where the time of a mean request went", ("", "mean"), tuple(split))
    if seen and seen.connections:
        states = [(_state(one), f"{one.mean:.2f}") for one in seen.connections.states[:_TOP]]
        yield Sheet(
            "Connections, mean over the samples" + (" of the load" if load else ""), ("", "connections"), tuple(states)
        )
    if seen and seen.statements:
        used = [
            (one.statement, "unknown" if one.calls is None else f"{one.calls:,}", _ms(one.total_ms), _ms(one.mean_ms))
            for one in seen.statements[:_TOP]
        ]
        yield Sheet(
            f"Statements over the whole record, {seen.seconds:.1f} s, the costliest first",
            ("", "calls", "total", "mean"),
            tuple(used),
        )


def _route(one: Route) -> tuple[str, ...]:
    times = (one.latency_ms.p50, one.latency_ms.p95, one.latency_ms.p99)
    return (one.name, f"{one.planned:,}", f"{one.failed:,}", f"{one.unfinished:,}", *map(_ms, times))


def _state(one: State) -> str:
    wait = f", waits for {one.wait_event_type}" if one.wait_event_type else ""
    return f"{one.application or '(no name)'}: {one.state or 'no state'}{wait}"


def _sentence(text: str) -> str:
    """Write a note as a sentence.

    >>> _sentence("load is late")
    'Load is late.'
    """
    return f"{text[:1].upper()}{text[1:]}."


def _ms(value: float | None) -> str:
    return "–" if value is None else format_ms(value)
