"""An experiment's result for people: the verdict in a sentence, its figures in a table, and where everything is."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lab.analyse.comparison import as_json
from lab.analyse.delta import TableDelta
from lab.analyse.pool import pool_use
from lab.analyse.recorded import recorded_tables
from lab.analyse.split import SPOKEN
from lab.cli.pool import print_pool
from lab.experiment import Result
from lab.record import run as record
from lab.units import format_ms, format_number, format_ratio

CHART = "comparison.png"


def document(result: Result) -> dict[str, Any]:
    """Return the document of ``lab compare --json``."""
    return as_json(result.comparison, result.name, str(result.folder), str(result.question["load"]["model"]))


def draw(result: Result) -> Path:
    """Draw the comparison into its folder, beside its runs; returns the file."""
    from lab.chart import comparison as chart

    file = result.folder / CHART
    chart.save(chart.figure(result.comparison, result.runs), file)
    return file


def print_result(out: Console, result: Result) -> None:
    """Print verdict, figures and places."""
    values = document(result)
    out.print(verdict_line(values), style="bold", markup=False, soft_wrap=True)
    for reason in values["effect"]["reasons"]:
        out.print(f"  because: {reason}", markup=False, soft_wrap=True)
    out.print(_load_line(result.question), markup=False, soft_wrap=True)
    out.print(_table(values["variants"]))
    for note in values.get("notes", []):
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    observer, generator = values["observer"]["cpu_pct"], values["generator"]
    out.print(
        f"measured with: observer {format_number(observer)} % of a core; "
        f"load generator {format_number(generator['cpu_pct'])} %, "
        f"its event loop late by p99 {format_ms(generator['lag_ms_p99'])}",
        markup=False,
        soft_wrap=True,
    )
    out.print(f"runs   {_from_here(result.folder)}", markup=False, soft_wrap=True)
    if (result.folder / CHART).exists():
        out.print(f"chart  {_from_here(result.folder / CHART)}", markup=False, soft_wrap=True)
    out.print(f"again  {_program()} show {result.name}", markup=False, soft_wrap=True)


def _program() -> str:
    """Return the command as it was called: it need not be on the path."""
    return sys.argv[0] if Path(sys.argv[0]).name == "lab" else "lab"


def _from_here(path: Path) -> Path:
    """Return the path as seen from the current folder, if it lies below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def verdict_line(values: Mapping[str, Any]) -> str:
    """Say the verdict as one sentence with its figures."""
    first, second = values["variants"]
    effect = values["effect"]
    ratio, low, high = (effect[key] for key in ("ratio", "low", "high"))
    what = "requests per second" if effect["metric"] == "throughput_per_s" else "median latency"
    figures = f"{what} {second} / {first} = {format_ratio(ratio)}"
    if low is not None:
        figures += f", 95 % interval {format_ratio(low)} to {format_ratio(high)}"
    says = {
        "faster": f"{second} is faster than {first}",
        "slower": f"{second} is slower than {first}",
        "no evidence": f"no evidence of a difference between {first} and {second}",
        "invalid": f"invalid: nothing can be said of {first} and {second}",
    }[effect["verdict"]]
    return f"{says}: {figures}"


def _load_line(question: Mapping[str, Any]) -> str:
    load = question["load"]
    amount = f"{load['users']} users" if load["model"] == "closed" else f"{load['rate_per_s']:g} arrivals/s, Poisson"
    if load.get("processes", 1) > 1 or load.get("joined"):
        amount += f", from {load['processes']} load processes"
    return (
        f"{load['model']} load, {amount}, journey {load['journey']}, {_pairs(question['pairs'])} of "
        f"{load['warmup_s']:g} + {load['measured_s']:g} s"
    )


def _pairs(count: int) -> str:
    return f"{count} interleaved pairs" if count > 1 else "one pair"


def _table(variants: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in variants:
        table.add_column(name, justify="right")
    for label, read in _rows().items():
        table.add_row(label, *(read(variant) for variant in variants.values()))
    return table


def _rows() -> dict[str, Callable[[Mapping[str, Any]], str]]:
    rows: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "answered per second": lambda v: format_number(v["throughput_per_s"]),
    }
    for percent in ("p50", "p95", "p99"):
        rows[f"latency {percent}"] = lambda v, key=percent: format_ms(v["latency_ms"][key])  # type: ignore[misc]
    for key, label in SPOKEN.items():
        rows[f"  mean {label}"] = lambda v, key=key: format_ms(v["split_ms"][key])  # type: ignore[misc]
    rows["connecting, p50 of those that did"] = lambda v: format_ms(v["connect_ms"]["p50"])
    for key in ("planned", "failed", "unfinished"):
        rows[f"requests {key}"] = lambda v, key=key: f"{v[key]:,}"  # type: ignore[misc]
    rows["server sessions opened"] = lambda v: _count(v["sessions_opened"])
    rows["backends at once, sampled"] = lambda v: _count(v["peak_backends"])
    return rows


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def show_run(out: Console, folder: Path, as_json_wanted: bool, print_json: Callable[[dict[str, Any]], None]) -> None:
    """Show a single run: what it was, how it ended, and its books. An incomplete one is shown as such.

    :raises RecordError: if the folder is no run.
    """
    manifest = record.read_manifest(folder)
    run = record.open_run(folder) if manifest.state == "complete" else None
    use, tables = (pool_use(run), recorded_tables(run)) if run else (None, ())
    if as_json_wanted:
        pool = dict(manifest.pool) | {"measured": use.as_dict() if use else None}
        changed = [_table_json(one) for one in tables]
        print_json(asdict(manifest) | {"pool": pool, "tables": changed, "folder": str(folder)})
        return
    state = manifest.state if manifest.state != "running" else "incomplete: it was cut short, or still runs"
    out.print(f"run {manifest.run} of {manifest.experiment}: {state}", style="bold", markup=False, soft_wrap=True)
    if manifest.reason:
        out.print(f"  {manifest.reason}", markup=False, soft_wrap=True)
    books = ", ".join(f"{key} {value:,}" for key, value in manifest.books.items()) or "none"
    for label, value in {
        "variant": f"{manifest.variant}, {manifest.pool['spec']}, workers {manifest.pool['workers']}",
        "begun": manifest.started_utc,
        "requests": books,
        "files": ", ".join(f"{name} ({rows:,} rows)" for name, rows in manifest.files.items()) or "none",
        "events": json.dumps([event["event"] for event in record.read_events(folder)]),
        "folder": str(folder),
    }.items():
        out.print(f"{label:9} {value}", markup=False, soft_wrap=True)
    if use:
        print_pool(out, use)
    for one in tables:
        if line := table_line(one):
            out.print(f"{'table':9} {line}", markup=False, soft_wrap=True)


def _table_json(one: TableDelta) -> dict[str, Any]:
    places = {"schema": one.after.schema, "name": one.after.name, "toast": one.after.toast}
    return {**places, "why": one.why, "counts": dict(one.counts), "n_dead_tup": one.after.n_dead_tup}


def table_line(one: TableDelta) -> str:
    """Say what was written to a table in one line; empty if nothing was."""
    name = f"{one.after.name} (TOAST)" if one.after.toast else one.after.name
    if one.why:
        return f"{name}: unknown, {one.why}"
    counts = one.counts
    words = {"n_tup_ins": "inserted", "n_tup_upd": "updated", "n_tup_del": "deleted"}
    parts = [f"{counts[key]:,} {word}" for key, word in words.items() if counts[key]]
    if not parts and not counts["autovacuum_count"]:
        return ""
    hot = [f"{counts['n_tup_hot_upd']:,} of the updates HOT"] if counts["n_tup_upd"] else []
    cleaned = [f"autovacuum came {counts['autovacuum_count']:,} times"] if counts["autovacuum_count"] else []
    dead = "unknown" if one.after.n_dead_tup is None else f"{one.after.n_dead_tup:,}"
    return f"{name}: {', '.join([*parts, *hot, *cleaned])}; {dead} dead rows at the end, estimated"
