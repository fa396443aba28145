"""Samples are fetched from the workers once each, however often they are offered."""

import json
import shutil
from pathlib import Path

import pytest

from lab.observe.pool import PoolSamples, pool_samples
from lab.process import wait_until


def written(folder: Path) -> list[tuple[str, int, int]]:
    rows = [json.loads(line) for line in (folder / "observer-pool.jsonl").read_text().splitlines()]
    return [(row["table"], row["pid"], row["t_us"]) for row in rows]


def answer(pid: int, *times_us: int) -> dict:
    samples = [{"pid": pid, "t_us": t_us} for t_us in times_us]
    return {"pid": pid, "samples": samples, "routes": [{"pid": pid, "t_us": times_us[-1], "route": "/a"}]}


def test_each_sample_is_written_once(tmp_path: Path) -> None:
    offered = iter([[answer(1, 10, 20), answer(2, 15)], [answer(1, 20, 30), answer(2, 15, 25)]])
    asked: list[int] = []
    samples = PoolSamples(lambda after_us: asked.append(after_us) or next(offered), tmp_path)
    samples.fetch()
    samples.fetch()
    stamps = [(pid, t_us) for table, pid, t_us in written(tmp_path) if table == "pool"]
    assert stamps == [(1, 10), (1, 20), (2, 15), (1, 30), (2, 25)]
    assert asked == [0, 15]  # the worker that is furthest behind


def test_a_worker_that_comes_later_is_written_from_its_beginning(tmp_path: Path) -> None:
    offered = iter([[answer(1, 100)], [answer(1, 200), answer(3, 150, 210)]])
    samples = PoolSamples(lambda _: next(offered), tmp_path)
    samples.fetch()
    samples.fetch()
    assert [row for row in written(tmp_path) if row[1] == 3] == [
        ("pool", 3, 150),
        ("pool", 3, 210),
        ("pool_routes", 3, 210),
    ]


def test_the_last_fetch_comes_at_the_end_and_none_after_it(tmp_path: Path) -> None:
    times = iter(range(1, 1000))
    with pool_samples(lambda _: [answer(1, next(times))], tmp_path) as samples:
        samples.end()
        samples.end()
    assert [t_us for table, _, t_us in written(tmp_path) if table == "pool"] == [1, 2]


def test_a_disk_that_takes_nothing_is_told_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    samples = PoolSamples(lambda _: [answer(1, 1)], folder, every_s=0.01)
    samples.begin()
    shutil.rmtree(folder)
    assert wait_until(lambda: not samples._thread.is_alive(), 10)
    samples._ends.set()
    with pytest.raises(OSError):
        samples.end()
