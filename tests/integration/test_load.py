"""A real Locust against a small server that answers, fails, hangs, freezes or dies."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lab import process
from lab.config import PROJECT
from lab.errors import LoadError, RecordError
from lab.plan import LoadPlan
from lab.record import raw
from lab.record.run import read_books
from tests.targets import SHORT, MakeTarget, Target, check_books, flagged, loading, rows_of, run, targets

STOCK = """
import json, sys
from locust import FastHttpUser, constant_throughput, events, task

class Paced(FastHttpUser):
    wait_time = constant_throughput(100)
    @task
    def ask(self):
        self.client.get("/posts/1")

@events.quitting.add_listener
def tell(environment, **_):
    from pathlib import Path
    Path(sys.argv[sys.argv.index("--tags") + 1]).write_text(
        str(environment.stats.total.get_response_time_percentile(0.99)))
"""


def test_a_closed_load_records_every_request(target: MakeTarget, tmp_path: Path) -> None:
    server = target()
    weights = {"post": 3, "posts": 1}
    books, rows = run(LoadPlan(users=8, weights=weights, seed=4, **SHORT), server.url, tmp_path)
    seen = server.seen()
    assert books.done == books.planned == seen["requests"] > 100
    assert flagged(rows, raw.FIRST) == seen["connections"] == 8
    assert set(rows["sql_us"]) == {1500}
    assert (rows["done_after_us"] >= 2000).all()
    assert abs(np.mean(rows["route"] == 0) - 0.75) < 0.1
    assert not list(tmp_path.glob("started-*"))
    stock = json.loads((tmp_path / "locust-stats.json").read_text())
    assert (stock["requests"], stock["failures"]) == (books.done, 0)


def test_nothing_is_sent_outside_the_planned_time(target: MakeTarget, tmp_path: Path) -> None:
    books, rows = run(LoadPlan(users=4, think_s=0.05, **SHORT), target().url, tmp_path)
    assert rows["intended_us"].min() >= books.started_us
    assert rows["intended_us"].max() < books.started_us + 800_000 == books.stopped_us


CASES = ("fail-closed", "some-open", "close-open", "once-closed", "hang-closed", "hang-open", "trickle-closed")


@pytest.fixture(scope="module")
def bad_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Target, Path]]]:
    """Every kind of bad server, each under a load of its own, all at once to save time."""
    made: dict[str, tuple[Target, Path]] = {}
    with contextlib.ExitStack() as stack:
        make = stack.enter_context(targets())
        children = []
        for case in CASES:
            mode, _, model = case.partition("-")
            made[case] = make(mode), tmp_path_factory.mktemp(case)
            plan = LoadPlan(model=model, users=4, think_s=0.02, rate_per_s=100, executors=64, **SHORT)
            children.append(stack.enter_context(loading(plan, made[case][0].url, made[case][1])))
        for child in children:
            assert child.wait(30)
        yield made


@pytest.mark.parametrize("case", CASES)
def test_the_books_balance_whatever_the_server_does(case: str, bad_servers: dict[str, tuple[Target, Path]]) -> None:
    mode = case.partition("-")[0]
    server, folder = bad_servers[case]
    books, rows = check_books(folder), rows_of(folder)
    assert books.planned > 0
    assert set(rows["status"]) == {"fail": {500}, "some": {200, 500}, "once": {200}}.get(mode, {0})
    if mode in ("close", "once"):
        assert flagged(rows, raw.FIRST) == server.seen()["connections"] == books.planned  # nothing was sent twice
    if mode in ("hang", "trickle"):
        left = rows[(rows["flags"] & raw.UNFINISHED) != 0]
        ended_us = left["intended_us"] + left["sent_after_us"] + left["done_after_us"]
        assert books.unfinished > 0
        assert (ended_us >= books.stopped_us + 400_000).all()


def test_the_books_balance_when_the_server_dies(target: MakeTarget, tmp_path: Path) -> None:
    server = target()
    plan = LoadPlan(model="open", rate_per_s=200, warmup_s=0, measured_s=1, drain_s=1)
    with loading(plan, server.url, tmp_path) as child:
        child.started_us()
        time.sleep(0.5)
        server.process.kill()
        assert child.wait(20)
    books = check_books(tmp_path)
    assert min(books.done, books.failed) > 20
    assert books.unfinished == 0


def test_arrivals_without_an_executor_count_as_unfinished(target: MakeTarget, tmp_path: Path) -> None:
    plan = LoadPlan(model="open", rate_per_s=50, executors=1, **SHORT)
    books, rows = run(plan, target("ok", 200).url, tmp_path)
    unsent = rows[(rows["flags"] & raw.NEVER_SENT) != 0]
    assert books.unfinished - len(unsent) in (0, 1)  # the executor's own request may be in the air
    assert len(unsent) > 10
    assert (unsent["intended_us"] + unsent["done_after_us"] >= books.stopped_us + 400_000).all()
    waited = rows[(rows["flags"] & raw.UNFINISHED) == 0]["sent_after_us"]
    assert waited.max() > 300_000  # the wait for an executor is latency


def test_the_same_seed_makes_the_same_open_load(target: MakeTarget, tmp_path: Path) -> None:
    plan = LoadPlan(model="open", rate_per_s=300, weights={"post": 1, "posts": 1}, **SHORT)
    folders = [tmp_path / "first", tmp_path / "second"]
    with contextlib.ExitStack() as stack:
        for folder in folders:
            folder.mkdir()
        children = [stack.enter_context(loading(plan, target().url, folder)) for folder in folders]
        assert all(child.wait(20) for child in children)
    offsets = []
    for folder in folders:
        rows = np.sort(rows_of(folder), order="intended_us")
        offsets.append((list(rows["intended_us"] - check_books(folder).started_us), list(rows["route"])))
    assert offsets[0] == offsets[1]


def test_a_frozen_server_shows_in_the_open_load_and_not_in_stock_locust(target: MakeTarget, tmp_path: Path) -> None:
    total_s, frozen_s = 4.0, 1.5
    ours, theirs = target(), target()
    plan = LoadPlan(model="open", rate_per_s=100, warmup_s=0, measured_s=total_s, drain_s=5)
    with loading(plan, ours.url, tmp_path) as child, stock_load(theirs.url, tmp_path, total_s) as stock:
        child.started_us()
        time.sleep(1)
        frozen_us = freeze([ours, theirs], frozen_s)
        assert child.wait(20)
        stock.wait(20)
    check_books(tmp_path)
    rows = rows_of(tmp_path)
    latency_ms = (rows["sent_after_us"] + rows["done_after_us"].astype(np.int64)) / 1000
    p99_ms = np.percentile(latency_ms, 99)
    # what arrives in the freeze of F waits evenly from F to 0, so P(latency > x) = (F - x) / T
    expected_ms = frozen_us / 1000 - 0.01 * total_s * 1000
    stock_ms = float((tmp_path / "stock-p99").read_text())
    print(f"p99: arithmetic {expected_ms:.0f} ms, open load {p99_ms:.0f} ms, stock Locust {stock_ms:.0f} ms")
    assert p99_ms == pytest.approx(expected_ms, rel=0.1)
    assert stock_ms < expected_ms / 3


def freeze(targets: list[Target], frozen_s: float) -> int:
    """Stop the servers for a while; return for how long they were stopped, in microseconds."""
    begun_us = time.monotonic_ns() // 1000
    for server in targets:
        server.process.send_signal(signal.SIGSTOP)
    time.sleep(frozen_s)
    for server in targets:
        server.process.send_signal(signal.SIGCONT)
    return time.monotonic_ns() // 1000 - begun_us


@contextlib.contextmanager
def stock_load(url: str, folder: Path, total_s: float) -> Iterator[process.Child]:
    """Run Locust as its manual says: two users, each asking for 100 requests a second."""
    (folder / "stock.py").write_text(STOCK)
    argv = ["-f", str(folder / "stock.py"), "-u", "2", "-r", "2", "-t", f"{total_s:.0f}s", "-H", url]
    with plain([*argv, "--tags", str(folder / "stock-p99")], folder) as child:
        yield child


@contextlib.contextmanager
def plain(options: list[str], folder: Path, env: dict[str, str] | None = None) -> Iterator[process.Child]:
    """Run Locust without the lab's own command."""
    argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", *options]
    child = process.spawn("locust", argv, log=folder / "plain.log", cwd=folder, env={**os.environ, **(env or {})})
    try:
        yield child
    finally:
        child.stop()


def test_the_locustfiles_work_with_plain_locust(target: MakeTarget, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        running = {}
        for model in ("closed", "open"):
            (folder := tmp_path / model).mkdir()
            server, file = target(), str(PROJECT / "loadtests" / f"{model}.py")
            options = ["-f", file, "-u", "5", "-r", "5", "-t", "1s", "-H", server.url]
            record = {"LAB_LOAD_RECORD": str(folder)}
            running[folder] = server, stack.enter_context(plain(options, folder, record))
        for folder, (server, child) in running.items():
            assert child.wait(20) == 0
            books = check_books(folder)
            assert books.planned - 5 <= server.seen()["requests"] <= books.planned
            assert books.done > 10
            assert "Aggregated" in (folder / "plain.log").read_text()


def test_another_machine_is_refused_in_one_line(tmp_path: Path) -> None:
    host = "http://192.0.2.1:80"
    with plain(["-f", str(PROJECT / "loadtests" / "closed.py"), "-H", host], tmp_path) as child:
        assert child.wait(20) == 2
    (line,) = [line for line in (tmp_path / "plain.log").read_text().splitlines() if "host" in line]
    assert "127.0.0." in line
    assert "Traceback" not in (tmp_path / "plain.log").read_text()


def test_a_killed_load_leaves_requests_and_no_books(target: MakeTarget, tmp_path: Path) -> None:
    with loading(LoadPlan(users=4, measured_s=20), target().url, tmp_path) as child:
        child.started_us()
        process.wait_until(lambda: sum(file.stat().st_size for file in tmp_path.glob("requests-*")) > 0, 10)
        os.kill(child.child.pid, signal.SIGKILL)
        with pytest.raises(LoadError, match="killed by signal 9"):
            child.wait(20)
    assert len(rows_of(tmp_path)) > 0
    with pytest.raises(RecordError, match="without closing its books"):
        read_books(tmp_path)


def test_a_load_that_is_stopped_early_leaves_no_books(target: MakeTarget, tmp_path: Path) -> None:
    with loading(LoadPlan(users=4, measured_s=20), target().url, tmp_path) as child:
        child.started_us()
        os.kill(child.child.pid, signal.SIGTERM)
        with pytest.raises(LoadError, match="the load was cut short"):
            child.wait(20)
    with pytest.raises(RecordError, match="without closing its books"):
        read_books(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
def test_a_recorder_that_cannot_write_ends_the_load(target: MakeTarget, tmp_path: Path) -> None:
    with loading(LoadPlan(users=4, measured_s=20), target().url, tmp_path) as child:
        child.started_us()
        subprocess.run(["prlimit", "--pid", str(child.child.pid), "--fsize=4000"], check=True)
        with pytest.raises(LoadError, match="the load generator broke: OSError"):
            child.wait(20)
    assert not list(tmp_path.glob("books-*"))


def test_a_plan_of_the_other_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(LoadPlan(model="open", rate_per_s=5).as_dict()))
    options = ["-f", str(PROJECT / "loadtests" / "closed.py"), "-H", "http://127.0.0.1:1"]
    with plain(options, tmp_path, {"LAB_LOAD_PLAN": str(tmp_path / "plan.json")}) as child:
        assert child.wait(20) == 2
    assert "use loadtests/open.py" in (tmp_path / "plain.log").read_text()


def test_two_processes_share_the_load_and_keep_books_of_their_own(target: MakeTarget, tmp_path: Path) -> None:
    plan = LoadPlan(model="open", rate_per_s=200, processes=2, **SHORT)
    server = target()
    with loading(plan, server.url, tmp_path) as child:
        child.started_us()
        assert child.wait(20)
    books = read_books(tmp_path)
    assert len(books) == 2
    assert all(book.balanced and book.done > 0 for book in books)
    assert sum(book.planned for book in books) == len(rows_of(tmp_path)) == server.seen()["requests"]
    assert 80 < len(rows_of(tmp_path)) < 260
