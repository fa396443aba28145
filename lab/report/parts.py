"""What several reports have in common: the environment, and the figures of runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab.analyse.summary import VariantSummary
from lab.report import Sheet
from lab.units import format_ms

FIGURES = ("answered per second", "latency p50", "latency p95", "latency p99", "planned", "failed", "unfinished")


def environment(facts: Mapping[str, Any]) -> Sheet:
    """Return machine, versions and the server's settings that are not PostgreSQL's own.

    Packages are those of the lab: what an application of somebody's own runs on is not known.
    """
    host, server = facts.get("host", {}), facts.get("server", {})
    rows = [
        ("machine", f"{host.get('cores', '?')} cores, {host.get('cpu', 'unknown')}"),
        ("memory", f"{host.get('memory_bytes', 0) / 2**30:.0f} GiB"),
        ("system", f"{host.get('system', '?')} {host.get('kernel', '')}"),
        ("PostgreSQL", str(server.get("version", "unknown"))),
        ("the lab's Python", str(facts.get("python", "unknown"))),
        *((f"the lab's {name}", str(version)) for name, version in sorted(facts.get("packages", {}).items())),
        *((name, str(value)) for name, value in sorted(server.get("settings", {}).items())),
    ]
    return Sheet("What it was measured on; at the end the server's settings that are not the default", (), tuple(rows))


def unquotable(reasons: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
    """Return why nothing may be quoted, each fact once, from what was said of whom.

    >>> unquotable([("a", ["generator late: p99 9 ms"]), ("b", ["generator late: p99 7 ms"]), ("c", [])])
    ('Nothing of this may be quoted: generator late, 2 of 3; of a: p99 9 ms',)
    """
    by_fact: dict[str, list[tuple[str, str]]] = {}
    for who, said in reasons:
        for fact, _, rest in (reason.partition(": ") for reason in said):
            by_fact.setdefault(fact, []).append((who, rest))
    return tuple(_unquotable(fact, told, len(reasons)) for fact, told in by_fact.items())


def _unquotable(fact: str, told: Sequence[tuple[str, str]], of: int) -> str:
    who, rest = told[0]
    if of == 1:
        return f"Nothing of this may be quoted: {fact}{': ' if rest else ''}{rest}"
    return f"Nothing of this may be quoted: {fact}, {len(told)} of {of}{f'; of {who}: {rest}' if rest else ''}"


def figures(side: VariantSummary) -> tuple[str, ...]:
    """Return the figures of :data:`FIGURES` of a variant."""
    rate = "–" if side.throughput_per_s is None else f"{side.throughput_per_s:,.0f}"
    latencies = (side.latency_ms.p50, side.latency_ms.p95, side.latency_ms.p99)
    shown = ("–" if value is None else format_ms(value) for value in latencies)
    return (rate, *shown, f"{side.planned:,}", f"{side.failed:,}", f"{side.unfinished:,}")
