"""One load made by several processes: forked, joined from elsewhere, with another clock, stopped, killed."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from lab import load, process
from lab.config import PROJECT
from lab.errors import LoadError
from lab.plan import LoadPlan
from lab.record import raw
from lab.record import run as record
from lab.record.run import Manifest, Run, read_books
from tests.targets import SHORT, MakeTarget, loading

OPEN = LoadPlan(model="open", rate_per_s=200, executors=64, warmup_s=0.2, measured_s=1.8, drain_s=1)
AHEAD_S = 5000  # of a clock in a time namespace of its own


def seal(folder: Path, plan: LoadPlan) -> Run:
    """Seal what a load left in *folder*, as an experiment does, and open it."""
    manifest = Manifest(
        run=folder.name, experiment="test", variant="null", pool={}, load=plan.as_dict(), pair=1, position=0,
        started_utc="", clock_monotonic_us=0, clock_unix_us=0,
    )  # fmt: skip
    record.seal(folder, manifest)
    return record.open_run(folder)


def check_merged(folder: Path, plan: LoadPlan) -> Run:
    """Everything planned by any process is in the one run, once, with the fate that the books tell."""
    books = read_books(folder)
    assert all(book.balanced for book in books)
    run = seal(folder, plan)
    requests = run.table("requests")
    told = {key: sum(getattr(book, key) for book in books) for key in ("planned", "done", "failed", "unfinished")}
    lost = requests["unfinished"].to_numpy(zero_copy_only=False)
    failed = requests["failed"].to_numpy(zero_copy_only=False) & ~lost
    seen = {"planned": len(lost), "failed": int(failed.sum()), "unfinished": int(lost.sum())}
    seen["done"] = seen["planned"] - seen["failed"] - seen["unfinished"]
    assert seen == told == run.manifest.books
    return run


def workers_of(child: load.LoadChild) -> list[psutil.Process]:
    return psutil.Process(child.child.pid).children()


@contextlib.contextmanager
def joining(count: int, port: int, prefix: tuple[str, ...] = ()) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Offer workers to whoever leads at *port*, each under *prefix*; they are told to stop at the end."""
    argv = [*prefix, sys.executable, "-m", "loadtests.worker", "--leader", "127.0.0.1", "--port", str(port)]
    made = [
        subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.DEVNULL, start_new_session=True) for _ in range(count)
    ]
    try:
        yield made
    finally:
        for worker in made:
            os.killpg(worker.pid, signal.SIGTERM)
        for worker in made:
            worker.wait(20)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port of its own for the leader: tests may run beside a lab."""
    chosen = process.free_port(0, "LAB_PORT")
    stock = load.command
    monkeypatch.setattr(load, "command", lambda *given: [*stock(*given), "--master-bind-port", str(chosen)])
    return chosen


def test_forked_processes_make_one_run(target: MakeTarget, tmp_path: Path) -> None:
    server, plan = target(), replace(OPEN, processes=3)
    with loading(plan, server.url, tmp_path) as child:
        started_us = child.started_us()
        assert child.wait(30)
    run = check_merged(tmp_path, plan)
    assert run.manifest.books["done"] == server.seen()["requests"] == run.manifest.files["requests"]
    assert [loader["process"] for loader in run.manifest.loaders] == [1, 2, 3]
    assert {loader["offset_us"] for loader in run.manifest.loaders} == {0}  # they read the same clock
    assert {loader["started_us"] for loader in run.manifest.loaders} == {started_us}
    assert run.manifest.flags == ()


def test_the_schedule_is_split_by_the_seed(target: MakeTarget, tmp_path: Path) -> None:
    plan = replace(OPEN, processes=2, **SHORT)
    offsets = []
    for name in ("first", "second"):
        (folder := tmp_path / name).mkdir()
        with loading(plan, target().url, folder) as child:
            child.started_us()
            assert child.wait(30)
        books = {book.process: book.started_us for book in read_books(folder)}
        offsets.append({number: moments(folder, number) - start for number, start in books.items()})
    for number in (1, 2):
        assert list(offsets[0][number]) == list(offsets[1][number])
    assert not set(offsets[0][1]) & set(offsets[0][2])  # two schedules, not one twice


def moments(folder: Path, number: int) -> np.ndarray:
    rows = np.frombuffer(raw.requests_file(folder, number).read_bytes(), np.dtype(list(raw.REQUEST_FIELDS)))
    return np.sort(rows["intended_us"])


def test_a_killed_process_is_named_and_the_books_balance(target: MakeTarget, tmp_path: Path) -> None:
    plan = replace(OPEN, processes=3, measured_s=3)
    with loading(plan, target("ok", 300).url, tmp_path) as child:
        child.started_us()
        victim = workers_of(child)[1]
        time.sleep(1.5)
        victim.kill()
        assert child.wait(30)
    run = check_merged(tmp_path, plan)
    (flag,) = run.manifest.flags
    assert flag.startswith("load process lost")
    assert f"/{victim.pid})" in flag
    (lost,) = [loader for loader in run.manifest.loaders if loader["lost_us"]]
    assert lost["unfinished"] > 0  # 300 ms of a third of 200/s were in the air
    told_s = (lost["lost_us"] - lost["started_us"]) / 1e6
    assert 0.9 < told_s < 2.5
    others = [loader for loader in run.manifest.loaders if not loader["lost_us"]]
    assert all(loader["unfinished"] == 0 and loader["planned"] > 120 for loader in others)


def test_a_process_that_stood_still_is_named(target: MakeTarget, tmp_path: Path) -> None:
    plan = replace(OPEN, processes=2, measured_s=4.5, drain_s=5)
    with loading(plan, target().url, tmp_path) as child:
        child.started_us()
        victim = workers_of(child)[0]
        time.sleep(1)
        victim.suspend()
        time.sleep(3)
        victim.resume()
        assert child.wait(30)
    run = check_merged(tmp_path, plan)
    assert any(flag.startswith("load process silent") and f"/{victim.pid})" in flag for flag in run.manifest.flags)
    assert run.manifest.books["unfinished"] == 0


def test_a_load_without_any_of_its_processes_fails(target: MakeTarget, tmp_path: Path) -> None:
    with loading(replace(OPEN, processes=2), target().url, tmp_path) as child:
        child.started_us()
        for worker in workers_of(child):
            worker.kill()
        with pytest.raises(LoadError, match="every load process was lost"):
            child.wait(40)


def test_processes_join_from_elsewhere_load_after_load(
    target: MakeTarget, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "WORKERS_S", 3)
    with joining(2, port):
        for model in ("open", "closed"):
            (folder := tmp_path / model).mkdir()
            plan = replace(OPEN, model=model, users=6, processes=2, joined=True, **SHORT)
            server = target()
            with loading(plan, server.url, folder) as child:
                child.started_us(60)
                assert child.wait(30)
            assert check_merged(folder, plan).manifest.books["done"] == server.seen()["requests"] > 10
    (folder := tmp_path / "alone").mkdir()
    with (
        loading(plan, target().url, folder) as child,
        pytest.raises(LoadError, match=r"[Gg]ave up waiting for workers"),
    ):
        child.started_us(60)


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="a clock of its own needs root")
def test_another_machines_clock_is_measured_and_taken_out(target: MakeTarget, tmp_path: Path, port: int) -> None:
    plan = replace(OPEN, processes=2, joined=True)
    ahead = ("unshare", "--time", "--fork", "--kill-child", "--monotonic", str(AHEAD_S))
    with joining(1, port), joining(1, port, ahead), loading(plan, target().url, tmp_path) as child:
        started_us = child.started_us(60)
        assert child.wait(30)
    run = check_merged(tmp_path, plan)
    here, there = sorted(run.manifest.loaders, key=lambda loader: loader["offset_us"])
    assert (here["offset_us"], here["offset_error_us"]) == (0, 0)
    assert 0 < there["offset_error_us"] < 100_000
    assert abs(there["offset_us"] - AHEAD_S * 1_000_000) <= there["offset_error_us"]
    requests = run.table("requests")
    for number in (1, 2):
        mine = requests["intended_us"].to_numpy()[requests["process"].to_numpy() == number]
        assert started_us - 100_000 < mine.min() < started_us + 300_000
        assert started_us + 1_500_000 < mine.max() < started_us + 2_100_000
    lag = run.table("lag")["t_us"].to_numpy()
    assert lag.max() - lag.min() < 20e6


@pytest.fixture
def other_machine() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The address of this machine in a network of two, and what to put before a command that runs on the other."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and iproute2")
    name = f"lab{secrets.token_hex(3)}"
    net = f"10.213.{secrets.randbelow(250)}"
    orders = [
        f"netns add {name}", f"link add {name}-a type veth peer name {name}-b netns {name}",
        f"addr add {net}.1/24 dev {name}-a", f"link set {name}-a up",
        f"-n {name} addr add {net}.2/24 dev {name}-b", f"-n {name} link set {name}-b up",
    ]  # fmt: skip
    try:
        for order in orders:
            done = subprocess.run(["ip", *order.split()], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"no network namespace can be made here: {done.stderr.strip()}")
        ahead = ("unshare", "--time", "--fork", "--kill-child", "--monotonic", str(AHEAD_S))
        yield f"{net}.1", ("ip", "netns", "exec", name, *ahead)
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def test_a_comparison_is_loaded_from_another_machine(
    other_machine: tuple[str, tuple[str, ...]], open_folder: Path
) -> None:
    address, prefix = other_machine
    home = open_folder / "joined"
    argv = [*prefix, sys.executable, "-m", "loadtests.worker", "--leader", address]
    there = {**os.environ, "LAB_LOAD_HOSTS": address}
    here = {**os.environ, "LAB_HOME": str(home), "LAB_LOAD_BIND": address}
    worker = subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.DEVNULL, env=there, start_new_session=True)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lab.cli", "compare", "null", "queue", "--join", "--pairs", "1", "--users", "4",
             "--warmup", "0.5", "--seconds", "1.5", "--json"],
            capture_output=True, text=True, env=here, timeout=240,
        )  # fmt: skip
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(20)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    null = found["variants"]["null"]
    assert null["planned"] == null["done"] == null["sessions_opened"] > 0
    (folder,) = (home / "runs").glob("*/run-01*")
    manifest = json.loads((folder / "manifest.json").read_text())
    (loader,) = manifest["loaders"]
    intended_us = record.open_run(folder).table("requests")["intended_us"].to_numpy()
    assert manifest["marks"]["load_start"] - 100_000 < intended_us.min()
    assert intended_us.max() < manifest["marks"]["load_end"] + 100_000
    assert abs(loader["offset_us"] - AHEAD_S * 1_000_000) <= loader["offset_error_us"] < 100_000


def test_a_histogram_keeps_the_same_counts_in_less(target: MakeTarget, tmp_path: Path) -> None:
    server, plan = target("some"), replace(OPEN, processes=2, detail="histogram")
    with loading(plan, server.url, tmp_path) as child:
        child.started_us()
        assert child.wait(30)
    books = read_books(tmp_path)
    assert all(book.balanced for book in books)
    manifest = seal(tmp_path, plan).manifest
    assert (manifest.detail, manifest.files["requests"]) == ("histogram", 0)
    assert manifest.books["planned"] == server.seen()["requests"]
    assert manifest.books["failed"] > 0
    assert json.loads((tmp_path / "manifest.json").read_text())["detail"] == "histogram"


def test_users_that_begin_late_are_told(target: MakeTarget, tmp_path: Path) -> None:
    plan = replace(OPEN, processes=2, drain_s=5)
    with loading(plan, target().url, tmp_path) as child:
        process.wait_until(lambda: len(workers_of(child)) == 2, 20)
        victim = workers_of(child)[0]
        child.started_us()  # is told 0.2 s ahead
        victim.suspend()
        time.sleep(0.8)
        victim.resume()
        assert child.wait(30)
    flags = check_merged(tmp_path, plan).manifest.flags
    assert any(flag.startswith("load process late") and f"/{victim.pid})" in flag for flag in flags)
