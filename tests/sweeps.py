"""Whole sweeps with known numbers: complete runs of closed or open loads, stored as a sweep leaves them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.plan import LoadPlan, PoolConfig
from lab.record.sweep import Planned, Sweep, begin
from tests.stored import Stored


def closed_run(users: int, per_s: float, seconds: float = 4.0, **other: Any) -> Stored:
    """Return a run of *users* without think time who get *per_s* answers: each takes users / per_s, one after other."""
    ends = np.arange(1, int(seconds * per_s) + 1) / per_s
    begins = np.concatenate([np.zeros(users), ends])[: len(ends)]
    load = LoadPlan(users=users, warmup_s=0.0, measured_s=seconds)
    return Stored(begins, (ends - begins) * 1e3, load=load, **other)


def open_run(rate_per_s: float, latency_ms: float, seconds: float = 4.0, **other: Any) -> Stored:
    """Return a run of arrivals at even times, each answered after about *latency_ms*."""
    begins = np.arange(int(seconds * rate_per_s)) / rate_per_s
    spread = np.random.default_rng(1).exponential(latency_ms / 2, len(begins))
    load = LoadPlan(model="open", rate_per_s=rate_per_s, warmup_s=0.0, measured_s=seconds)
    return Stored(begins, latency_ms / 2 + spread, load=load, **other)


def write(
    root: Path,
    axis: str,
    values: Sequence[float],
    pools: Sequence[str],
    made: Callable[[str, float, int], Stored],
    repeats: int = 3,
    objective: Mapping[str, float] | None = None,
) -> Sweep:
    """Write a sweep of every pool at every value; *made* gives the run of (pool, value, repeat)."""
    combinations = [(pool, value) for pool in pools for value in values]
    cells = [
        {"id": f"cell-{number:02d}", "parameters": ({"pool": pool} if len(pools) > 1 else {}) | {axis: value}}
        for number, (pool, value) in enumerate(combinations, 1)
    ]
    planned, runs = [], []
    for repeat in range(1, repeats + 1):
        for cell, (pool, value) in zip(cells, combinations, strict=True):
            parsed, number = PoolConfig.parse(pool), len(planned) + 1
            planned.append(Planned(number, f"run-{number:02d}-{parsed.kind}", str(cell["id"]), repeat))
            runs.append(replace(made(pool, value, repeat), variant=str(cell["id"]), pool=parsed))
    question = {"question": "How does it grow?", "objective": dict(objective or {})}
    sweep = begin(Sweep(root / "sweep", "grow", "h", "m", question, cells, tuple(planned), repeats))
    for run, place in zip(runs, planned, strict=True):
        run.write(root / "made" / str(place.number)).folder.rename(sweep.folder / place.folder)
    return sweep
