"""``lab statements``: what took the time, as differences between two looks; nothing is reset."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lab import config as settings
from lab.analyse import recorded
from lab.analyse.delta import between
from lab.analyse.likeness import ORDERS, Both, Use, ordered, side_by_side, used
from lab.analyse.n_plus_one import NPlusOne, n_plus_one
from lab.analyse.own import missing
from lab.analyse.statements import LAB, TRANSACTION, StatementDeltas
from lab.cli.target import DSN, dsn_of, flags, passed_on
from lab.cli.watch import Progressing
from lab.errors import UsageError
from lab.observe.statistics import reading, take_again
from lab.record import experiment as folders
from lab.record.run import open_run
from lab.units import format_number, format_ratio

_UNKNOWN = "unknown"
_TEXT = 100  # characters of a statement in a table
_COLUMNS: dict[str, Callable[[Use], float | None]] = {
    "total ms": lambda use: use.total_ms,
    "calls": lambda use: use.calls,
    "mean ms": lambda use: use.mean_ms,
    "spread ms": lambda use: use.spread_ms,
    "rows/call": lambda use: _each(use.rows, use),
    "blocks/call": lambda use: _each(use.blocks, use),
    "WAL B/call": lambda use: _each(use.wal_bytes, use),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out about one server or run."""

    name: str
    seconds: float
    deltas: StatementDeltas
    uses: tuple[Use, ...]
    control: tuple[Use, ...]  # BEGIN, COMMIT and the like
    lab: tuple[Use, ...]  # what the lab itself asked
    patterns: tuple[NPlusOne, ...]
    notes: tuple[str, ...]


def statements(
    run: Annotated[
        str, typer.Argument(help="A recorded run, or an experiment (its first pair), or last; without it: live.")
    ] = "",
    against: Annotated[str, typer.Option(help="Another run, to lay beside the first by normalised text.")] = "",
    dsn: DSN = "",
    seconds: Annotated[float, typer.Option(help="Live: the time between the two looks.")] = 10.0,
    top: Annotated[int, typer.Option(help="How many statements to show, in --json too.")] = 10,
    by: Annotated[str, typer.Option(help=f"What comes first: {', '.join(ORDERS)}.")] = "total",
    full: Annotated[bool, typer.Option("--full", help="Show whole texts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which statements took the time: of the last seconds, or of a recorded run; alone, or beside another run."""
    _check(run, against, dsn, seconds, top, by)
    words = (f"--seconds={seconds}", f"--top={top}", f"--by={by}", *flags(full=full))
    if not run and passed_on(dsn, "statements", *words, as_json):
        return
    sides = _recorded(run, against) if run else [_live(dsn, seconds)]
    if as_json:
        typer.echo(json.dumps(_document(sides, by, top), indent=2, allow_nan=False))
        return
    out = Console(highlight=False)
    if len(sides) == 2:
        _print_both(out, sides[0], sides[1], by, top, full)
    else:
        _print_one(out, sides[0], by, top, full)


def _check(run: str, against: str, dsn: str, seconds: float, top: int, by: str) -> None:
    if by not in ORDERS:
        raise UsageError(f"--by {by!r} is none of {', '.join(ORDERS)}")
    if not 0.1 <= seconds <= 86400:
        raise UsageError(f"--seconds is {seconds:g}; give 0.1 to 86400")
    if top < 1:
        raise UsageError(f"--top is {top}; give 1 or more")
    if run and dsn:
        raise UsageError("--dsn looks at a server now, and RUN is a record; give one of them")
    if against and not run:
        raise UsageError("--against takes two recorded runs; name the first one too")


def _live(dsn: str, seconds: float) -> Seen:
    with Progressing() as watch, reading(where := dsn_of(dsn)) as reader:
        watch.say(f"looking for {seconds:g} s")
        before = reader.take()
        time.sleep(seconds)
        after = take_again(reader, where)
    delta = between(before, after)
    uses = used(delta.statements, delta.seconds)
    # transactions that were not reported would make a pattern look certain that is not
    transactions = delta.transactions if delta.settled else None
    control, own = (used(delta.statements, delta.seconds, kind) for kind in (TRANSACTION, LAB))
    patterns = n_plus_one(uses, transactions)
    absent = tuple(what for what in after.hidden if after.statements is None and what.startswith("statements"))
    return Seen(
        before.database,
        delta.seconds,
        delta.statements,
        uses,
        control,
        own,
        patterns,
        (*delta.statements.notes, *absent),
    )


def _recorded(run: str, against: str) -> list[Seen]:
    home = settings.read().home
    first = folders.find(home, run)
    if against:
        return [_of_run(_single(first, run)), _of_run(_single(folders.find(home, against), against))]
    if not folders.is_experiment(first):
        return [_of_run(first)]
    names = folders.read_complete(first)["runs"]
    return [_of_run(first / name) for name in names[:2]]


def _single(folder: Path, name: str) -> Path:
    if folders.is_experiment(folder):
        raise UsageError(f"{name} is an experiment of several runs; name one of them, such as {name}/run-01-queue")
    return folder


def _of_run(folder: Path) -> Seen:
    found = recorded.recorded_statements(open_run(folder))
    uses = used(found.statements, found.seconds)
    name = f"{folder.parent.name}/{folder.name} ({found.run.manifest.variant})"
    control, own = (used(found.statements, found.seconds, kind) for kind in (TRANSACTION, LAB))
    return Seen(
        name,
        found.seconds,
        found.statements,
        uses,
        control,
        own,
        n_plus_one(uses, found.requests),
        (*found.statements.notes, *(missing(found.run.manifest) if found.run.manifest.own else ())),
    )


def _document(sides: list[Seen], by: str, top: int) -> dict[str, Any]:
    found = [_side(side, by, top) for side in sides]
    if len(found) == 1:
        return found[0]
    both = side_by_side(sides[0].uses, sides[1].uses, by)[:top]
    rows = [{"statement": one.statement, "first": _use(one.first), "second": _use(one.second)} for one in both]
    return {"by": by, "first": found[0], "second": found[1], "both": rows}


def _side(seen: Seen, by: str, top: int) -> dict[str, Any]:
    return {
        "name": seen.name,
        "seconds": seen.seconds,
        "by": by,
        "complete": seen.deltas.complete,
        "seen_share": seen.deltas.seen_share,
        "statements": [_use(use) for use in ordered(seen.uses, by)[:top]],
        "transaction_control": [_use(use) for use in seen.control],
        "lab": [_use(use) for use in seen.lab],
        "n_plus_one": [asdict(one) | {"evidence": one.evidence} for one in seen.patterns],
        "notes": list(seen.notes),
    }


def _use(use: Use | None) -> dict[str, Any] | None:
    return None if use is None else asdict(use) | {"mean_ms": use.mean_ms, "calls_per_s": use.calls_per_s}


def _each(value: float | None, use: Use) -> float | None:
    return value / use.calls if value is not None and use.calls else None


def _print_one(out: Console, seen: Seen, by: str, top: int, full: bool) -> None:
    _line(out, f"{seen.name}: statements of {seen.seconds:.1f} s, by {by}", bold=True)
    shown = ordered(seen.uses, by)[:top]
    rows = [[_cell(read(use)) for read in _COLUMNS.values()] for use in shown]
    _print_rows(out, list(_COLUMNS), rows, [_text(use.statement, full) for use in shown])
    for line in _rest(seen, top):
        _line(out, line)


def _print_both(out: Console, first: Seen, second: Seen, by: str, top: int, full: bool) -> None:
    _line(out, f"first   {first.name}, {first.seconds:.1f} s", bold=True)
    _line(out, f"second  {second.name}, {second.seconds:.1f} s", bold=True)
    shown = side_by_side(first.uses, second.uses, by)[:top]
    names = ["calls/s", "second", "mean ms", "second", "ratio of means"]
    _print_rows(out, names, [list(_cells(one)) for one in shown], [_text(one.statement, full) for one in shown])
    for seen in (first, second):
        for line in _rest(seen, top):
            _line(out, f"{seen.name}: {line}")


def _print_rows(out: Console, names: list[str], rows: list[list[str]], texts: list[str]) -> None:
    """Print figures in columns, and under each row its statement: it may be longer than any column."""
    told = [at for at in range(len(names)) if any(row[at] != _UNKNOWN for row in rows)]
    widths = {at: max(len(names[at]), *(len(row[at]) for row in rows)) for at in told}
    if rows:
        _line(out, "  ".join(f"{names[at]:>{widths[at]}}" for at in told), bold=True)
    for row, text in zip(rows, texts, strict=True):
        _line(out, "  ".join(f"{row[at]:>{widths[at]}}" for at in told))
        _line(out, f"    {text}")


def _cells(both: Both) -> Iterator[str]:
    sides = (both.first, both.second)
    yield from (_cell(use.calls_per_s) if use else "did not run" for use in sides)
    yield from (_cell(use.mean_ms) if use else "did not run" for use in sides)
    ratio = both.ratio()
    yield format_ratio(ratio) if ratio is not None else "–"


def _rest(seen: Seen, top: int) -> Iterator[str]:
    """What stands below the table: what is set apart, what was recognised, what is not known."""
    if len(seen.uses) > top:
        yield f"{len(seen.uses) - top} more; --top {len(seen.uses)} shows all"
    if not seen.uses and not seen.notes:
        yield "no statement ran"
    if seen.control:
        calls = ", ".join(f"{use.statement} {_cell(use.calls)}" for use in seen.control)
        yield f"apart, calls: {calls}"
    if seen.lab:
        known = [use.calls for use in seen.lab if use.calls is not None]
        calls = _cell(sum(known)) if len(known) == len(seen.lab) else _UNKNOWN
        yield f"apart, the lab's own calls: {calls}; --json names the statements"
    for one in seen.patterns:
        yield f"N+1{'' if one.certain else ', probably'}: {_text(one.child.statement, False)}"
        if one.parent:
            yield f"  after: {_text(one.parent.statement, False)}"
        yield f"  {one.evidence}"
    yield from (f"note: {note}" for note in seen.notes)


def _cell(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value:,.0f}" if value >= 1000 or float(value).is_integer() else format_number(value)


def _text(statement: str, full: bool) -> str:
    return statement if full or len(statement) <= _TEXT else statement[: _TEXT - 1] + "…"


def _line(out: Console, text: str, bold: bool = False) -> None:
    out.print(text, markup=False, soft_wrap=True, style="bold" if bold else None)
