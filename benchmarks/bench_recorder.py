"""What recording a load costs: microseconds and bytes for each request, and throughput beside a bare FastHttpUser.

Run ``python benchmarks/bench_recorder.py [pairs] [seconds]``. Generator and target share the machine, so read the
ratios, not the rates. Goals: at most 5 us and 64 bytes a request, and 0.95 of the bare generator's throughput.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # the benchmark itself is no load generator

from locust.env import Environment

from lab.config import PROJECT
from lab.load import command
from lab.plan import LoadPlan
from lab.record import raw
from loadtests.recorder import Recorder
from loadtests.stores import Files

HEADER = "pool;dur=0.250, connect;dur=0.000, sql;dur=1.512, app;dur=2.125"
COUNT = 100_000
USERS = 16
BARE = """
from locust import FastHttpUser, task

class Bare(FastHttpUser):
    concurrency = 1

    @task
    def ask(self):
        self.client.get("/posts/1", name="post")
"""


def cost_us(action: Callable[[], None]) -> float:
    """Return the median of five rounds, microseconds for each call."""
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(COUNT):
            action()
        rounds.append((time.perf_counter() - begun) / COUNT * 1e6)
    return statistics.median(rounds)


def recorder_cost(folder: Path) -> tuple[float, float]:
    """Return microseconds and bytes for each request, two of its stamps and the writing to disk included."""
    recorder = Recorder(Files(folder))
    flight = recorder.flight()

    def request() -> None:
        sent_us = time.monotonic_ns() // 1000
        recorder.plan()
        recorder.depart(flight, 0, sent_us, sent_us)
        recorder.land(flight, time.monotonic_ns() // 1000, 200, 1234, HEADER)
        if recorder.planned % 5000 == 0:
            recorder.flush()

    spent_us = cost_us(request)
    recorder.close(0, 0)
    return spent_us, raw.requests_file(folder, os.getpid()).stat().st_size / recorder.planned


def locust_cost() -> float:
    """Return what firing Locust's request event costs, with Locust's own statistics listening."""
    environment: Any = Environment()
    environment.create_local_runner()
    fire = environment.events.request.fire

    def request() -> None:
        fire(request_type="GET", name="post", response_time=2.5, response_length=99, exception=None, context={})

    return cost_us(request)


def throughput(argv: list[str], env: dict[str, str], folder: Path, seconds: float) -> tuple[float, float]:
    """Run one load; return requests per second, and the generator's CPU microseconds for each."""
    file = folder / "stats.json"
    begun = os.times()
    subprocess.run(
        [*argv, "--json-file", str(folder / "stats")], env={**os.environ, **env}, check=True, capture_output=True
    )
    ended = os.times()
    count = sum(entry["num_requests"] for entry in json.loads(file.read_text()))
    cpu_s = ended.children_user - begun.children_user + ended.children_system - begun.children_system
    return count / seconds, cpu_s / count * 1e6


def arms(url: str, folder: Path, seconds: float) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the three commands that are compared, with their environment."""
    plan = LoadPlan(users=USERS, warmup_s=0, measured_s=seconds)
    (plan_file := folder / "plan.json").write_text(json.dumps(plan.as_dict()))
    (bare := folder / "bare.py").write_text(BARE)
    # fmt: off
    stock = [sys.executable, "-m", "locust", "-f", str(bare), "--headless", "--only-summary", "-H", url,
             "-u", str(USERS), "-r", str(USERS), "-t", f"{seconds:g}s", "--exit-code-on-error", "0"]
    # fmt: on
    ours = command(plan, url, plan_file)
    return {
        "bare FastHttpUser": (stock, {"LOCUST_SKIP_MONKEY_PATCH": ""}),
        "ours, not recorded": (ours, {"LOCUST_SKIP_MONKEY_PATCH": ""}),
        "ours, recorded": (ours, {"LOCUST_SKIP_MONKEY_PATCH": "", "LAB_LOAD_RECORD": str(folder)}),
    }


def compare(url: str, folder: Path, pairs: int, seconds: float) -> None:
    """Print the throughput of the three, taken in turns, forwards and backwards."""
    commands = arms(url, folder, seconds)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(pairs):
        for name in list(commands)[:: 1 if number % 2 == 0 else -1]:
            seen[name].append(throughput(*commands[name], folder, seconds))
    for name, runs in seen.items():
        rate, cpu_us = (statistics.median(values) for values in zip(*runs, strict=True))
        print(f"{name:20} {rate:8.0f} requests/s  {cpu_us:6.0f} us of CPU each (start-up included)")
    for other in list(commands)[:2]:
        ratios = [ours[0] / theirs[0] for ours, theirs in zip(seen["ours, recorded"], seen[other], strict=True)]
        print(f"recorded / {other}: {statistics.median(ratios):.2f} (pairs {', '.join(f'{r:.2f}' for r in ratios)})")


def main(pairs: int = 3, seconds: float = 3.0) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spent_us, size = recorder_cost(folder)
        print(f"recorder: {spent_us:.2f} us and {size:.0f} bytes a request (goals: 5 us, 64 bytes)")
        print(f"Locust's own event and statistics, same process: {locust_cost():.2f} us")
        argv = [sys.executable, "-S", str(PROJECT / "tests" / "integration" / "load_target.py"), "ok", "0"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as target:
            assert target.stdout is not None
            try:
                compare(f"http://127.0.0.1:{int(target.stdout.readline())}", folder, pairs, seconds)
            finally:
                target.kill()


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)))
