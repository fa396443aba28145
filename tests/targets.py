"""Small servers to be loaded, loads of them, and what these recorded."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from lab import load
from lab.plan import LoadPlan
from lab.record import raw
from lab.record.run import read_books

SCRIPT = Path(__file__).parent / "integration" / "load_target.py"
SHORT = {"warmup_s": 0.2, "measured_s": 0.6, "drain_s": 0.4}


@dataclass
class Target:
    """A running load_target.py."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seen(self) -> dict[str, int]:
        with urlopen(f"{self.url}/count", timeout=5) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts


MakeTarget = Callable[..., Target]


@contextlib.contextmanager
def targets() -> Iterator[MakeTarget]:
    made: list[subprocess.Popen[bytes]] = []

    def make(mode: str = "ok", delay_ms: float = 2) -> Target:
        argv = [sys.executable, "-S", str(SCRIPT), mode, str(delay_ms)]
        made.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        assert made[-1].stdout is not None
        return Target(made[-1], int(made[-1].stdout.readline()))

    try:
        yield make
    finally:
        for child in made:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()


@contextlib.contextmanager
def loading(plan: LoadPlan, url: str, folder: Path) -> Iterator[load.LoadChild]:
    child = load.start(plan, url, folder, folder / "load.log")
    try:
        yield child
    finally:
        child.stop()


def run(plan: LoadPlan, url: str, folder: Path) -> tuple[raw.Books, np.ndarray]:
    with loading(plan, url, folder) as child:
        child.started_us()
        assert child.wait(plan.total_s + plan.drain_s + 20)
    return check_books(folder), rows_of(folder)


def rows_of(folder: Path) -> np.ndarray:
    dtype = np.dtype(list(raw.REQUEST_FIELDS))
    return np.concatenate([np.frombuffer(file.read_bytes(), dtype) for file in folder.glob("requests-*.bin")])


def check_books(folder: Path) -> raw.Books:
    """Every planned request is in the books once, and in the file once, with the same fate."""
    (books,) = read_books(folder)
    rows = rows_of(folder)
    assert books.balanced
    assert len(rows) == books.planned
    assert (flagged(rows, raw.FAILED), flagged(rows, raw.UNFINISHED)) == (books.failed, books.unfinished)
    return books


def flagged(rows: np.ndarray, flag: int) -> int:
    return int(np.count_nonzero(rows["flags"] & flag))
