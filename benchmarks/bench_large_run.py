"""A run of ten million requests: sealed, summarised, shown, and loaded into pandas, each in a process of its own.

The requests are made up, and written as the recorder writes them; from there on everything is the lab's own way. The
reference is a process that reads the same columns with pyarrow and sorts two of them with numpy: less can't give exact
percentiles without a selection. Times are of whole processes, imports and all; memory is the most that one had.
Run it with ``python -m benchmarks.bench_large_run [REQUESTS]``.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.plan import LoadPlan
from tests import stored

GOAL_S, GOAL_BYTES = 10.0, 2 * 10**9
_HERE = "benchmarks.bench_large_run"


def _measured(*words: str) -> tuple[float, float, int]:
    """Run a command; return its seconds, its seconds of CPU, and the most memory it had, bytes."""
    begun = time.perf_counter()
    child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with code {child.returncode}")
    # macOS counts bytes here, everybody else kilobytes
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def make(root: str, count: str) -> None:
    """Write a run of about *count* requests, not sealed yet: a closed load of 100 s."""
    plan = LoadPlan(users=int(count) // 5000, warmup_s=20.0, measured_s=80.0)
    stored.steady(20.0, load=plan).write_raw(Path(root))


def seal(folder: str) -> None:
    """Seal it, as the end of a run does."""
    from lab.record import run as record

    record.seal(Path(folder), record.read_manifest(Path(folder)))


def reference(folder: str) -> None:
    """Read the columns that the analysis reads, and sort two as long as latencies."""
    import numpy as np
    import pyarrow.parquet as pq

    parts = [f"{part}_us" for part in ("intended", "sent", "done", "pool", "connect", "sql", "app")]
    columns = {}
    for name in (*parts, "failed", "unfinished"):
        columns[name] = pq.ParquetFile(Path(folder) / "requests.parquet").read([name])[name].to_numpy()
    for since in ("intended_us", "sent_us"):
        np.sort(columns["done_us"] - columns[since])


def summarise(folder: str) -> None:
    """Summarise and judge it, as every command does."""
    from lab.analyse import gates
    from lab.analyse.summary import summarise as summary
    from lab.record.run import open_run

    gates.reasons(summary("run", [open_run(Path(folder))]).runs)


def frames(folder: str) -> None:
    """Load its requests into pandas."""
    from lab.record import load

    load(folder)["requests"]


def main(count: int = 10_000_000) -> int:
    """Print seconds, CPU and memory of each step; return 1 if the goal was missed."""
    with tempfile.TemporaryDirectory() as root:
        _measured("-m", _HERE, "make", root, str(count))
        folder = str(next(Path(root).glob("run-*")))
        steps = {
            "seal (raw files to Parquet)": ("-m", _HERE, "seal", folder),
            "reference: read, sort two": ("-m", _HERE, "reference", folder),
            "summarise and judge": ("-m", _HERE, "summarise", folder),
            "lab show": ("-m", "lab.cli", "show", folder),
            "lab report": ("-m", "lab.cli", "report", folder),
            "load into pandas": ("-m", _HERE, "frames", folder),
        }
        found = {name: _measured(*words) for name, words in steps.items()}
    print(f"{count:,} requests{'':>15} {'s':>7} {'CPU s':>7} {'MB':>7}")
    for name, (seconds, cpu_s, size_bytes) in found.items():
        print(f"{name:<32} {seconds:>7.2f} {cpu_s:>7.2f} {size_bytes / 1e6:>7,.0f}")
    ratio = found["summarise and judge"][1] / found["reference: read, sort two"][1]
    print(f"{'ratio of CPU to the reference':<32} {ratio:>7.2f}")
    print(f"{'goal, to summarise and show':<32} {GOAL_S:>7g} {'':>7} {GOAL_BYTES / 1e6:>7,.0f}")
    looked = [found[name] for name in ("summarise and judge", "lab show")]
    return 0 if all(seconds <= GOAL_S and size_bytes <= GOAL_BYTES for seconds, _, size_bytes in looked) else 1


_STEPS = {"seal": seal, "reference": reference, "summarise": summarise, "frames": frames}

if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].isdecimal():
        if sys.argv[1] == "make":
            make(*sys.argv[2:])
        else:
            _STEPS[sys.argv[1]](sys.argv[2])
        sys.exit(0)
    sys.exit(main(*map(int, sys.argv[1:])))
