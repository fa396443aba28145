"""A run on what is not the lab's, in numbers: a load on somebody's application, and what somebody's database did.

The requests of a locustfile have no intended start: what is called latency here is their service time. Whatever a
record does not have is None, and :func:`missing` says so in words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lab.analyse import gates
from lab.analyse.delta import TableDelta, at_mark, database_delta
from lab.analyse.likeness import Use, used
from lab.analyse.measured import Measured, measure
from lab.analyse.percentiles import Percentiles, percentiles
from lab.analyse.recorded import recorded_statements, recorded_tables
from lab.analyse.split import Split, split
from lab.analyse.summary import RunSummary, summarise_run
from lab.errors import RecordError
from lab.record.run import Manifest, Run, read_events

CLOSED_USERS = (
    "the load is closed: each user waits for its answer, so a slow moment keeps away requests that would have been "
    "slow, and the percentiles are lower than those of people who do not wait (coordinated omission)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """What was asked for under one name. Percentiles are of the successes in the measured window, ms."""

    name: str
    planned: int  # over the whole load, as the next two
    failed: int
    unfinished: int
    latency_ms: Percentiles


@dataclass(frozen=True, slots=True)
class State:
    """Connections in one state: the mean over all samples."""

    application: str | None
    state: str | None  # hidden: this role may not see it
    wait_event_type: str | None
    mean: float


@dataclass(frozen=True, slots=True)
class Connections:
    """Client connections of the database, without the lab's own."""

    samples: int
    mean: float
    peak: int
    states: tuple[State, ...]  # the most first


@dataclass(frozen=True, slots=True)
class Load:
    """What the load measured."""

    summary: RunSummary
    split: Split | None
    routes: tuple[Route, ...]
    seconds: float  # of the whole load: counts and routes are of these
    failures: Mapping[str, int]  # requests by why they failed, the most first
    reasons: tuple[str, ...]  # why nothing of it may be quoted
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Database:
    """What the database did between its two looks."""

    seconds: float
    counters: Mapping[str, Any]  # sums of its growth; None: unknown
    connections: Connections | None
    statements: tuple[Use, ...]
    statement_notes: tuple[str, ...]
    tables: tuple[TableDelta, ...]


def load_of(run: Run) -> Load | None:
    """Return what the load measured; None if none was made.

    :raises RecordError: if it ended before its warm-up was over, or the record is damaged.
    """
    if not run.manifest.load:
        return None
    measured = measure(run)
    summary = summarise_run(run, measured)
    return Load(
        summary=summary,
        split=split([measured]),
        routes=tuple(_routes(run, measured)),
        seconds=(run.manifest.marks["load_end"] - run.manifest.marks["load_start"]) / 1e6,
        failures=_failures(run),
        reasons=(*gates.reasons([summary]), *_refused(run.manifest)),
        notes=(*ended(run.manifest), *_notes(run, measured), *gates.notes([summary])),
    )


def database_of(run: Run) -> Database | None:
    """Return what the database did; None if none was observed, or one of the looks is missing."""
    rows = run.table("database").to_pylist()
    first, last = (next(iter(at_mark(rows, mark)), None) for mark in ("start", "after"))
    if first is None or last is None:
        return None
    found = recorded_statements(run)
    return Database(
        seconds=(last["t_us"] - first["t_us"]) / 1e6,
        counters=database_delta(first, last),
        connections=connections(run),
        statements=used(found.statements, found.seconds),
        statement_notes=found.statements.notes,
        tables=recorded_tables(run),
    )


def connections(run: Run) -> Connections | None:
    """Return the database's connections over the load, or over the whole record; None without a sample."""
    marks = run.manifest.marks
    begin, end = marks.get("load_start", 0), marks.get("load_end", 2**62)
    t_us = run.table("samples", ("t_us",))["t_us"].to_numpy()
    samples = int(np.count_nonzero((t_us >= begin) & (t_us <= end)))
    if not samples:
        return None
    seen = run.table("activity").to_pandas()
    seen = seen[(seen["t_us"] >= begin) & (seen["t_us"] <= end)]
    # whoever is idle waits for its client by being so
    seen.loc[seen["state"] != "active", "wait_event_type"] = None
    by_sample = seen.groupby("t_us")["backends"].sum()
    by_state = seen.groupby(["application", "state", "wait_event_type"], dropna=False)["backends"].sum() / samples
    states = [
        State(_word(application), _word(state), _word(wait), float(mean))
        for (application, state, wait), mean in by_state.items()
    ]
    return Connections(
        samples=samples,
        mean=float(by_sample.sum() / samples),
        peak=int(by_sample.max()) if len(by_sample) else 0,
        states=tuple(sorted(states, key=lambda one: -one.mean)),
    )


def _word(part: Any) -> str | None:
    return part if isinstance(part, str) else None


def missing(manifest: Manifest) -> tuple[str, ...]:
    """Say what such a record does not have."""
    own = manifest.own
    words = [] if manifest.load else ["requests: none were recorded, the load was somebody else's"]
    return (*words, *own.get("absent", ()), *(f"hidden from this role: {text}" for text in own.get("hidden", ())))


def _routes(run: Run, measured: Measured) -> Iterator[Route]:
    """Yield what happened under each name, the most asked for first; nothing where requests were only counted."""
    table = run.table("requests", ("intended_us", "done_us", "failed", "unfinished", "route"))
    route = table["route"].combine_chunks()
    number = route.indices.to_numpy()
    columns = {name: table[name].to_numpy() for name in ("intended_us", "done_us", "failed", "unfinished")}
    success = ~columns["failed"] & ~columns["unfinished"]
    inside = success & (columns["intended_us"] >= measured.start_us) & (columns["intended_us"] < measured.end_us)
    latency_ms = (columns["done_us"] - columns["intended_us"]) / 1e3
    counts = np.bincount(number, minlength=len(route.dictionary))
    for index in np.argsort(-counts, kind="stable"):
        mine = number == index
        if counts[index]:
            yield Route(
                name=str(route.dictionary[int(index)]),
                planned=int(counts[index]),
                failed=int(np.count_nonzero(mine & columns["failed"] & ~columns["unfinished"])),
                unfinished=int(np.count_nonzero(mine & columns["unfinished"])),
                latency_ms=percentiles(latency_ms[mine & inside]),
            )


def _failures(run: Run) -> dict[str, int]:
    """Return how many requests failed, by status or by why there was no answer; empty where they were only counted."""
    table = run.table("requests", ("status", "failed", "unfinished"))
    status, failed, unfinished = (table[name].to_numpy() for name in ("status", "failed", "unfinished"))
    values, counts = np.unique(status[failed & ~unfinished], return_counts=True)
    found = {_status(int(value)): int(count) for value, count in zip(values, counts, strict=True) if value}
    silent = int(np.count_nonzero(failed & ~unfinished & (status == 0)))
    for kind, count in run.manifest.own.get("unanswered", {}).items():
        if told := min(count, silent):
            found[kind] = told
            silent -= told
    if silent:
        found["no answer"] = found.get("no answer", 0) + silent
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _status(number: int) -> str:
    """Say a status in words.

    >>> _status(503), _status(200)
    ('HTTP 503', 'HTTP 200, a failure by the locustfile')
    """
    return f"HTTP {number}" + ("" if number >= 400 else ", a failure by the locustfile")


def ended(manifest: Manifest) -> Iterator[str]:
    """Say that a locustfile ended its load itself, if it did."""
    after_s = manifest.own.get("ended_after_s")
    if after_s is not None:
        yield f"the locustfile ended its load itself, {after_s:.1f} s after the start of {manifest.own['asked_s']:g} s"


def _refused(manifest: Manifest) -> Iterator[str]:
    refused = (manifest.own.get("locust") or {}).get("refused", {})
    if refused:
        named = ", ".join(f"{count:,} to {host}" for host, count in refused.items())
        yield f"refused requests: {named}; load goes to this machine only, and what was refused counts as failed"


def _notes(run: Run, measured: Measured) -> Iterator[str]:
    manifest = run.manifest
    facts = manifest.own.get("locust")
    if manifest.load["model"] == "closed":
        yield CLOSED_USERS
    if facts is not None:
        yield "latency is the service time, from the send to the whole answer: a locustfile names no intended start"
        yield from _locust_notes(facts)
    if len(measured.latency_ms) and np.isnan(measured.parts_ms["app"]).all() and measured.latency_counts is None:
        yield "where the time went is not known: the application sends no Server-Timing (docs/own-application.md)"
    for event in read_events(run.folder):
        if event["event"].startswith(("server lost", "server silent", "no snapshot", "no tables", "app died")):
            yield f"{event['event']} {event.get('detail', '')}".strip()


def _locust_notes(facts: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "resent": "FastHttpUser's client sent again after a broken connection, {n:,} times, inside one timing",
        "redirected": "{n:,} requests were redirected: the time is of all hops, Server-Timing of the last",
        "foreign": "{n:,} requests of clients other than HttpUser's and FastHttpUser's are not in the record",
        "unjudged": "{n:,} answered requests were never judged by the locustfile; their status decided",
        "unlisted": "{n:,} requests had more names than the record tells apart; give name= to requests with ids",
    }
    for key, text in words.items():
        if facts.get(key):
            yield text.format(n=facts[key])
    for text, count in facts.get("errors", {}).items():
        yield f"a task raised {text}, {count:,} times"


def as_dict(run: Run) -> dict[str, Any]:
    """Return the document of ``lab run --json`` and ``lab observe --json``.

    :raises RecordError: if the record is damaged.
    """
    manifest = run.manifest
    own = manifest.own
    database = database_of(run)
    return {
        "run": manifest.run,
        "what": own["what"],
        "folder": str(run.folder),
        "url": own.get("url"),
        "locustfile": own.get("locustfile"),
        "interrupted": own["interrupted"],
        "load": _load_dict(run),
        "database": _database_dict(own["database"], database) if own.get("database") else None,
        "hidden": list(own["hidden"]),
        "absent": list(missing(manifest)),
    }


def _load_dict(run: Run) -> dict[str, Any] | None:
    try:
        load = load_of(run)
    except RecordError as error:
        notes = list(ended(run.manifest))
        return {**dict(run.manifest.books), "valid": False, "reasons": [str(error)], "notes": notes}
    if load is None:
        return None
    summary, plan = load.summary, run.manifest.load
    return {
        "model": plan["model"],
        "users": plan["users"] if plan["model"] == "closed" else None,
        "rate_per_s": plan["rate_per_s"] if plan["model"] == "open" else None,
        "latency_from": "send" if run.manifest.own.get("locustfile") else "intended start",
        "load_s": load.seconds,
        "window_s": summary.window_s,
        "throughput_per_s": summary.throughput_per_s,
        "latency_ms": summary.latency_ms.as_dict(),
        **{key: getattr(summary.counts, key) for key in ("planned", "done", "failed", "unfinished")},
        "failures": dict(load.failures),
        "split_ms": load.split.as_dict() if load.split else None,
        "routes": [asdict(one) for one in load.routes],
        "generator": {"cpu_pct": summary.use.generator_cpu_pct, "lag_ms_p99": summary.use.lag_ms_p99},
        "app_cpu_pct": summary.use.app_cpu_pct,
        "server_cpu_pct": summary.use.server_cpu_pct,
        "valid": not load.reasons,
        "reasons": list(load.reasons),
        "notes": list(load.notes),
    }


def _database_dict(named: Mapping[str, Any], seen: Database | None) -> dict[str, Any]:
    if seen is None:
        return {**named, "seconds": None}
    return {
        **named,
        "seconds": seen.seconds,
        "counters": dict(seen.counters),
        "connections": asdict(seen.connections) if seen.connections else None,
        "statements": [
            {"statement": one.statement, "calls": one.calls, "total_ms": one.total_ms, "mean_ms": one.mean_ms}
            for one in seen.statements[:10]
        ],
        "tables": [
            {"schema": one.after.schema, "name": one.after.name, "why": one.why, "counts": dict(one.counts)}
            for one in seen.tables
            if not one.after.toast and (one.why or any(one.counts.values()))
        ],
        "notes": list(seen.statement_notes),
    }
