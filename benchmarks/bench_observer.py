"""What the observer costs: CPU of its process and of its backend, as a share of one core.

    python benchmarks/bench_observer.py OBSERVER_DSN APP_DSN [--seconds 6]

50 connections lie idle and 2 are busy while it looks. Goal: at most 1 % of a core at 10 Hz.
"""

import argparse
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import psycopg2
from psycopg2.extensions import connection, parse_dsn

from lab import observe
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


def main() -> int:
    """Measure at 10 and at 20 Hz; 1 if the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn", help="of the observer, to another database than the app's")
    parser.add_argument("app_dsn")
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    ended = threading.Event()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(psycopg2.connect(given.app_dsn, application_name="lab-bench")))
            for _ in range(52)
        ]
        busy = [threading.Thread(target=keep_busy, args=(client, ended)) for client in clients[:2]]
        for thread in busy:
            thread.start()
        try:
            costs = [measure(given.dsn, given.app_dsn, hz, given.seconds) for hz in (10.0, 20.0)]
        finally:
            ended.set()
            for thread in busy:
                thread.join()
    return int(costs[0] > GOAL_PCT)


if __name__ == "__main__":
    sys.exit(main())
