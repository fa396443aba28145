"""A load from 1, 2 and 4 processes, and what merging their records costs: docs/scaling.md is made of its output.

Run ``python -m benchmarks scaling``. Generator and target share this machine: more processes than it has free cores
cannot make more load, and that shows here. The ratio to one process in the same round is what to read.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from lab import load
from lab.config import PROJECT
from lab.plan import LoadPlan
from lab.record import histogram, raw
from lab.record import run as record
from lab.record.run import Manifest, read_books

PROCESSES = (1, 2, 4)
SECONDS = 5.0
RATE_PER_S = 1000.0
ROWS = 1_000_000


def one_load(plan: LoadPlan, url: str) -> dict[str, float]:
    """Make one load; return its rate, the lateness and the CPU use of its processes, and whether the books balance."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = load.start(plan, url, folder, folder / "load.log")
        try:
            child.started_us(60)
            while not child.wait(1.0):
                pass
        finally:
            child.stop()
        books = read_books(folder)
        lags = b"".join(raw.lag_file(folder, book.process).read_bytes() for book in books)
        lag_us = np.frombuffer(lags, np.dtype([("t_us", "<i8"), ("lag_us", "<u4")]))["lag_us"]
        planned = sum(book.planned for book in books)
        assert all(book.balanced for book in books)
        return {
            "rate": sum(book.done for book in books) / plan.total_s,
            "lag_ms": float(np.percentile(lag_us, 99)) / 1e3,
            "cpu_us": sum(book.cpu_pct for book in books) / 100 * plan.total_s * 1e6 / planned,
        }


def scaled(url: str, rounds: int) -> None:
    """Print what 1, 2 and 4 processes do, closed and open, taken in turns."""
    plans = {
        "closed, 32 users": LoadPlan(users=32, warmup_s=0, measured_s=SECONDS),
        f"open, {RATE_PER_S:g}/s": LoadPlan(model="open", rate_per_s=RATE_PER_S, warmup_s=0, measured_s=SECONDS),
    }
    for what, plan in plans.items():
        seen: dict[int, list[dict[str, float]]] = {count: [] for count in PROCESSES}
        for number in range(rounds):
            for count in PROCESSES[:: 1 if number % 2 == 0 else -1]:
                seen[count].append(one_load(replace(plan, processes=count), url))
        for count, runs in seen.items():
            middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            ratio = statistics.median(r["rate"] / o["rate"] for r, o in zip(runs, seen[1], strict=True))
            print(
                f"{what:18} {count} process{'es' if count > 1 else '  '} {middle['rate']:7,.0f} requests/s "
                f"({ratio:.2f} of one)  late p99 {middle['lag_ms']:5.1f} ms  {middle['cpu_us']:4.0f} us of CPU each"
            )


def write_parts(folder: Path, rows: int, parts: int, counted: bool) -> None:
    """Write the raw records of *rows* requests by *parts* processes, as these would."""
    rng = np.random.default_rng(1)
    for number in range(1, parts + 1):
        mine = np.zeros(rows // parts, np.dtype(list(raw.REQUEST_FIELDS)))
        mine["intended_us"] = np.sort(rng.integers(0, 100_000_000, len(mine)))
        mine["done_after_us"] = rng.lognormal(9.0, 0.5, len(mine))
        for name in ("pool_us", "connect_us", "sql_us", "app_us"):
            mine[name] = mine["done_after_us"] * rng.random(len(mine)).astype("f4")
        mine["sent_after_us"], mine["status"], mine["bytes"] = rng.integers(5, 40, len(mine)), 200, 240
        data = b"" if counted else mine.tobytes()
        raw.requests_file(folder, number).write_bytes(data)
        if counted:
            tally = histogram.Tally()
            for intended_us, wait_us, service_us in mine[["intended_us", "sent_after_us", "done_after_us"]].tolist():
                tally.success(0, intended_us, intended_us + wait_us, intended_us + wait_us + service_us)
            raw.histogram_file(folder, number).write_bytes(tally.pack())
        books = raw.Books(number, len(mine), len(mine), 0, 0, 0, 1, 0, 0)
        raw.books_file(folder, number).write_text(json.dumps(books.as_dict()))


def merged(counted: bool) -> str:
    """Return what it costs to merge a million requests of four processes; runs in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run-01"
        manifest = Manifest("run-01", "bench", "v", {}, LoadPlan().as_dict(), 1, 0, "", 0, 0)
        record.begin(folder, manifest)
        write_parts(folder, ROWS, 4, counted)
        shipped = sum(file.stat().st_size for file in folder.glob("*.bin"))
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        record.seal(folder, manifest)
        spent_s = time.perf_counter() - begun
        more_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
        kept = (folder / f"{'histogram' if counted else 'requests'}.parquet").stat().st_size
    what = "histogram" if counted else "requests "
    return (
        f"merge of {ROWS:,} requests as {what}: {shipped / ROWS:6.2f} bytes each shipped, {kept / ROWS:6.2f} kept, "
        f"{spent_s:.2f} s, {more_mb:.0f} MB more memory"
    )


def main(rounds: int = 3) -> None:
    """Measure, and print."""
    argv = [sys.executable, "-S", str(PROJECT / "tests" / "integration" / "load_target.py"), "ok", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        try:
            scaled(f"http://127.0.0.1:{int(target.stdout.readline())}", rounds)
        finally:
            target.kill()
    for counted in (False, True):
        code = f"from benchmarks.bench_scaling import merged; print(merged({counted}))"
        print(subprocess.check_output([sys.executable, "-c", code], cwd=PROJECT, text=True).rstrip())


if __name__ == "__main__":
    main()
