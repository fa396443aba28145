"""What the processes and the machine used during a window, from the table ``system``; None where it was not seen.

Counters only grow, so a use is the difference of two rows over the time between them: the last row before the window
and the first one after it, or the outermost there are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.analyse.measured import Measured
from lab.record import raw
from lab.record.run import Run

PARTS = ("app", "generator", "server", "observer", "lab")
_WITH_POOLER = (*PARTS, "pooler")


@dataclass(frozen=True, slots=True)
class Use:
    """Per cent; of one core for processes, of all cores for the machine, of the usable ones where held back."""

    observer_cpu_pct: float | None
    generator_cpu_pct: float | None  # of one core for each load process
    steal_pct: float | None
    throttled_pct: float | None
    others_pct: float | None  # of the machine: programs that have no part in the run
    lag_ms_p99: float | None  # of the generator's event loop
    app_cpu_pct: float | None = None  # of one core, all processes together
    server_cpu_pct: float | None = None  # of one core, all backends together
    machine_pct: float | None = None


def use(run: Run, measured: Measured) -> Use:
    """Return what was used while *run*'s window was open."""
    rows = run.table("system")
    columns = {name: rows[name].to_numpy(zero_copy_only=False) for name in ("t_us", "cpu_s", "steal_s", "throttled_s")}
    role = np.array(rows["role"].to_pylist(), dtype=object)
    window = (measured.start_us, measured.end_us)

    def share(who: str, column: str, of_cores: float) -> float | None:
        mine = role == who
        return _growth_pct(columns["t_us"][mine], columns[column][mine].astype(float), window, of_cores)

    cores = machine_cores(measured)
    named = _WITH_POOLER if run.manifest.pool.get("kind") == "pgbouncer" else PARTS
    parts = {who: share(who, "cpu_s", cores) for who in named}
    told = max(_told_pct(measured), default=None)
    joined = bool(measured.manifest.load.get("joined"))
    if joined:
        # beside the lab there is only the process that leads; on other machines the load costs this one nothing
        parts["generator"] = sum(_told_pct(measured, here=True)) / cores
    return Use(
        observer_cpu_pct=share("observer", "cpu_s", 1),
        generator_cpu_pct=told if joined else share("generator", "cpu_s", _processes(measured)),
        steal_pct=share("machine", "steal_s", cores),
        throttled_pct=share("machine", "throttled_s", usable_cores(measured)),  # of the control group's, not the host's
        others_pct=_others_pct(share("machine", "cpu_s", cores), list(parts.values()), measured),
        lag_ms_p99=_lag_ms_p99(run, window),
        app_cpu_pct=share("app", "cpu_s", 1),
        server_cpu_pct=share("server", "cpu_s", 1),
        machine_pct=share("machine", "cpu_s", cores),
    )


def _processes(measured: Measured) -> int:
    return int(measured.manifest.load.get("processes", 1))


def _told_pct(measured: Measured, here: bool = False) -> list[float]:
    """Return what each load process says of its use over the whole load, of a core; the lost ones said nothing.

    Those that ran in containers of their own, or on other machines, cannot be seen from here; with *here* only those
    that read this machine's clock.
    """
    return [
        float(loader["cpu_pct"])
        for loader in measured.manifest.loaders
        if not loader.get("lost_us") and not (here and loader.get("offset_error_us"))
    ]


def _others_pct(machine_pct: float | None, parts_pct: list[float | None], measured: Measured) -> float | None:
    """Return what is left of the machine's use without the run's own parts; None where a part was not seen whole.

    Only Linux tells the time of backends that have ended, and an attached server is not watched.
    """
    known = [share for share in parts_pct if share is not None]
    if (
        machine_pct is None
        or len(known) < len(parts_pct)
        or measured.manifest.environment.get("host", {}).get("system") != "Linux"
    ):
        return None
    return max(0.0, machine_pct - sum(known))


def usable_cores(measured: Measured) -> int:
    """Return the cores that the run could use; 1, the strictest, if its environment does not say."""
    return max(1, int(measured.manifest.environment.get("host", {}).get("cores", 1)))


def machine_cores(measured: Measured) -> int:
    """Return the cores that the machine's counters cover, which can be more than the run may use.

    1, the strictest, if the run's environment does not say.
    """
    host = measured.manifest.environment.get("host", {})
    return max(1, int(host.get("machine_cores", host.get("cores", 1))))


def _growth_pct(
    t_us: np.ndarray[Any, Any], counter_s: np.ndarray[Any, Any], window: tuple[int, int], cores: float
) -> float | None:
    known = ~np.isnan(counter_s)
    t, used = t_us[known], counter_s[known]
    if len(t) < 2:
        return None
    first = max(0, int(np.searchsorted(t, window[0], side="right")) - 1)
    last = min(len(t) - 1, int(np.searchsorted(t, window[1], side="left")))
    if t[last] <= t[first] or used[last] < used[first]:
        return None
    return float(100e6 * (used[last] - used[first]) / (float(t[last] - t[first]) * cores))


def _lag_ms_p99(run: Run, window: tuple[int, int]) -> float | None:
    rows = run.table("lag", ("t_us", "lag_us"))
    t_us, lag_us = rows["t_us"].to_numpy(), rows["lag_us"].to_numpy()
    inside = (t_us >= window[0]) & (t_us < window[1])
    lag_ms = (lag_us[inside] if inside.any() else lag_us) / 1e3
    if len(lag_ms) == 0:
        return None
    # a gate needs a value, however few the readings
    return float(np.percentile(_as_seen_all_along(lag_ms), 99, method="inverted_cdf"))


def _as_seen_all_along(lag_ms: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Add the readings that a late loop did not take: who is 35 ms late would have read 25, 15 and 5 ms as well.

    Without them a generator that stood still for a second would show in a single reading of many.
    """
    step_ms = raw.LAG_EVERY_US / 1e3
    late = lag_ms[lag_ms > step_ms]
    missed = [np.arange(value - step_ms, 0, -step_ms) for value in late]
    return np.concatenate([lag_ms, *missed])
