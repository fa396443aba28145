"""``lab bloat``: the space of tables and indexes, by every way that may be gone, and what each way costs."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from lab.analyse import bloat as arithmetic
from lab.cli.target import DSN, flags, lent, passed_on
from lab.cli.watch import ERRORS, Progressing
from lab.errors import UsageError
from lab.observe.bloat import Look
from lab.observe.connection import connected
from lab.observe.settled import unreported
from lab.record.bloat import APPROX, COUNTERS, ESTIMATE, EXACT, WAYS, IndexSpace, Looked, Space
from lab.units import format_bytes, format_number, parse_bytes

LIMIT = "100MB"
_NO_LIMIT_S = 0.0  # to read a large file takes what it takes
_HEAD = ("", "way", "dead", "free", "reuse", "rewrite", "dead rows", "ms", "pages read")
_LEGEND = (
    "dead: VACUUM would free it. free: between rows. reuse: what new rows could use after VACUUM.",
    "rewrite: what VACUUM FULL, or for an index REINDEX, would give back. All in % of the file; - is not known.",
    "Below 0: it would make the file larger. ms of estimate and counters: one look at the catalog for all tables "
    "together, repeated in each line.",
)


def bloat(
    tables: Annotated[list[str] | None, typer.Argument(help="Which, such as public.posts; all without any.")] = None,
    dsn: DSN = "",
    exact: Annotated[bool, typer.Option("--exact", help="Read each file whole, whatever its size.")] = False,
    approx: Annotated[bool, typer.Option("--approx", help="Read the pages that are not all-visible.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Read the catalog only.")] = False,
    limit: Annotated[
        str, typer.Option(help="Without --exact or --approx: what is larger is not read, but estimated.")
    ] = LIMIT,
    least: Annotated[str, typer.Option(help="Leave out smaller tables, unless they are named.")] = "64kB",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, a list.")] = False,
) -> None:
    """Say what is dead, free and to be had by a rewrite in each table, by four ways side by side, with their cost."""
    asked = [way for way, wanted in ((EXACT, exact), (APPROX, approx), (ESTIMATE, estimate)) if wanted]
    ways: Sequence[str] = [*asked, COUNTERS] if asked else WAYS
    limit_bytes, least_bytes = parse_bytes(limit), 0 if tables else parse_bytes(least)
    if asked and limit != LIMIT:
        raise UsageError(
            "--limit is for a look without --exact, --approx or --estimate; these say themselves what to read"
        )
    words = (*flags(exact=exact, approx=approx, estimate=estimate), f"--limit={limit}", f"--least={least}")
    if passed_on(dsn, "bloat", *(tables or []), *words, as_json):
        return
    with (
        Progressing() as watch,
        lent(dsn, watch.say) as where,
        connected(where, "lab-bloat", timeout_s=_NO_LIMIT_S) as connection,
    ):
        left = unreported(connection)
        look = Look(connection, tables or [])
        chosen = [table for table in look.tables if table.size_bytes >= least_bytes]
        found = []
        for number, table in enumerate(chosen, 1):
            watch.say(f"table {number} of {len(chosen)}: {table.label}, {format_bytes(table.size_bytes)}")
            found.append(arithmetic.spaces(look.seen(table, ways, None if asked else limit_bytes)))
    if look.locked:
        names = ", ".join(look.locked)
        ERRORS.print(f"locked exclusively, or about to be, so not looked at: {names}", markup=False, soft_wrap=True)
    if left:
        ERRORS.print(f"{len(left)} sessions may have counted what they have not reported yet", markup=False)
    if as_json:
        typer.echo(json.dumps([document(one) for one in found], indent=2, allow_nan=False))
        return
    _print(Console(highlight=False), found, len(look.tables) - len(chosen), least)


def document(found: Looked) -> dict[str, Any]:
    """Return plain values of one table: what was counted, and by each way what it said, or why it was not gone."""
    seen = found.table.counters
    return {
        "table": found.table.label,
        "toast_of": found.table.toast_of or None,
        "size_bytes": found.table.size_bytes,
        "fillfactor": found.table.fillfactor,
        "dropped_columns": found.table.dropped,
        "dead_row_pct": None if seen is None or arithmetic.counted_late(found.table) else seen.dead_pct,
        "updates": seen and seen.updated,
        "hot_pct": seen and seen.hot_pct,
        "newpage_updates": seen and seen.newpage,
        "ways": {way: _way(space) for way, space in found.spaces.items()},
        "missing": dict(found.missing),
        "indexes": [
            {
                "index": one.index.label,
                "method": one.index.method,
                "size_bytes": one.index.size_bytes,
                "ways": {way: _index_way(space) for way, space in one.spaces.items()},
                "missing": dict(one.missing),
            }
            for one in found.indexes
        ],
    }


def _way(space: Space) -> dict[str, Any]:
    return {
        "live_rows": space.live_rows,
        "dead_rows": space.dead_rows,
        "dead_pct": space.dead_pct,
        "free_pct": space.free_pct,
        "reuse_pct": space.reuse_pct,
        "rewrite_pct": space.rewrite_pct,
        "took_ms": space.took_ms,
        "read_blocks": space.read_blocks,
        "notes": list(space.notes),
    }


def _index_way(space: IndexSpace) -> dict[str, Any]:
    return {
        "density_pct": space.density_pct,
        "rebuild_pct": space.rebuild_pct,
        "took_ms": space.took_ms,
        "read_blocks": space.read_blocks,
        "notes": list(space.notes),
    }


def _print(out: Console, found: Sequence[Looked], left_out: int, least: str) -> None:
    for one in found:
        _print_table(out, one)
    if left_out:
        out.print(f"{left_out} of less than {least} left out; --least 0 shows them", markup=False, soft_wrap=True)
    for line in _LEGEND:
        out.print(line, markup=False, soft_wrap=True, style="dim")


def _print_table(out: Console, found: Looked) -> None:
    table = found.table
    parts = [table.label, format_bytes(table.size_bytes)]
    parts += [f"TOAST of {table.toast_of}"] if table.toast_of else []
    parts += [f"fillfactor {table.fillfactor}"] if table.fillfactor != 100 else []
    hot = table.counters.hot_pct if table.counters else None
    parts += [f"{hot:.0f} % of its updates HOT"] if hot is not None else []
    out.print(", ".join(parts), markup=False, soft_wrap=True, style="bold")
    lines = [_HEAD, *(_line("table", way, space) for way, space in found.spaces.items())]
    for entry in found.indexes:
        lines += [_index_line(entry.index.label, way, space) for way, space in entry.spaces.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    for line in lines:
        left = "  ".join(text.ljust(width) for text, width in zip(line[:2], widths[:2], strict=True))
        right = "  ".join(text.rjust(width) for text, width in zip(line[2:], widths[2:], strict=True))
        out.print(f"  {left}  {right}".rstrip(), markup=False, soft_wrap=True, style="dim" if line is _HEAD else None)
    for note in _notes(found):
        out.print(f"  {note}", markup=False, soft_wrap=True)


def _notes(found: Looked) -> list[str]:
    # what is wrong with the counters is said of the estimate, where it was made
    heard = {way: space for way, space in found.spaces.items() if way != COUNTERS or ESTIMATE not in found.spaces}
    said = [f"{way}: {note}" for way, space in heard.items() for note in space.notes if note != arithmetic.ROWS_ONLY]
    said += [f"{way} not done: {why}" for way, why in found.missing.items()]
    for entry in found.indexes:
        said += [f"{entry.index.label}, {way}: {note}" for way, part in entry.spaces.items() for note in part.notes]
        said += [f"{entry.index.label}, {way} not done: {why}" for way, why in entry.missing.items()]
    return said


def _line(name: str, way: str, space: Space) -> tuple[str, ...]:
    shares = (space.dead_pct, space.free_pct, space.reuse_pct, space.rewrite_pct)
    dead = "-" if space.dead_rows is None else f"{space.dead_rows:,.0f}"
    return (name, way, *map(_pct, shares), dead, format_number(space.took_ms), f"{space.read_blocks:,}")


def _index_line(name: str, way: str, space: IndexSpace) -> tuple[str, ...]:
    return (name, way, "", "", "", _pct(space.rebuild_pct), "", format_number(space.took_ms), f"{space.read_blocks:,}")


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
