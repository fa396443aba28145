"""The spine, end to end: one command, real parts, and numbers that agree with other sources."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from lab.analyse.measured import measure
from lab.analyse.recorded import recorded_tables
from lab.process import wait_until
from lab.record.run import open_run
from lab.server import Server

LAB = [sys.executable, "-m", "lab.cli"]
SHORT = ["--warmup", "0.5", "--seconds", "1.5"]


def run_lab(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAB_HOME": str(home), **settings}
    return subprocess.run([*LAB, *arguments], capture_output=True, text=True, env=environment, timeout=240)


@pytest.fixture(scope="module")
def home(open_folder: Path) -> Path:
    return open_folder / "spine"


@pytest.fixture(scope="module")
def null_against_queue(home: Path) -> dict[str, Any]:
    done = run_lab(home, "compare", "null", "queue", "--pairs", "2", "--users", "8", *SHORT, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_document_has_its_keys(null_against_queue: dict[str, Any]) -> None:
    assert {"experiment", "folder", "model", "variants", "effect", "observer", "generator"} <= set(null_against_queue)
    for side in null_against_queue["variants"].values():
        assert set(side["split_ms"]) == {"queue", "network", "pool", "connect", "sql", "rest"}
        assert set(side["latency_ms"]) == set(side["service_ms"]) == {"p50", "p95", "p99"}
    assert set(null_against_queue["effect"]) >= {"metric", "ratio", "low", "high", "verdict", "reasons"}


def test_nullpool_opens_a_session_for_each_request(null_against_queue: dict[str, Any]) -> None:
    side = null_against_queue["variants"]["null"]
    assert side["planned"] == side["sessions_opened"] > 100
    assert side["failed"] == side["unfinished"] == 0


def test_the_statements_of_both_sides_are_laid_side_by_side(home: Path, null_against_queue: dict[str, Any]) -> None:
    done = run_lab(home, "statements", null_against_queue["folder"], "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (post,) = [one for one in document["both"] if "from posts" in one["statement"]]
    for side in ("first", "second"):
        # requests that are in the air at a mark may have asked, or not
        assert post[side]["calls"] > 20 and post[side]["rows"] == post[side]["calls"] and post[side]["blocks"] > 0
        assert {one["statement"] for one in document[side]["transaction_control"]} >= {"begin", "rollback"}
    assert not [one for one in document["both"] if "pg_stat" in one["statement"]]


def test_each_request_is_an_index_scan_of_its_table(null_against_queue: dict[str, Any]) -> None:
    for folder in sorted(Path(null_against_queue["folder"]).glob("run-*")):
        run = open_run(folder)
        (posts,) = [one for one in recorded_tables(run) if one.after.name == "posts" and not one.after.toast]
        assert posts.counts["idx_scan"] == run.manifest.books["planned"]
        assert (posts.counts["n_tup_upd"], posts.counts["seq_scan"]) == (0, 0) and posts.after.heap_bytes


def test_the_pool_opens_what_its_meter_counted(null_against_queue: dict[str, Any]) -> None:
    folder = Path(null_against_queue["folder"])
    runs = [open_run(run) for run in sorted(folder.glob("run-*-queue"))]
    metered = sum(worker["meter"]["connects"] for run in runs for worker in run.manifest.pool_counters["workers"])
    assert null_against_queue["variants"]["queue"]["sessions_opened"] == metered <= 8 * len(runs)


def test_every_checkout_has_its_route_and_the_pools_books_balance(null_against_queue: dict[str, Any]) -> None:
    sides = null_against_queue["variants"]
    for name, judged in (("null", {"waiting"}), ("queue", {"held", "waiting"})):
        pools = [run["pool"] for run in sides[name]["runs"]]
        assert sum(route["checkouts"] for pool in pools for route in pool["routes"]) == sides[name]["planned"]
        laws = [law for pool in pools for law in pool["laws"]]
        assert {law["what"] for law in laws} <= judged  # 2 s of a busy machine may have too few samples
        assert ("held" in judged) == any(law["what"] == "held" for law in laws)
        assert all(law["balances"] for law in laws), laws


def test_the_split_sums_to_the_mean_latency(null_against_queue: dict[str, Any]) -> None:
    runs = [open_run(run) for run in sorted(Path(null_against_queue["folder"]).glob("run-*-null"))]
    measured = [measure(run) for run in runs]
    null = null_against_queue["variants"]["null"]["split_ms"]
    mean_ms = sum(one.latency_ms.sum() for one in measured) / sum(len(one.latency_ms) for one in measured)
    assert sum(null.values()) == pytest.approx(mean_ms, rel=1e-6)


def test_the_pool_wins_and_says_by_how_much(null_against_queue: dict[str, Any]) -> None:
    effect = null_against_queue["effect"]
    assert effect["verdict"] != "slower"
    assert effect["low"] <= effect["ratio"] <= effect["high"]
    assert effect["ratio"] > 1.5


def test_connecting_is_what_nullpool_spends_its_time_on(null_against_queue: dict[str, Any]) -> None:
    null = null_against_queue["variants"]["null"]["split_ms"]
    assert null["connect"] > null["sql"] > 0
    assert null_against_queue["variants"]["queue"]["split_ms"]["connect"] < 0.2 * null["connect"]


def test_nothing_is_left_running_and_no_password_is_left_behind(null_against_queue: dict[str, Any], home: Path) -> None:
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])]
    passwords = [line.rsplit(":", 1)[1] for line in (home / "passfile").read_text().splitlines() if ":" in line]
    assert passwords
    for file in (file for file in home.rglob("*") if file.is_file() and file.name != "passfile"):
        assert not any(password.encode() in file.read_bytes() for password in passwords), file


def test_the_chart_is_drawn(null_against_queue: dict[str, Any]) -> None:
    chart = Path(null_against_queue["folder"]) / "comparison.png"
    assert chart.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_show_gives_the_same_document_without_a_server(null_against_queue: dict[str, Any], home: Path) -> None:
    shown = run_lab(home, "show", "last", "--json")
    assert json.loads(shown.stdout) == null_against_queue


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["null", "pond"], "'pond' is no kind of pool"),
        (["null", "queue", "--journey", "browse"], "'browse' is none of read, mixed, churn"),
        (["null", "queue", "--size", "500"], "make size + overflow"),
        (["null"], "1 variants given"),
        (["null", "queue", "--users", "none"], "integer"),
        (["null", "queue", "--model", "ajar"], "'ajar' is none of closed, open"),
        (["null", "queue", "--seconds", "0"], "seconds is 0"),
        (["null", "queue", "--rate", "5"], "--rate belongs to the open model"),
        (["null", "queue", "--model", "open", "--users", "5"], "--users belongs to the closed model"),
        (["null", "queue", "--model", "open", "--rate", "5", "--seconds", "0"], "seconds is 0"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_code_2(home: Path, arguments: list[str], says: str) -> None:
    done = run_lab(home, "compare", *arguments)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert (done.returncode, len(errors), done.stdout) == (2, 1, "")
    assert says in errors[0]


def test_an_adopted_database_is_compared_in_and_an_unmarked_one_is_not(server: Server, open_folder: Path) -> None:
    connection = psycopg2.connect(server.owner_dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE adopted")
    connection.close()
    home, dsn = open_folder / "attached", server.owner_dsn.replace("/lab?", "/adopted?")
    arguments = ["compare", "null", "queue", "--pairs", "1", "--users", "2", *SHORT, "--json"]
    refused = run_lab(home, *arguments, LAB_DSN=dsn)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "nothing was written" in refused.stderr
    assert run_lab(home, "adopt", LAB_DSN=dsn).returncode == 0
    side = json.loads(run_lab(home, *arguments, LAB_DSN=dsn).stdout)["variants"]["null"]
    assert side["planned"] == side["sessions_opened"] > 0


VICTIMS = {"command": "lab.cli", "generator": "locust", "app": "uvicorn", "server": "postgres"}


Lab = subprocess.Popen[str]


@pytest.fixture
def started(home: Path) -> Iterator[Callable[..., Lab]]:
    """Start a comparison and return when its first run is being recorded; it ends with the test."""
    running: list[Lab] = []

    def start(*arguments: str) -> Lab:
        running.append(_started(home, *arguments))
        return running[-1]

    yield start
    for lab in running:
        lab.kill()
        lab.communicate()


def _started(home: Path, *arguments: str) -> Lab:
    known = set(home.glob("runs/*"))
    command = [*LAB, "compare", *(arguments or ("null", "queue", "--pairs", "1", "--seconds", "20"))]
    environment = {**os.environ, "LAB_HOME": str(home)}
    lab = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    new = lambda: [f for f in home.glob("runs/*/run-01*/requests-*.bin") if f.parents[1] not in known]  # noqa: E731
    if not wait_until(lambda: any(file.stat().st_size > 0 for file in new()), timeout_s=40):
        lab.kill()
        pytest.fail(f"the comparison did not begin: {lab.communicate()}")
    return lab


def family(lab: Lab) -> dict[str, psutil.Process]:
    """Return the comparison's processes by their part; the leashes are left out."""
    found = {"command": psutil.Process(lab.pid)}
    for process in psutil.Process(lab.pid).children(recursive=True):
        try:
            words = process.cmdline()
        except psutil.NoSuchProcess:
            continue  # a backend that has just ended
        for part, word in VICTIMS.items():
            # the word itself, as a program or a module: a DSN holds the word postgres too
            if "leash.py" not in " ".join(words) and any(Path(item).name == word for item in words[:3]):
                found.setdefault(part, process)
    return found


@pytest.mark.parametrize("victim", list(VICTIMS))
def test_a_kill_leaves_no_orphan_and_the_next_command_works(
    home: Path, started: Callable[..., Lab], victim: str
) -> None:
    lab = started()
    everyone = psutil.Process(lab.pid).children(recursive=True)
    family(lab)[victim].kill()
    _, errors = lab.communicate(timeout=60)
    assert lab.returncode != 0
    if victim != "command":
        assert "is kept as failed" in errors or "closing its books" in errors or "died" in errors
        assert len([line for line in errors.splitlines() if line.startswith("error:")]) == 1
    assert not psutil.wait_procs(everyone, timeout=5)[1]
    shown = run_lab(home, "show", "last")
    assert shown.returncode == 1
    assert "is not complete" in shown.stderr
    assert run_lab(home, "compare", "null", "queue", "--pairs", "1", *SHORT).returncode == 0


def postgres_of(lab: Lab) -> list[psutil.Process]:
    server = family(lab)["server"]
    return [server, *server.children(recursive=True)]


def test_a_frozen_server_shows_in_p99_as_arithmetic_says(home: Path, started: Callable[..., Lab]) -> None:
    """Of 6 s of arrivals those in a freeze of F s wait for its end: 1 % of all wait for F - 0.06 s or longer.

    After it the backlog of 200 F requests has to be worked off: that comes on top. What Locust's own statistics make of
    a freeze stands in the tests of the load.
    """
    freeze_s, measured_s = 1.5, 6.0
    options = [
        "--model",
        "open",
        "--rate",
        "200",
        "--pairs",
        "1",
        "--warmup",
        "1",
        "--seconds",
        str(measured_s),
        "--json",
    ]
    lab = started("queue", "queue", *options)
    time.sleep(1.5)
    frozen = postgres_of(lab)
    began = time.monotonic()
    for process in frozen:
        process.send_signal(signal.SIGSTOP)
    time.sleep(freeze_s)
    for process in reversed(frozen):
        process.send_signal(signal.SIGCONT)
    really_s = time.monotonic() - began
    document = json.loads(lab.communicate(timeout=120)[0])
    hit = next(
        run
        for run in document["variants"]["queue"]["runs"] + document["variants"]["queue#2"]["runs"]
        if run["run"].startswith("run-01")
    )
    expected_ms = (really_s - 0.01 * measured_s) * 1000
    assert 0.98 * expected_ms <= hit["latency_ms"]["p99"] <= 2 * expected_ms


def test_a_second_command_in_the_same_home_is_told_to_wait(home: Path, started: Callable[..., Lab]) -> None:
    lab = started()
    second = run_lab(home, "compare", "null", "queue")
    lab.send_signal(signal.SIGINT)
    _, errors = lab.communicate(timeout=30)
    assert (second.returncode, lab.returncode) == (1, 130)
    assert "another lab command is at work" in second.stderr
    assert "interrupted" in errors
