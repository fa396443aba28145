"""What several reports have in common: the environment, and the figures of runs."""

from collections.abc import Mapping
from typing import Any

from lab.analyse.summary import VariantSummary
from lab.report import Sheet
from lab.units import format_ms

FIGURES = ("answered per second", "latency p50", "latency p95", "latency p99", "planned", "failed", "unfinished")


def environment(facts: Mapping[str, Any]) -> Sheet:
    """Return machine, versions and the server's settings that are not PostgreSQL's own."""
    host, server = facts.get("host", {}), facts.get("server", {})
    rows = [
        ("machine", f"{host.get('cores', '?')} cores, {host.get('cpu', 'unknown')}"),
        ("memory", f"{host.get('memory_bytes', 0) / 2**30:.0f} GiB"),
        ("system", f"{host.get('system', '?')} {host.get('kernel', '')}"),
        ("PostgreSQL", str(server.get("version", "unknown"))),
        ("Python", str(facts.get("python", "unknown"))),
        *((name, str(version)) for name, version in sorted(facts.get("packages", {}).items())),
        *((name, str(value)) for name, value in sorted(server.get("settings", {}).items())),
    ]
    return Sheet("What it was measured on; at the end the server's settings that are not the default", (), tuple(rows))


def figures(side: VariantSummary) -> tuple[str, ...]:
    """Return the figures of :data:`FIGURES` of a variant."""
    rate = "–" if side.throughput_per_s is None else f"{side.throughput_per_s:,.0f}"
    latencies = (side.latency_ms.p50, side.latency_ms.p95, side.latency_ms.p99)
    shown = ("–" if value is None else format_ms(value) for value in latencies)
    return (rate, *shown, f"{side.planned:,}", f"{side.failed:,}", f"{side.unfinished:,}")
