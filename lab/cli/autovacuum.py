"""``lab autovacuum``: when it will come, why, and what became of what was said before."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg2.extensions import connection as Connection
from rich.console import Console

from lab import config as settings
from lab.analyse.autovacuum_check import Outcome, check
from lab.analyse.autovacuum_prediction import predict, sentence
from lab.analyse.vacuum_log import Run, runs
from lab.cli.target import DSN, flags, lent, passed_on, refuse_files
from lab.cli.watch import Progressing
from lab.config import Config
from lab.errors import LabError, UsageError
from lab.observe.autovacuum import look, looks
from lab.observe.connection import connected
from lab.observe.vacuum_log import log_timezone, messages, zone
from lab.record.autovacuum import DUE, LATER, NEVER, STILL, UNKNOWN, VACUUM, Look, Prediction
from lab.record.horizon import Holder
from lab.record.predictions import Kept, keep, kept

FILE = Path("autovacuum") / "predictions.jsonl"  # in the lab's home
_SYSTEM = ("pg_catalog.", "information_schema.")
_LENT = "the server was started for this look and is stopped now, so nothing will come; `lab up` leaves it running"
_DAY_S = 86_400.0
_RANK = {DUE: 0, LATER: 1, STILL: 2, UNKNOWN: 2, NEVER: 3}


def autovacuum(
    tables: Annotated[list[str] | None, typer.Argument(help="Which, such as public.posts; all without any.")] = None,
    dsn: DSN = "",
    watch: Annotated[
        float, typer.Option(help="Watch the counters for so many seconds, to know how fast they grow; 0: look once.")
    ] = 2.0,
    checking: Annotated[
        bool, typer.Option("--check", help="Hold what was predicted before against what came; predict nothing.")
    ] = False,
    logs: Annotated[
        list[Path] | None,
        typer.Option("--log", help="With --check: the server's log, in any form, also .gz and .zst; may be repeated."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Where predictions are kept; a file of the lab's home.")] = None,
    chart: Annotated[
        Path | None,
        typer.Option(help="Draw one named table's watch: predicted at half of it, and what came in the other half."),
    ] = None,
    system: Annotated[bool, typer.Option("--system", help="The system's own tables too.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also the tables for which nothing is in sight.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say for each table when autovacuum will come next, why, and what it will not be able to remove."""
    if not 0 <= watch <= 86_400:
        raise UsageError(f"--watch is {watch}; give 0 to 86400 seconds")
    if logs and not checking:
        raise UsageError("--log is read with --check; add that, or leave the log out")
    if chart and (checking or watch <= 0 or len(tables or []) != 1):
        raise UsageError("--chart draws the watch of one table: name it, give --watch seconds, leave --check out")
    refuse_files(dsn, "autovacuum", log=logs, file=file, chart=chart)
    words = (f"--watch={watch}", *flags(check=checking, system=system, all=everything))
    if passed_on(dsn, "autovacuum", *(tables or []), *words, as_json):
        return
    config = settings.read()
    place = file or config.home / FILE
    ends = not dsn and _lent(config)
    with Progressing() as progress, lent(dsn, progress.say) as where, connected(where) as connection:
        if checking:
            before, timezone = kept(place), log_timezone(connection)
            seen_runs = _runs(config, dsn, logs, timezone)
            notes = [*_passed_over(before, place), *_without_time(seen_runs, timezone)]
            _check(connection, before.predictions, tables or [], seen_runs, system, as_json, place, notes)
            return
        _refuse_unknown(look(connection), tables or [])
        seen = _seen(connection, watch, progress)
    if ends:
        seen[-1] = replace(seen[-1], notes=(*seen[-1].notes, _LENT))
    chosen = _chosen(predict(seen), seen[-1], tables or [], system)
    keep(place, chosen)
    if chart:
        _draw(seen, (tables or [""])[0], chart)
    if as_json:
        typer.echo(json.dumps(_document(seen[-1], chosen, place), indent=2, allow_nan=False))
        return
    shown = chosen if tables or everything else tuple(filter(_worth_a_line, chosen))
    _print(Console(highlight=False), seen[-1], shown, len(chosen) - len(shown), place)


def _lent(config: Config) -> bool:
    """Whether the lab's server does not stand, and so ends with this command."""
    from lab import server

    return server.status(config).state != "running"


def _seen(connection: Connection, seconds: float, progress: Progressing) -> list[Look]:
    if seconds > 0:
        progress.say(f"watching the counters for {seconds:g} s")
    return list(looks(connection, seconds, every_s=min(max(seconds / 40, 0.5), 60.0)))


def _draw(seen: Sequence[Look], name: str, file: Path) -> None:
    from lab.chart import autovacuum as charts

    table = seen[-1].named(name)
    said = predict(seen[: len(seen) // 2 + 1])
    if table is None:  # _chosen has refused it already
        return
    vacuum = next((one for one in said if one.oid == table.oid and one.action == VACUUM), None)
    try:
        charts.figure(charts.course(seen, table.oid, vacuum)).savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise LabError(f"{file} cannot be drawn ({error}); name a file such as course.png") from None


def _runs(config: Config, dsn: str, logs: Sequence[Path] | None, timezone: str) -> tuple[Run, ...]:
    """Read the given logs; of the lab's own server, those that lie beside its data."""
    if logs is None and not (dsn or config.dsn or config.server):
        from lab.server.layout import locate

        logs = sorted((locate(config).data / "log").glob("*.csv"))
    return runs(messages(logs or [], zone(timezone)))


def _chosen(found: Iterable[Prediction], look: Look, names: Sequence[str], system: bool) -> tuple[Prediction, ...]:
    """Return what was asked for, the soonest first; the TOAST table comes with its table."""
    _refuse_unknown(look, names)
    wanted = {table.full_name for name in names if (table := look.named(name))}
    kept_ones = [
        one for one in found if ({one.table, one.toast_of} & wanted if names else system or not _of_the_system(one))
    ]
    return tuple(sorted(kept_ones, key=lambda one: (_RANK[one.verdict], one.latest_s or 0.0, one.table)))


def _refuse_unknown(look: Look, names: Sequence[str]) -> None:
    for name in names:
        if look.named(name) is None:
            raise UsageError(f"{look.database} has no table {name!r} that autovacuum works on; write schema.table")


def _of_the_system(prediction: Prediction) -> bool:
    return (prediction.toast_of or prediction.table).startswith(_SYSTEM)


def _worth_a_line(one: Prediction) -> bool:
    """Whether something is to be expected within a day, or half-way to it, or switched off."""
    if one.verdict in (STILL, UNKNOWN):
        return 2 * one.count >= (one.first or 1)
    return one.verdict in (DUE, NEVER) or bool(one.because) or (one.earliest_s or 0.0) < _DAY_S


def _check(
    connection: Connection, before: Sequence[Prediction], names: Sequence[str], seen: Sequence[Run], system: bool,
    as_json: bool, place: Path, notes: Sequence[str],
) -> None:  # fmt: skip
    now = look(connection)
    wanted = set(_chosen(before, now, names, system))
    outcomes = check([one for one in before if one in wanted], now, seen)
    counts = Counter(one.verdict for one in outcomes)
    if as_json:
        document = {"file": str(place), "counts": dict(counts), "outcomes": [_plain(one) for one in outcomes]}
        document["notes"] = list(notes)
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    out = Console(highlight=False)
    for note in notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    if not outcomes:
        out.print(f"{place} holds no prediction for {now.database} on this server", markup=False, soft_wrap=True)
        return
    for one in outcomes:
        _print_outcome(out, one)
    out.print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()), markup=False, style="bold")


def _passed_over(before: Kept, place: Path) -> list[str]:
    if not before.skipped:
        return []
    return [f"lines of {place} that are no predictions and were passed over: {before.skipped}"]


def _without_time(seen: Sequence[Run], timezone: str) -> list[str]:
    """Say how many runs of the log cannot be held against anything, and why."""
    count = sum(one.ended_at is None for one in seen)
    if not count:
        return []
    return [
        f"{count} of {len(seen)} runs in the log have no time, or one whose zone is not known (log_timezone is now "
        f"{timezone}), and were left out; what is said here is by the other runs and the counters"
    ]


def _print_outcome(out: Console, one: Outcome) -> None:
    made, said = one.prediction.made_at, one.prediction
    out.print(f"{said.table}, {said.action}: {one.verdict} ({one.why})", markup=False, soft_wrap=True, style="bold")
    out.print(f"  said {made:%Y-%m-%d %H:%M:%S}  {sentence(said)}", markup=False, soft_wrap=True)
    came = []
    if one.began_s is not None:
        came.append(f"began after {one.began_s:.1f} s")
    elif one.ended_s is not None:
        came.append(f"ended after {one.ended_s:.1f} s")
    if one.rows_removed is not None:
        came.append(f"{one.rows_removed:,} rows removed, {one.rows_not_removable or 0:,} dead but not yet removable")
    if came:
        out.print(f"  came {'; '.join(came)}", markup=False, soft_wrap=True)


def _print(out: Console, look: Look, predictions: Sequence[Prediction], more: int, place: Path) -> None:
    rules = look.rules
    workers = "hidden" if look.workers is None else str(look.workers)
    out.print(
        f"{look.database}: autovacuum {'on' if rules.enabled else 'off'}, naptime {rules.naptime_s:g} s, "
        f"{workers} of {rules.max_workers} workers at work, {look.databases} databases",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    for one in predictions:
        name = f"{one.toast_of} (its TOAST)" if one.toast_of else one.table
        urgent = one.verdict in (DUE, LATER) and (one.earliest_s or 0.0) < _DAY_S
        out.print(f"{name}: {sentence(one)}", markup=False, soft_wrap=True, style="bold" if urgent else None)
    if more:
        out.print(f"{more} more have nothing in sight within a day; --all names them", markup=False, soft_wrap=True)
    for holder in look.holders.of(look.database, catalog=True):
        out.print(f"horizon: {_held(holder, look.at)}", markup=False, soft_wrap=True)
    for note in look.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    out.print(f"kept in {place}; `lab autovacuum --check` says later what came of it", markup=False, soft_wrap=True)


def _held(holder: Holder, now: datetime) -> str:
    text = f"{holder.named}, {holder.xid_age:,} transactions old"
    text += f", for {(now - holder.since).total_seconds():,.0f} s" if holder.since else ""
    return text + (", catalogs only" if holder.catalogs_only else "")


def _document(look: Look, predictions: Sequence[Prediction], place: Path) -> dict[str, Any]:
    return {
        "at": look.at.isoformat(),
        "database": look.database,
        "rules": asdict(look.rules),
        "workers": look.workers,
        "databases": look.databases,
        "holders": [_plain(one) for one in look.holders.all],
        "predictions": [{**one.as_json(), "sentence": sentence(one)} for one in predictions],
        "notes": list(look.notes),
        "file": str(place),
    }


def _plain(value: Holder | Outcome) -> dict[str, Any]:
    document = asdict(value)
    if isinstance(value, Outcome):
        document["prediction"] = value.prediction.as_json()
    return {key: item.isoformat() if isinstance(item, datetime) else item for key, item in document.items()}
