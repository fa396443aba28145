"""How long it takes to read and analyse a run of a million requests, beside sorting as many numbers with numpy.

Sorting is the least that exact percentiles could cost without a selection algorithm; so the ratio says what reading
the file, finding the warm-up, and splitting the time add. Run it with ``python -m benchmarks.bench_analysis``.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from lab.analyse.summary import summarise
from lab.plan import LoadPlan
from lab.record.run import Run
from tests import stored

GOAL_S = 2.0


def _timed(work: Callable[[], Any], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def _analyse(run: Run) -> None:
    summarise("null", [run])


def main(count: int = 1_000_000) -> int:
    """Print seconds and ratio; return 1 if the goal was missed."""
    plan = LoadPlan(users=count // 5000, warmup_s=20.0, measured_s=80.0)
    with tempfile.TemporaryDirectory() as folder:
        run = stored.steady(20.0, load=plan).write(Path(folder))
        numbers = np.random.default_rng(1).permutation(np.arange(float(count)))
        analysis_s = _timed(lambda: _analyse(run))
        sort_s = _timed(lambda: np.sort(numbers))
    print(f"requests                     {run.manifest.books['planned']:>12,}")
    print(f"read and analyse             {analysis_s:>12.3f} s   (goal {GOAL_S:g} s)")
    print(f"numpy.sort of as many floats {sort_s:>12.3f} s")
    print(f"ratio                        {analysis_s / sort_s:>12.1f}")
    return 0 if analysis_s <= GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
