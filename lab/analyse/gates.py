"""What makes a comparison invalid, and what is only worth a note: one line each, with the value and the limit.

A gate looks at all runs and speaks once, of the worst. Each line begins with the fact in a few words, before a colon.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lab.analyse.summary import RunSummary
from lab.analyse.system import Use
from lab.record import raw
from lab.units import format_number

LAG_LIMIT_MS = 5.0  # the generator's lateness at its 99th percentile, and ...
LAG_LIMIT_SHARE = 0.25  # ... of the highest latency percentile that is reported; both must be passed
GENERATOR_LIMIT_PCT = raw.SATURATED_PCT  # of one core, for each load process
STARVED_LIMIT_PCT = 5.0  # of the machine's time: stolen by other guests, or held back by the control group
FAILED_LIMIT_PCT = 1.0  # of a variant's requests: from there on its successes are a selection
OTHERS_LIMIT_PCT = 25.0  # of the machine's time: used by programs that have no part in the run


def reasons(runs: Sequence[RunSummary]) -> list[str]:
    """Return why *runs* prove nothing; empty if they may be believed."""
    gates = (
        _flags,
        _loads,
        _environments,
        _books,
        _pool_books,
        _unfinished,
        _failed,
        _late,
        _saturated,
        _starved,
        _never_steady,
    )
    return [reason for gate in gates for reason in gate(runs)]


def notes(runs: Sequence[RunSummary]) -> list[str]:
    """Return what a reader should know of *runs* although it does not make them invalid."""
    return [*_failures(runs), *_others_connected(runs), *_sometimes_unsteady(runs)]


def is_machines(reason: str) -> bool:
    """Whether a reason blames the machine's lack of time, which fell on both variants of every pair alike.

    A difference of several times is then still one, though no figure of it may be quoted.
    """
    return reason.startswith(("generator late", "machine starved"))


def is_overload(reason: str) -> bool:
    """Whether a reason is what too much load brings by itself: a rate that is missed may give it, and is missed."""
    return reason.startswith(("unfinished requests", "failed requests", "no steady state"))


def facts(reasons: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return each fact of several runs' reasons once, with the number of runs that have it.

    >>> facts([["machine starved: 40 %"], ["machine starved: 60 %"], []])
    ('machine starved, 2 of 3 runs',)
    """
    found = [fact for each in reasons for fact in dict.fromkeys(reason.partition(":")[0] for reason in each)]
    return tuple(f"{fact}, {found.count(fact)} of {len(reasons)} runs" for fact in dict.fromkeys(found))


def _flags(runs: Sequence[RunSummary]) -> Iterator[str]:
    yield from dict.fromkeys(flag for run in runs for flag in run.flags)


def _loads(runs: Sequence[RunSummary]) -> Iterator[str]:
    differing = _differing([{k: v for k, v in run.load.items() if k != "seed"} for run in runs])
    if differing:
        yield f"unlike loads: the runs differ in {', '.join(differing)}; compare runs of one plan"


def _environments(runs: Sequence[RunSummary]) -> Iterator[str]:
    kinds = len({run.environment_hash for run in runs})
    if kinds > 1:
        where = ", ".join(_differing([_flat(run.environment) for run in runs])[:3]) or "their hash"
        yield f"unlike environments: {kinds} among {len(runs)} runs, where 1 is allowed; they differ in {where}"


def _books(runs: Sequence[RunSummary]) -> Iterator[str]:
    for run in runs:
        told = {key: run.books.get(key) for key in ("planned", "done", "failed", "unfinished")}
        seen = {key: getattr(run.counts, key) for key in told}
        if told != seen:
            yield f"books do not balance: {run.run} tells {told}, its requests say {seen}".replace("'", "")
            return


def _pool_books(runs: Sequence[RunSummary]) -> Iterator[str]:
    """Say of the worst run that what the meter summed up is not what was counted: one of the two is wrong."""
    wrong = [(law, run) for run in runs if run.pool for law in run.pool.laws if not law.balances]
    if wrong:
        law, run = max(wrong, key=lambda one: abs(one[0].by_sums - one[0].by_count) / one[0].limit)
        sums, count, limit = (format_number(value) for value in (law.by_sums, law.by_count, law.limit))
        yield (
            f"pool books do not balance: {run.run} has a mean of {sums} {law.what} by the meter's sums and {count} by "
            f"counting, limit {limit} apart; its waits and holds are not to be believed"
        )


def _unfinished(runs: Sequence[RunSummary]) -> Iterator[str]:
    lost = sum(run.counts.unfinished for run in runs)
    if lost:
        planned = sum(run.counts.planned for run in runs)
        yield f"unfinished requests: {lost:,} of {planned:,}, limit 0; they are the slowest, and no percentile has them"


def _failed(runs: Sequence[RunSummary]) -> Iterator[str]:
    for variant in dict.fromkeys(run.variant for run in runs):
        mine = [run for run in runs if run.variant == variant]
        failed, planned = (sum(getattr(run.counts, name) for run in mine) for name in ("failed", "planned"))
        if planned and 100 * failed / planned > FAILED_LIMIT_PCT:
            share = format_number(100 * failed / planned)
            yield f"failed requests: {share} % of {variant}, limit {FAILED_LIMIT_PCT:g}; what succeeds is a selection"


def _others_connected(runs: Sequence[RunSummary]) -> Iterator[str]:
    for run in runs:
        server, app = run.sessions_opened, run.metered_connects
        if server is not None and app is not None and server != app:
            yield f"sessions: the server counted {server:,} in {run.run}, the app opened {app:,}: others were connected"
            return


def _late(runs: Sequence[RunSummary]) -> Iterator[str]:
    late = [run for run in runs if _is_late(run)]
    if late:
        worst = max(run.use.lag_ms_p99 or 0.0 for run in late)
        limit = f"{LAG_LIMIT_MS:g} ms and {100 * LAG_LIMIT_SHARE:g} % of the latency"
        yield f"generator late: p99 {format_number(worst)} ms in {len(late)} of {len(runs)} runs, limit {limit}"


def _is_late(run: RunSummary) -> bool:
    lag_ms, latency_ms = run.use.lag_ms_p99, run.latency_ms.highest
    if lag_ms is None or lag_ms <= LAG_LIMIT_MS:
        return False
    return latency_ms is None or lag_ms > LAG_LIMIT_SHARE * latency_ms


def _saturated(runs: Sequence[RunSummary]) -> Iterator[str]:
    if any(flag.startswith("generator saturated") for run in runs for flag in run.flags):
        return  # it said so itself
    yield from _over(runs, "generator saturated", lambda u: u.generator_cpu_pct, GENERATOR_LIMIT_PCT, "% of a core")


def _starved(runs: Sequence[RunSummary]) -> Iterator[str]:
    yield from _over(runs, "machine starved by other guests", lambda u: u.steal_pct, STARVED_LIMIT_PCT, "% stolen")
    yield from _over(
        runs, "machine starved by its control group", lambda u: u.throttled_pct, STARVED_LIMIT_PCT, "% held back"
    )
    yield from _over(runs, "machine starved by other programs", lambda u: u.others_pct, OTHERS_LIMIT_PCT, "% of it")


def _over(
    runs: Sequence[RunSummary], fact: str, value: Callable[[Use], float | None], limit: float, unit: str
) -> Iterator[str]:
    over = [found for run in runs if (found := value(run.use)) is not None and found > limit]
    if over:
        yield f"{fact}: {format_number(max(over))} {unit} in {len(over)} of {len(runs)} runs, limit {limit:g}"


def _never_steady(runs: Sequence[RunSummary]) -> Iterator[str]:
    if all(run.lost and not run.answered for run in runs):
        return  # nothing drifts where nothing was answered, and a longer warm-up would not help
    if runs and not any(run.steady for run in runs):
        yield f"no steady state: latency drifts past the half of all {len(runs)} runs; give a longer warm-up"


def _sometimes_unsteady(runs: Sequence[RunSummary]) -> Iterator[str]:
    unsteady = [run.run for run in runs if not run.steady]
    if unsteady and len(unsteady) < len(runs):
        yield f"no steady state in {len(unsteady)} of {len(runs)} runs: latency drifts past the half of {unsteady[0]}"


def _failures(runs: Sequence[RunSummary]) -> Iterator[str]:
    failed = sum(run.counts.failed for run in runs)
    if failed:
        planned = sum(run.counts.planned for run in runs)
        yield f"{failed:,} of {planned:,} requests failed: latency and throughput are those of the successes"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _differing(each: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for values in each for key in values})
    return [key for key in keys if any(values.get(key) != each[0].get(key) for values in each)]
