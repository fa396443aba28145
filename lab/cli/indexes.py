"""``lab indexes``: which indexes are invalid, duplicate, overlapping, unused or missing, and on what evidence."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from lab.analyse.indexes import KINDS, UNUSED_AFTER_DAYS, review
from lab.cli.target import DSN, flags, lent, passed_on
from lab.cli.watch import Progressing
from lab.errors import UsageError
from lab.observe import indexes as reader
from lab.observe.index_plans import ALL, NOTHING, OWN, Plan
from lab.record.indexes import Catalog, Finding
from lab.units import format_bytes

_MOST_DAYS = 36500


def indexes(
    dsn: DSN = "",
    unused_after: Annotated[
        int, typer.Option(help="Days without a scan after which an index counts as unused (PostgreSQL 16 and later).")
    ] = UNUSED_AFTER_DAYS,
    settle: Annotated[
        float, typer.Option(help="Seconds to wait until idle connections have reported what they read.")
    ] = 0.0,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="With --dsn, plan the statements that this role asked itself, for the columns that miss an index. "
            "Planning runs functions that they name, so no superuser may; the lab's own server plans all.",
        ),
    ] = False,
    what_if: Annotated[
        bool,
        typer.Option(
            "--what-if",
            help="Try each cure in a transaction that is rolled back; the lab's own database only. Before, a table "
            "that misses an index is vacuumed and analyzed, and that stays.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which indexes could go and which are missing, each with its evidence and what speaks against it."""
    if not 0 <= unused_after <= _MOST_DAYS:
        raise UsageError(f"--unused-after is {unused_after}; give 0 to {_MOST_DAYS} days")
    if not 0 <= settle <= 60:
        raise UsageError(f"--settle is {settle:g}; give 0 to 60 seconds")
    words = (f"--unused-after={unused_after}", f"--settle={settle}", *flags(what_if=what_if, plan=plan))
    if passed_on(dsn, "indexes", *words, as_json):
        return
    with Progressing() as watch, lent(dsn, watch.say) as where:
        which: Plan = ALL if not dsn else OWN if plan else NOTHING
        catalog, findings, tried = _look(where, unused_after, settle, what_if, watch, which)
    if as_json:
        typer.echo(json.dumps(_document(catalog, findings, tried), indent=2, allow_nan=False))
        return
    _print(Console(highlight=False), catalog, findings, tried)


def _look(
    dsn: str, unused_after: int, settle: float, what_if: bool, watch: Progressing, plan: Plan
) -> tuple[Catalog, tuple[Finding, ...], dict[str, Any]]:
    from lab.demonstrate import whatif

    watch.say("reading the indexes")
    catalog = reader.read(dsn, plan, settle)
    findings = review(catalog, unused_after)
    if not what_if:
        return catalog, findings, {}
    tried = {}
    for number, finding in enumerate(findings, 1):
        watch.say(f"what if {number} of {len(findings)}: {finding.kind}, {finding.what}")
        tried[finding.what] = whatif.tried(dsn, finding)
    return catalog, findings, tried


def _document(catalog: Catalog, findings: tuple[Finding, ...], tried: dict[str, Any]) -> dict[str, Any]:
    since = catalog.counted_since
    return {
        "database": catalog.database,
        "counted_since": since.isoformat() if since else None,
        "read_at": catalog.read_at.isoformat(),
        "indexes": len(catalog.indexes),
        "size_bytes": sum(index.size_bytes or 0 for index in catalog.indexes),
        "unseen": list(catalog.unseen),
        "findings": [
            {**asdict(one), **({"what_if": tried[one.what].as_json()} if one.what in tried else {})} for one in findings
        ],
    }


def _print(out: Console, catalog: Catalog, findings: tuple[Finding, ...], tried: dict[str, Any]) -> None:
    def line(text: str, style: str | None = None) -> None:
        out.print(text, markup=False, soft_wrap=True, style=style)

    size = format_bytes(sum(index.size_bytes or 0 for index in catalog.indexes))
    since = f"{catalog.counted_since:%Y-%m-%d %H:%M} UTC" if catalog.counted_since else "a moment that is not known"
    line(f"{catalog.database}: {len(catalog.indexes)} indexes, {size}; counted since {since}")
    for kind in KINDS:
        for one in (one for one in findings if one.kind == kind):
            line(f"{kind}: {one.what}{f', {format_bytes(one.size_bytes)}' if one.size_bytes else ''}", "bold")
            for text in one.evidence:
                line(f"  {text}")
            for text in one.cautions:
                line(f"  but  {text}", "dim")
            if one.cure:
                line(f"  cure {one.cure};")
            if one.what in tried:
                line(f"  if   {tried[one.what].told}")
    if not findings:
        line("nothing to remark: none is invalid, duplicate, overlapping, unused or missing by these counts")
    for text in catalog.unseen:
        line(f"not seen: {text}")
