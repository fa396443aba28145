"""What the observer costs: CPU of its process and of its backend, as a share of one core.

    python benchmarks/bench_observer.py [OBSERVER_DSN APP_DSN] [--seconds 6]

Without DSNs it starts a server of its own. 50 connections lie idle and 2 are busy while it looks.
Goal: at most 1 % of a core at 10 Hz.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import psycopg2
from psycopg2.extensions import connection, parse_dsn

from lab import config as settings
from lab import observe
from lab import server as servers
from lab.observe.session import APPLICATION

GOAL_PCT = 1.0


def cpu_s(pid: int) -> float:
    """Return CPU seconds used so far: to the nanosecond from schedstat on Linux, else to the tick."""
    schedstat = Path(f"/proc/{pid}/schedstat")
    if schedstat.exists():
        return int(schedstat.read_text().split()[0]) / 1e9
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def backend_and_server(dsn: str) -> tuple[int, int]:
    """Return the pids of the observer's backend and of the postmaster."""
    with closing(psycopg2.connect(dsn, application_name="lab-admin-bench")) as asking, asking.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", (APPLICATION,))
        row = cursor.fetchone()
    if row is None:
        raise SystemExit("the observer's backend is not to be seen; give the DSN of a role with pg_monitor")
    return row[0], psutil.Process(row[0]).ppid()


def keep_busy(client: connection, ended: threading.Event) -> None:
    """Run short statements, about 500 a second, until told to end."""
    with client.cursor() as cursor:
        while not ended.wait(0.002):
            cursor.execute("SELECT count(*) FROM generate_series(1, 100)")
            client.rollback()


def measure(dsn: str, app_dsn: str, hz: float, seconds: float) -> float:
    """Print one line and return the total in percent of a core."""
    target = parse_dsn(app_dsn)["dbname"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seen = observe.start(dsn, target, folder, application="lab-bench", watch={}, hz=hz, log=folder / "log")
        backend, server = backend_and_server(dsn)
        seen.watch("server", server)
        time.sleep(1.0)  # what starting costs is not what observing costs
        before = cpu_s(seen.pid), cpu_s(backend), time.monotonic()
        time.sleep(seconds)
        after = cpu_s(seen.pid), cpu_s(backend), time.monotonic()
        seen.stop()
    python_pct, backend_pct = (100 * (after[i] - before[i]) / (after[2] - before[2]) for i in (0, 1))
    total_pct = python_pct + backend_pct
    goal = f" (goal {GOAL_PCT})" if hz == 10 else ""
    parts = f"python {python_pct:.2f}, backend {backend_pct:.2f}"
    print(f"observer: {total_pct:.2f} % of a core at {hz:g} Hz{goal}, {parts}")
    return total_pct


@contextmanager
def own_server() -> Iterator[tuple[str, str]]:
    """Start a server for the benchmark alone and yield the observer's and the application's DSN."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as name:
        Path(name).chmod(0o711)  # the server's account passes through
        with servers.running(settings.read({"LAB_HOME": f"{name}/lab"})) as server:
            yield server.observer_dsn, server.app_dsn


def main() -> int:
    """Measure at 10 and at 20 Hz; 1 if the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsns", nargs="*", help="the observer's (to another database than the app's), the app's")
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    if len(given.dsns) not in (0, 2):
        parser.error("give both DSNs or none")
    ended = threading.Event()
    with ExitStack() as stack:
        dsn, app_dsn = given.dsns or stack.enter_context(own_server())
        clients = [
            stack.enter_context(closing(psycopg2.connect(app_dsn, application_name="lab-bench"))) for _ in range(52)
        ]
        busy = [threading.Thread(target=keep_busy, args=(client, ended)) for client in clients[:2]]
        for thread in busy:
            thread.start()
        try:
            costs = [measure(dsn, app_dsn, hz, given.seconds) for hz in (10.0, 20.0)]
        finally:
            ended.set()
            for thread in busy:
                thread.join()
    return int(costs[0] > GOAL_PCT)


if __name__ == "__main__":
    sys.exit(main())
