"""The variants, the load and the finding in words: for titles, line ends, and alternative texts."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from lab.analyse.comparison import Comparison, Effect
from lab.analyse.gates import is_machines
from lab.analyse.summary import VariantSummary
from lab.plan import KINDS
from lab.record.run import Run
from lab.units import format_number, format_ratio

LONGEST = 24  # characters of a variant's name in a figure
_PLAIN = {"null": "NullPool", "connect": "driver alone"}
_WITH_ARTICLE = ("pool of", "driver alone", "unlimited pool", "async", "psycopg_pool")
_APART = {
    "timeout_s": "timeout",
    "recycle_s": "recycle",
    "pre_ping": "pre_ping",
    "use_lifo": "lifo",
    "reset_on_return": "reset",
    "echo_pool": "echo",
    "driver": "driver",
    "min_size": "min",
    "client_size": "client",
    "mode": "mode",
    "threads": "threads",
    "workers": "workers",
}


def names(variants: Sequence[VariantSummary]) -> list[str]:
    """Return a short name for each variant, all of them different."""
    full = [_name(variant) for variant in variants]
    for short in ([_head(name) for name in full], [_both_ends(name) for name in full]):
        if len(set(short)) == len(short):
            return short
    pools = [variant.pool for variant in variants]
    differing = [key for key in _APART if len({str(pool.get(key)) for pool in pools}) > 1]
    if differing:
        key = differing[0]
        return [f"{_head(_name(variant))}, {_APART[key]} {_value(variant.pool.get(key))}" for variant in variants]
    return [f"{_head(name)} ({number})" for number, name in enumerate(full, 1)]


def finding(comparison: Comparison) -> str:
    """Return the finding as a sentence without a full stop, computed from the verdict."""
    first, second = (_spoken(name) for name in names(comparison.variants))
    effect = comparison.effect
    if effect.verdict == "invalid":
        return f"Not valid: {_fact(effect.reasons)}"
    if effect.verdict == "no evidence" or effect.ratio is None:
        return f"No evidence that {second} and {first} differ in {_metric(effect)}"
    return (
        _throughput(effect.ratio, first, second) if effect.higher_is_faster else _latency(effect.ratio, first, second)
    )


def subtitle(comparison: Comparison, runs: Sequence[Run]) -> str:
    """Return the interval, the pairs, the load and the machine, in one line."""
    manifest = runs[0].manifest
    load, effect = manifest.load, comparison.effect
    pairs = len(effect.pairs) or len(comparison.first.runs)
    many = f"{pairs} interleaved pairs" if pairs > 1 else "one pair"
    parts = [_interval(effect), f"{many} of {float(load.get('measured_s', 0)):g} s", _load(load), _machine(runs)]
    return "  ·  ".join(part for part in parts if part)


def remarks(comparison: Comparison) -> list[str]:
    """Return what must be read beside the figure: reasons, notes, and percentiles that could not be had."""
    lines = [_capital(reason) for reason in (*comparison.effect.reasons, *comparison.notes)]
    if any(variant.latency_ms.p99 is None for variant in comparison.variants):
        for variant, name in zip(comparison.variants, names(comparison.variants), strict=True):
            if variant.latency_ms.p99 is None:
                least = min(run.answered for run in variant.runs)
                lines.append(f"No p99 for {name}: it takes 1,000 answers in every run, the smallest has {least:,}")
    return lines


def alt(comparison: Comparison) -> str:
    """Return the finding as a sentence, for those who don't see the figure."""
    effect = comparison.effect
    sentence = finding(comparison)
    if effect.verdict == "invalid":
        busy = all(is_machines(reason) for reason in effect.reasons)
        return f"{sentence}. {'No figure of it may be quoted.' if busy else 'The runs prove nothing.'}"
    if effect.ratio is None or effect.low is None or effect.high is None:
        return f"{sentence}: {'; '.join(effect.reasons)}."
    return f"{sentence} (ratio {format_ratio(effect.ratio)}, {_interval(effect)}, {len(effect.pairs)} pairs)."


def ratio_axis(comparison: Comparison) -> str:
    """Return the label of the axis on which the effect is drawn."""
    what = "requests per second" if comparison.effect.higher_is_faster else "median latency"
    first, second = names(comparison.variants)
    return f"{what}, {second} / {first}"


def wrapped(text: str, width: int) -> str:
    """Return *text* in lines of at most *width* characters."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=True)) or text


def _name(variant: VariantSummary) -> str:
    if variant.name.partition(":")[0].partition("#")[0] not in KINDS:
        return variant.name
    return pool_name(variant.pool)


def pool_name(pool: Mapping[str, Any]) -> str:
    """Return what a pool is called in figures.

    >>> pool_name({"kind": "queue", "size": 10, "overflow": 0}), pool_name({"kind": "null"})
    ('pool of 10', 'NullPool')
    >>> pool_name({"kind": "pgbouncer", "size": 5, "client_size": 10})
    'PgBouncer of 5, pool 10'
    """
    kind, size = str(pool.get("kind", "")), pool.get("size")
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "psycopg_pool":
        return f"psycopg_pool of {size}"
    if kind == "pgbouncer":
        client = pool.get("client_size")
        return f"PgBouncer of {size}" + (f", pool {client}" if client else "")
    return ("async " if kind == "async" else "") + _queue_name(size, pool.get("overflow"))


def _queue_name(size: object, overflow: object) -> str:
    if overflow == -1:
        return f"pool of {size} or more" if size else "unlimited pool"
    return f"pool of {size}+{overflow}" if overflow else f"pool of {size}"


def _head(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    words = name[: LONGEST - 1].rpartition(" ")[0]
    return f"{words if len(words) > LONGEST // 2 else name[: LONGEST - 1]}…"


def _both_ends(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    half = (LONGEST - 1) // 2
    return f"{name[:half].rstrip()}…{name[-half:].lstrip()}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _spoken(name: str) -> str:
    return f"the {name}" if name.startswith(_WITH_ARTICLE) else name


def _fact(reasons: Sequence[str]) -> str:
    return reasons[0].partition(":")[0] if reasons else "the runs prove nothing"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _metric(effect: Effect) -> str:
    return "throughput" if effect.higher_is_faster else "median latency"


def _throughput(ratio: float, first: str, second: str) -> str:
    if ratio >= 1.5:
        return _capital(f"{second} answers {_times(ratio)} as many requests as {first}")
    if ratio <= 1 / 1.5:
        return _capital(f"{first} answers {_times(1 / ratio)} as many requests as {second}")
    more = "more" if ratio > 1 else "fewer"
    return _capital(f"{second} answers {_percent(ratio)} {more} requests than {first}")


def _latency(ratio: float, first: str, second: str) -> str:
    if ratio >= 1.5:
        return f"The median latency with {second} is {_times(ratio)} that with {first}"
    if ratio <= 1 / 1.5:
        return f"The median latency with {first} is {_times(1 / ratio)} that with {second}"
    way = "higher" if ratio > 1 else "lower"
    return f"The median latency with {second} is {_percent(ratio)} {way} than with {first}"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{format_number(float(round(ratio)))} times"


def _percent(ratio: float) -> str:
    return f"{abs(ratio - 1) * 100:.2g} %"


def _interval(effect: Effect) -> str:
    if effect.low is None or effect.high is None:
        return "no interval" if effect.ratio is not None else ""
    return f"95 % interval {format_ratio(effect.low)} to {format_ratio(effect.high)}"


def _load(load: Mapping[str, Any]) -> str:
    if load.get("model") == "open":
        return f"{format_number(float(load.get('rate_per_s', 0)))} arrivals per second"
    users, think = int(load.get("users", 0)), float(load.get("think_s", 0))
    who = f"{users:,} user" + ("s" if users != 1 else "")
    return f"{who}, {think:g} s apart" if think else f"{who} without pause"


def _machine(runs: Sequence[Run]) -> str:
    workers = sorted({int(run.manifest.pool.get("workers", 1)) for run in runs})
    of = " and ".join(map(str, workers))
    environment = runs[0].manifest.environment
    version, cores = server_version(environment), environment.get("host", {}).get("cores")
    parts = [f"{of} worker" + ("s" if workers != [1] else "")]
    parts += [f"PostgreSQL {version}"] if version else []
    parts += [f"{cores} core" + ("s" if cores != 1 else "")] if cores else []
    return "  ·  ".join(parts)


def server_version(environment: Mapping[str, Any]) -> str:
    """Return the server's version as its environment tells it; an empty text if it does not."""
    server = environment.get("server", {})
    return str(server.get("version", "")).split(" ")[0]


def max_connections(environment: Mapping[str, Any]) -> int | None:
    """Return the server's limit as its environment tells it; None if it does not."""
    server = environment.get("server", {})
    settings = server.get("settings")  # of which one that is PostgreSQL's own is left out
    found = server.get("max_connections", settings.get("max_connections", 100) if settings else None)
    return int(found) if str(found).isdecimal() else None
