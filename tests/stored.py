"""Synthetic complete runs with known numbers, written through lab.record as the real parts write theirs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.plan import LoadPlan, PoolConfig
from lab.record import raw
from lab.record import run as record
from lab.record.files import write_atomically
from lab.record.run import Manifest, Run

START_US = 1_000_000_000
APPLICATION = "lab-app-test"
ENVIRONMENT: Mapping[str, Any] = {
    "host": {"system": "Linux", "cores": 2, "cpu": "a processor"},
    "server": {"version": "18.6", "major": 18, "settings": {"max_connections": "100"}},
}
DTYPE = np.dtype(list(raw.REQUEST_FIELDS))


@dataclass(frozen=True)
class Stored:
    """A run to be written. Arrays are one value for each request; parts that are None are not known."""

    intended_s: Any  # from the start of the load
    service_ms: Any
    queue_ms: Any = 0.0
    pool_ms: Any = None
    connect_ms: Any = None
    sql_ms: Any = None
    app_ms: Any = None
    failed: Any = False
    unfinished: Any = False
    variant: str = "null"
    pool: PoolConfig = field(default_factory=lambda: PoolConfig(kind="null"))
    load: LoadPlan = field(default_factory=LoadPlan)
    pair: int = 1
    position: int = 0
    lag_ms: float = 0.1
    backends: Sequence[tuple[float, int]] = ((0.0, 1), (1.0, 4), (4.9, 2))  # (seconds from the start, backends)
    sessions: tuple[int | None, int | None] = (100, 110)  # at the marks start and after
    reset: tuple[str | None, str | None] = (None, None)
    pool_counters: Mapping[str, Any] = field(default_factory=dict)
    cpu_pct: Mapping[str, float] = field(default_factory=lambda: {"generator": 20.0, "observer": 1.0, "machine": 80.0})
    steal_pct: float = 0.0  # of one core
    throttled_pct: float = 0.0  # of one core
    memory: Sequence[Mapping[str, Any]] = ()  # rows of the table, without their time
    pool_rows: Sequence[Mapping[str, Any]] = ()  # of the table pool; t_us from the start of the load
    pool_routes: Sequence[Mapping[str, Any]] = ()
    statements: Sequence[Mapping[str, Any]] = ()  # rows of the table, with their mark and without their time
    environment: Mapping[str, Any] = field(default_factory=lambda: ENVIRONMENT)
    flags: tuple[str, ...] = ()
    books: Mapping[str, int] = field(default_factory=dict)  # replaces what the requests say

    def write(self, root: Path) -> Run:
        """Write the run into a folder of its own under *root*, and open it."""
        folder = self.write_raw(root)
        sealed = record.seal(folder, self._manifest(folder.name))
        if self.books:
            write_atomically(
                folder / record.MANIFEST, json.dumps(asdict(replace(sealed, books={**sealed.books, **self.books})))
            )
        return record.open_run(folder)

    def write_raw(self, root: Path) -> Path:
        """Write what the parts of a run write while it goes on; returns its folder, which is not sealed."""
        kind = self.pool.kind
        folder = root / f"run-{2 * (self.pair - 1) + self.position + 1:02d}-{kind}"
        record.begin(folder, self._manifest(folder.name))
        rows = self._requests()
        raw.requests_file(folder, 1).write_bytes(rows.tobytes())
        raw.lag_file(folder, 1).write_bytes(self._lag())
        raw.books_file(folder, 1).write_text(json.dumps(self._books(rows).as_dict()))
        lines = "".join(json.dumps(row) + "\n" for row in self._observed())
        raw.observer_file(folder, 2).write_text(lines)
        return folder

    def _manifest(self, name: str) -> Manifest:
        end = START_US + round(self.load.total_s * 1e6)
        return Manifest(
            run=name,
            experiment="test",
            variant=self.variant,
            pool=asdict(self.pool) | {"spec": self.pool.spec},
            load=self.load.as_dict(),
            pair=self.pair,
            position=self.position,
            started_utc="2026-01-01T00:00:00+00:00",
            clock_monotonic_us=START_US,
            clock_unix_us=1_767_225_600_000_000,
            environment=self.environment,
            environment_hash=record.digest(self.environment),
            application=APPLICATION,
            marks={"start": START_US - 200_000, "load_start": START_US, "load_end": end, "after": end + 500_000},
            pool_counters=self.pool_counters,
            flags=self.flags,
        )

    def _requests(self) -> np.ndarray[Any, Any]:
        intended = np.round(np.asarray(self.intended_s, float) * 1e6).astype(np.int64)
        rows = np.zeros(len(intended), DTYPE)
        rows["intended_us"] = START_US + intended
        rows["sent_after_us"] = np.round(np.asarray(self.queue_ms) * 1e3)
        rows["done_after_us"] = np.round(np.asarray(self.service_ms) * 1e3)
        for part in ("pool", "connect", "sql", "app"):
            values = getattr(self, f"{part}_ms")
            rows[f"{part}_us"] = raw.MISSING if values is None else np.round(np.asarray(values) * 1e3)
        failed, lost = np.broadcast_to(self.failed, len(rows)), np.broadcast_to(self.unfinished, len(rows))
        rows["status"] = np.where(lost, 0, np.where(failed, 500, 200))
        rows["flags"] = np.where(lost, raw.UNFINISHED, np.where(failed, raw.FAILED, 0))
        rows["bytes"] = 100
        return rows

    def _books(self, rows: np.ndarray[Any, Any]) -> raw.Books:
        lost = int(np.count_nonzero(rows["flags"] & raw.UNFINISHED))
        failed = int(np.count_nonzero(rows["flags"] & raw.FAILED))
        end = START_US + round(self.load.total_s * 1e6)
        done = len(rows) - lost - failed
        return raw.Books(1, len(rows), done, failed, lost, START_US, end, START_US, 1_767_225_600_000_000)

    def _lag(self) -> bytes:
        steps = np.arange(0, self.load.total_s, 0.01)
        rows = np.zeros(len(steps), np.dtype([("t_us", "<i8"), ("lag_us", "<u4")]))
        rows["t_us"] = START_US + np.round(steps * 1e6).astype(np.int64)
        rows["lag_us"] = round(self.lag_ms * 1e3)
        return rows.tobytes()

    def _observed(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for seconds, count in self.backends:
            t_us = START_US + round(seconds * 1e6)
            rows.append({"table": "samples", "t_us": t_us, "late_us": 0, "took_us": 300})
            for state, part in (("active", count // 2), ("idle", count - count // 2)):
                if part:
                    rows.append(
                        {
                            "table": "activity",
                            "t_us": t_us,
                            "application": APPLICATION,
                            "state": state,
                            "backends": part,
                        }
                    )
        for mark, sessions, reset, t_us in zip(
            ("start", "after"), self.sessions, self.reset, (START_US, START_US + 10_000_000), strict=True
        ):
            rows.append({"table": "database", "t_us": t_us, "mark": mark, "sessions": sessions, "stats_reset": reset})
            rows += [{**row, "table": "statements", "t_us": t_us} for row in self.statements if row["mark"] == mark]
        rows += [{"table": "memory", "t_us": START_US, "mark": "load_done", **row} for row in self.memory]
        for table, found in (("pool", self.pool_rows), ("pool_routes", self.pool_routes)):
            rows += [{**row, "table": table, "t_us": START_US + row["t_us"]} for row in found]
        return rows + self._system()

    def _system(self) -> list[dict[str, Any]]:
        rows = []
        for seconds in np.arange(0, self.load.total_s + 0.01, 0.5):
            for role, pct in self.cpu_pct.items():
                row = {"table": "system", "t_us": START_US + round(seconds * 1e6), "role": role}
                row["cpu_s"] = seconds * pct / 100
                if role == "machine":
                    row |= {"steal_s": seconds * self.steal_pct / 100}
                    row |= {"throttled_s": seconds * self.throttled_pct / 100}
                rows.append(row)
        return rows


def steady(mean_ms: float = 20.0, users: int = 16, seed: int = 1, **changes: Any) -> Stored:
    """A closed load of *users* whose service times are log-normal around *mean_ms*, split into all parts."""
    rng = np.random.default_rng(seed)
    load = changes.pop("load", LoadPlan(users=users))
    count = max(1, round(load.total_s * load.users / (mean_ms / 1e3)))
    sigma = 0.35
    service = rng.lognormal(np.log(mean_ms) - sigma**2 / 2, sigma, count)
    shares = changes.pop("shares", {"pool": 0.0, "connect": 0.6, "sql": 0.05, "app": 0.85})
    parts = {f"{part}_ms": share * service for part, share in shares.items()}
    intended = np.sort(rng.uniform(0, load.total_s - 1e-3, count))
    base: dict[str, Any] = {"intended_s": intended, "service_ms": service, "queue_ms": 0.05, "load": load, **parts}
    return Stored(**(base | changes))


def pool_rows(
    held: float = 3.0,
    waiting: float = 2.0,
    *,
    counted: float | None = None,
    seen: float | None = None,
    hold_ms: float = 10.0,
    pid: int = 1,
    every_s: float = 0.1,
    load_s: float = 5.0,
    threads: int | None = 40,
    seed: int = 1,
) -> list[dict[str, Any]]:
    """Samples of one worker whose sums tell of *held* and *waiting* on average.

    The pool's own count integrates to *counted*, and the samples see *seen* waiters: both the same if not given.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for t_s in np.arange(0.02, load_s, every_s):
        rows.append(
            {
                "t_us": round(t_s * 1e6),
                "pid": pid,
                "size": 5,
                "checked_out": round(held),
                "overflow": 0,
                "idle": 2,
                "pending": int(rng.poisson(waiting if seen is None else seen)),
                "held_now": round(held),
                "held_longest_s": hold_ms / 1000,
                "checkouts": round(t_s * held * 1000 / hold_ms),
                "timeouts": 0,
                "failed": 0,
                "connects": 5,
                "wait_s": t_s * waiting,
                "connect_s": 0.0,
                "hold_s": t_s * held - held * hold_ms / 2000,
                "waiting_s": 0.0,
                "connecting_s": 0.0,
                "holding_s": held * hold_ms / 2000,
                "occupied_s": t_s * (held if counted is None else counted),
                "threads_borrowed": threads and 7,
                "threads_total": threads,
                "threads_waiting": threads and 0,
            }
        )
    return rows


def pairs(
    root: Path,
    means_ms: Sequence[tuple[float, float]],
    first: Mapping[str, Any] | None = None,
    second: Mapping[str, Any] | None = None,
    **both: Any,
) -> list[Run]:
    """Write one pair of runs for each (first, second) of *means_ms*; a null pool against one of ten by default."""
    sides = (
        {"variant": "null", "pool": PoolConfig(kind="null"), **(first or {})},
        {
            "variant": "queue:size=10,overflow=0",
            "pool": PoolConfig(size=10, overflow=0),
            "shares": {"pool": 0.35, "connect": 0.0, "sql": 0.1, "app": 0.8},
            **(second or {}),
        },
    )
    runs = []
    for pair, means in enumerate(means_ms, 1):
        for side, mean_ms in enumerate(means):
            changes = {"seed": 10 * pair + side, **both, **sides[side]}
            runs.append(steady(mean_ms, pair=pair, position=side, **changes).write(root))
    return runs
