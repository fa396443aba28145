"""``lab observe`` and ``lab run``: a database or an application that is not the lab's, looked at and measured."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab import config as settings
from lab.analyse.split import WORDS
from lab.cli.target import DSN, dsn_of, passed_on, taken
from lab.cli.watch import Progressing
from lab.errors import StoppedError, UsageError
from lab.plan import LoadPlan
from lab.units import format_ms, format_number

JSON = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else there.")
]
_TOP = 8


def observe(
    dsn: DSN = "",
    seconds: Annotated[
        float | None, typer.Option(help="How long; without it until Ctrl-C, which ends the record in order.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Record what a database does beside any load: activity, counters, statements, tables. Read-only."""
    from lab.own.observe import Wish, observe

    wish = Wish(dsn, seconds).checked()
    if passed_on(dsn, "observe", *([] if seconds is None else [f"--seconds={seconds}"]), as_json):
        return
    with Progressing() as watch:
        folder = observe(Wish(dsn_of(dsn), wish.seconds), settings.read(), watch)
    _show(folder, as_json)


def run(
    host: Annotated[str, typer.Option(help="The application's address, on this machine: http://127.0.0.1:PORT.")],
    locustfile: Annotated[Path | None, typer.Option(help="Your locustfile, which is run as it is.")] = None,
    path: Annotated[
        list[str] | None, typer.Option(help="Without a locustfile: what to GET; may be given several times.")
    ] = None,
    users: Annotated[int | None, typer.Option(help="How many users; 10 if no rate is given.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Arrivals per second, Poisson, on the paths: an open load.")
    ] = None,
    warmup: Annotated[float, typer.Option(help="Seconds of load before measuring.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="Seconds measured.")] = 10.0,
    dsn: Annotated[
        str, typer.Option(callback=taken, help="The application's database, observed beside the load by lab observe.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Order of the paths and moments of the arrivals.")] = 1,
    as_json: JSON = False,
) -> None:
    """Load an application of your own, by your locustfile or on some paths, and record what it did."""
    from lab.own.load import Wish, measure

    source = _source(locustfile, path or [], users, rate)
    plan = LoadPlan(**source, warmup_s=warmup, measured_s=seconds, seed=seed, journey="own", weights={})
    wish = Wish(host, plan, dsn).checked()
    with Progressing() as watch:
        folder = measure(wish, settings.read(), watch)
    _show(folder, as_json)


def _source(locustfile: Path | None, paths: list[str], users: int | None, rate: float | None) -> dict[str, Any]:
    """Return what the load is made of.

    :raises UsageError: for options that do not go together.
    """
    if (locustfile is None) == (not paths):
        raise UsageError("give either --locustfile, or one --path or more")
    if locustfile is not None and rate is not None:
        raise UsageError("--rate is for --path: the users of a locustfile set their own pace; give --users")
    if users is not None and rate is not None:
        raise UsageError("--users make a closed load and --rate an open one; give one of them")
    source = {"locustfile": str(locustfile.absolute())} if locustfile else {"paths": tuple(paths)}
    if rate is not None:
        return {**source, "model": "open", "rate_per_s": rate}
    return {**source, "model": "closed", "users": 10 if users is None else users}


def _show(folder: Path, as_json: bool) -> None:
    from lab.record.run import open_run

    whole = open_run(folder)
    show(Console(highlight=False), folder, as_json)
    if whole.manifest.own["interrupted"] and whole.manifest.own["asked_s"] is not None:
        raise StoppedError(f"stopped before its time; the record {folder.name} is whole")


def show(out: Console, folder: Path, as_json: bool) -> None:
    """Show a run on what is not the lab's, complete or not.

    :raises RecordError: if the folder is no run, or damaged.
    """
    from lab.analyse import own
    from lab.record import run as record

    manifest = record.read_manifest(folder)
    if manifest.state != "complete":
        state = "incomplete: it was cut short, or still goes on" if manifest.state == "running" else manifest.state
        document = {"run": manifest.run, "folder": str(folder), "state": state, "reason": manifest.reason}
        lines = [f"run {manifest.run}: {state}", *([f"  {manifest.reason}"] if manifest.reason else [])]
    else:
        document = {"state": "complete", **own.as_dict(record.open_run(folder))}
        lines = []
    if as_json:
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    for line in lines:
        _line(out, line, bold=line == lines[0])
    if not lines:
        _print(out, record.open_run(folder), document)


def _print(out: Console, run: Any, document: dict[str, Any]) -> None:
    from lab.cli.results import table_line

    load, database = document["load"], document["database"]
    _line(out, _title(document), bold=True)
    if document["interrupted"]:
        _line(out, "it was stopped before its time; what was recorded until then is whole")
    if load:
        _print_load(out, load)
    if database:
        _print_database(out, database)
        from lab.analyse.recorded import recorded_tables

        lines = [line for one in recorded_tables(run) if (line := table_line(one))]
        if lines and database["seconds"] is not None:
            _line(out, f"tables over {database['seconds']:.1f} s, the whole record:")
        for line in lines:
            _line(out, f"table   {line}")
    for text in _warnings(document):
        _line(out, text)
    _line(out, f"record  {document['folder']}")


def _title(document: dict[str, Any]) -> str:
    load, database = document["load"], document["database"]
    named = f"{database['name']} (PostgreSQL {database['version']})" if database else ""
    if document["what"] == "observe":
        seconds = "" if database["seconds"] is None else f" for {database['seconds']:.1f} s"
        return f"observed {named}{seconds}"
    made = f"users of {document['locustfile']}" if document["locustfile"] else "the lab's own load"
    if load and "model" in load:
        amount = f"{load['users']} users" if load["users"] else f"{load['rate_per_s']:g} arrivals/s, Poisson"
        made = f"{load['model']} load, {amount}" + (f" of {document['locustfile']}" if document["locustfile"] else "")
    return f"{document['url']}: {made}" + (f", beside {named}" if named else "")


def _print_load(out: Console, load: dict[str, Any]) -> None:
    if "model" not in load:
        _line(
            out, "requests " + ", ".join(f"{key} {load[key]:,}" for key in ("planned", "done", "failed", "unfinished"))
        )
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for label, value in _load_rows(load):
        table.add_row(label, value)
    out.print(table)
    _line(
        out,
        f"by name: requests of the whole load, {load['load_s']:.1f} s; times of the {load['window_s']:.1f} s measured",
    )
    _print_routes(out, load["routes"])


def _load_rows(load: dict[str, Any]) -> Iterator[tuple[str, str]]:
    what = "latency" if load["latency_from"] == "intended start" else "service time"
    yield f"answered per second, over {load['window_s']:.1f} s", format_number(load["throughput_per_s"])
    for key, value in load["latency_ms"].items():
        yield f"{what} {key}", _ms(value) if value is not None else "too few for it"
    for key in ("planned", "failed", "unfinished"):
        yield f"requests {key}", f"{load[key]:,}"
        if key == "failed":
            yield from ((f"  {kind}", f"{count:,}") for kind, count in load["failures"].items())
    parts = load["split_ms"] or {}
    if any(parts.get(key) is not None for key in ("network", "pool", "connect", "sql", "rest")):
        for key, label in WORDS.items():
            yield f"  mean {label}", _ms(parts[key]) if parts[key] is not None else "not sent"
    for key, label in (("app_cpu_pct", "application"), ("server_cpu_pct", "database server")):
        if load[key] is not None:
            yield f"CPU of the {label}", f"{format_number(load[key])} % of a core"


def _print_routes(out: Console, routes: list[dict[str, Any]]) -> None:
    """Print a line for each name, which comes last: it may be longer than any column."""
    heads = ("requests", "failed", "unfinished", "p50", "p95", "p99")
    _line(out, "".join(f"{head:>11}" for head in heads) + "  name", bold=True)
    for one in routes[:_TOP]:
        counts = [f"{one[key]:,}" for key in ("planned", "failed", "unfinished")]
        times = [_ms(one["latency_ms"][key]) for key in ("p50", "p95", "p99")]
        _line(out, "".join(f"{cell:>11}" for cell in (*counts, *times)) + f"  {_shown(one['name'])}")
    if len(routes) > _TOP:
        _line(out, f"{len(routes) - _TOP} more names; --json has all")


def _print_database(out: Console, database: dict[str, Any]) -> None:
    if database["seconds"] is None:
        _line(out, "database: one of its two looks is missing, so nothing has a difference")
        return
    over = f"over {database['seconds']:.1f} s, the whole record"
    seen = database["connections"]
    if seen:
        _line(
            out, f"connections: {seen['mean']:.1f} on average, {seen['peak']} at most, in {seen['samples']:,} samples"
        )
        for one in seen["states"][:_TOP]:
            wait = f", waits for {one['wait_event_type']}" if one["wait_event_type"] else ""
            _line(out, f"  {one['mean']:8.2f}  {one['application'] or '(no name)'}: {one['state'] or 'no state'}{wait}")
    counted = database["counters"]
    shown: dict[str, Callable[[Any], str]] = {
        "sessions": lambda n: f"{n:,} sessions opened",
        "xact_commit": lambda n: f"{n:,} commits",
        "xact_rollback": lambda n: f"{n:,} rollbacks",
    }
    words = [say(counted[key]) for key, say in shown.items() if counted.get(key) is not None]
    if words:
        _line(out, f"counters {over}, the lab's own looks among them: {', '.join(words)}")
    if database["statements"]:
        _line(out, f"statements {over}, without the lab's own:")
    for one in database["statements"][:_TOP]:
        if one["calls"] is not None:
            _line(out, f"  {one['calls']:>8,} calls {_ms(one['total_ms']):>9}  {_shown(one['statement'])}")


def _warnings(document: dict[str, Any]) -> Iterator[str]:
    load, database = document["load"] or {}, document["database"] or {}
    yield from (f"not to be quoted: {text}" for text in load.get("reasons", ()))
    yield from (f"note: {text}" for text in (*load.get("notes", ()), *database.get("notes", ())))
    yield from (f"not recorded: {text}" for text in document["absent"])


def _ms(value: float | None) -> str:
    return "–" if value is None else format_ms(value)


def _shown(text: str) -> str:
    """Return a name or statement as one line that does nothing to a terminal.

    >>> _shown("a\\x1b[31m\\nb")
    'a[31m b'
    """
    line = "".join(char if char.isprintable() else " " if char.isspace() else "" for char in text)
    return line if len(line) <= 100 else line[:99] + "…"


def _line(out: Console, text: str, bold: bool = False) -> None:
    out.print(text, markup=False, soft_wrap=True, style="bold" if bold else None)
