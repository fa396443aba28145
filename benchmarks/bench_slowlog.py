"""``lab slowlog`` beside pgBadger, on the same csvlog of 100 MB in the same run, as whole commands.

The log is made: eleven statements of a small blog in random order, each with values of its own, some on several lines,
and no query_id, which is not used. Both have to come to the same number of statements and the same duration. Run it
with ``python -m benchmarks.bench_slowlog``.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil

GOAL = 15.0
TIMES = 3

_WORDS = [f"word{number}" for number in range(3000)]
# statement, median duration (ms)
_STATEMENTS: tuple[tuple[str, float], ...] = (
    ("SELECT p.id, p.title, p.body, u.name FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id = {key}", 0.4),
    ("SELECT id, title FROM posts WHERE author_id = {key} AND created_at > '{day}' ORDER BY created_at LIMIT {few}", 2),
    ("UPDATE posts SET views = views + {few} WHERE id = {key}", 1),
    ("INSERT INTO comments (post_id, author_id, body) VALUES ({key}, {few}, '{text}') RETURNING id", 1.5),
    ("SELECT * FROM users WHERE email = '{text}@example.com'", 0.3),
    ("SELECT count(*) FROM posts WHERE body LIKE '%{text}%'", 60),
    ("SELECT id, title FROM posts WHERE id IN ({list})", 3),
    ("UPDATE sessions SET data = '{text} it''s {text}', seen_at = '{day}'\n   WHERE token = '{token}'\n", 1),
    ("DELETE FROM sessions WHERE token = '{token}'", 1),
    ("BEGIN", 0.01),
    ("COMMIT", 2),
)


def write_log(file: Path, size_bytes: int, seed: int = 1) -> int:
    """Write a csvlog as version 14 and later have it; return its number of statements."""
    dice, count, written = random.Random(seed), 0, 0
    at = datetime(2026, 11, 23, tzinfo=UTC)
    with file.open("w", encoding="utf-8", newline="") as stream:
        while written < size_bytes:
            at += timedelta(milliseconds=dice.randrange(20))
            line = _entry(dice, at, count)
            stream.write(line)
            written += len(line)
            count += 1
    return count


def _entry(dice: random.Random, at: datetime, number: int) -> str:
    statement, usual_ms = dice.choice(_STATEMENTS)
    text = statement.format(
        key=dice.randrange(10**6),
        few=dice.randrange(1, 100),
        day=f"2026-11-{dice.randrange(1, 30):02d} 10:{dice.randrange(60):02d}:00",
        text=" ".join(dice.choices(_WORDS, k=dice.randrange(1, 8))),
        token=f"{dice.getrandbits(128):032x}",
        list=", ".join(str(dice.randrange(10**6)) for _ in range(dice.randrange(1, 30))),
    )
    message = f"duration: {usual_ms * dice.lognormvariate(0, 1):.3f} ms  statement: {text}".replace('"', '""')
    session = number % 16
    return (
        f'{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC,"lab_app","lab",{4000 + session},'
        f'"127.0.0.1:{50000 + session}",{0x6561A000 + session:x}.{4000 + session:x},{number // 16 + 1},'
        f'"{text.split()[0]}",2026-11-23 00:00:00 UTC,{3 + session}/{number},0,LOG,00000,"{message}",,,,,,,,,'
        '"lab","client backend",,0\n'
    )


def timed(command: list[str]) -> tuple[float, float, int]:
    """Run a command; return its seconds, those of CPU, and the most memory it had, bytes."""
    begun = time.perf_counter()
    most_bytes, cpu_s = 0, 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                most_bytes = max(most_bytes, process.memory_info().rss)
                used = process.cpu_times()
                cpu_s = used.user + used.system
            except psutil.Error:
                break
            time.sleep(0.01)
        if child.wait() != 0:
            raise RuntimeError(f"{command[0]} ended with code {child.returncode}")
        return time.perf_counter() - begun, cpu_s, most_bytes


def _document(command: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def _ours(log: Path) -> list[str]:
    return [sys.executable, "-m", "lab.cli", "slowlog", str(log), "--json"]


def _theirs(log: Path) -> list[str]:
    own = ["--pid-dir", str(log.parent)]  # otherwise one pid file for the whole machine, and no second run beside it
    return ["pgbadger", "-q", *own, "-f", "csv", "-x", "json", "-o", str(log.with_suffix(".json")), str(log)]


def _totals(file: Path) -> tuple[int, float]:
    """Return pgBadger's number of queries and the sum of their durations, ms."""
    stat = json.loads(file.read_text(encoding="utf-8"))["overall_stat"]
    databases = [one for one in stat.values() if isinstance(one, dict) and "queries_duration" in one]
    return stat["queries_number"], sum(one["queries_duration"]["execute"] for one in databases)


def _middle(work: Callable[[], tuple[float, float, int]], times: int) -> tuple[float, float, int]:
    runs = [work() for _ in range(times)]
    return median(one[0] for one in runs), median(one[1] for one in runs), max(one[2] for one in runs)


def main(size_mb: int = 100) -> int:
    """Print both times, their ratio, and whether the numbers agree; return 1 if the goal was missed."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "lab.csv"
        count = write_log(log, size_mb * 10**6)
        ours_s, ours_cpu_s, ours_bytes = _middle(lambda: timed(_ours(log)), TIMES)
        found = _document(_ours(log))
        print(f"csvlog                {log.stat().st_size / 1e6:>8.0f} MB, {count:,} statements")
        print(
            f"lab slowlog           {ours_s:>8.2f} s, {ours_cpu_s:.2f} s of CPU, {ours_bytes / 2**20:.0f} MB of memory"
        )
        if shutil.which("pgbadger") is None:
            print("pgbadger              skipped: it is not installed (Debian: apt install pgbadger)")
            return 0 if found["statements"] == count else 1
        theirs_s, theirs_cpu_s, _ = timed(_theirs(log))
        queries, duration_ms = _totals(log.with_suffix(".json"))
    print(f"pgbadger              {theirs_s:>8.2f} s, {theirs_cpu_s:.2f} s of CPU")
    print(f"ratio                 {theirs_s / ours_s:>8.1f}   (goal {GOAL:g})")
    print(f"statements            {found['statements']:>8,} and {queries:,}")
    print(f"duration              {found['duration_ms']:>8.3f} ms and {duration_ms:.3f} ms")
    same = found["statements"] == queries == count and abs(found["duration_ms"] - duration_ms) < 0.01
    return 0 if same and theirs_s / ours_s >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
