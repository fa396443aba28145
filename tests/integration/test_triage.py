"""Triage on a real server: 200 cancels on pooled connections, and the commands."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import config as settings
from lab.cli.main import run
from lab.config import Config
from lab.demonstrate import aiming, endings, triage
from lab.demonstrate.bench import Bench
from lab.demonstrate.triage import FORGETFUL, LIST, MIGRATION, PAYMENT, READER, REPORT, Stage
from lab.errors import LabError, ServerError
from lab.ledger import chosen
from lab.lesson.exercises.triage import free_the_queue, judged
from lab.observe import activity


@pytest.fixture(scope="module")
def bench(server: object, server_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    return Bench(server, quick, tmp_path_factory.mktemp("triage"))  # type: ignore[arg-type]


@pytest.fixture
def stage(bench: Bench) -> Iterator[Stage]:
    with triage.stage(bench) as made:
        yield made


def lab(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_two_hundred_cancels_on_pooled_connections_hit_no_innocent_query(bench: Bench) -> None:
    found = aiming.shots(bench, guarded=True, tries=200, query_ms=80)
    assert found.sent >= 40
    assert found.innocent_hit == 0
    assert found.wanted_hit >= found.sent / 2


@pytest.fixture
def busy() -> Iterator[None]:
    """Two processes that want a core each."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("query_ms", [2.0, 5.0])
def test_short_queries_on_a_busy_machine_are_never_hit_by_a_signal_that_is_certain(
    bench: Bench, query_ms: float
) -> None:
    # on a machine that is too busy every look is too old, and nothing is sent: then it says nothing, and is no failure
    found = aiming.shots(bench, guarded=True, tries=200, query_ms=query_ms)
    assert found.certain_innocent == 0
    # the rest that nothing can see: docs/measuring.md, "Who is hit by a signal"
    assert found.innocent_hit <= 1


def test_users_who_fail_are_not_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiming, "WANTED", "lesson/triage_frozen")  # lacks its parameter
    with pytest.raises(LabError, match="threads failed"):
        aiming.shots(bench, guarded=True, tries=1)


def test_a_wait_that_does_not_come_about_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triage, "SETTLE_S", 0.2)
    monkeypatch.setattr(triage, "_work", lambda connection, question: None)
    with pytest.raises(ServerError, match="wait for a lock instead of"):
        triage.orphan(bench)


def test_the_claims_say_what_was_true_of_this_run_and_no_more(bench: Bench) -> None:
    spared = chosen(["cancel"])[0].test(bench, guarded=True).condition
    assert "does nothing" in spared
    assert "by pid" not in spared
    locking = chosen(["activity"])[0].test(bench, report="lesson/triage_locking_report").condition
    assert "pg_blocking_pids finds them" in locking
    assert "nobody's way" not in locking


def test_by_pid_innocent_queries_are_hit(bench: Bench) -> None:
    found = aiming.shots(bench, guarded=False, tries=40)
    assert found.innocent_hit > 0
    assert found.wanted_hit + found.innocent_hit <= found.sent


def test_each_signal_does_to_each_state_what_is_known_of_it(bench: Bench) -> None:
    found = {(one.state, one.act): one for one in endings.endings(bench)}
    assert all(one.said for one in found.values())
    assert {state for state, act in found if act == "cancel" and not found[state, act].over} == {
        endings.IDLE,
        endings.IN_TRANSACTION,
    }
    assert not any(one.session_left for (_, act), one in found.items() if act == "terminate")


def test_the_exercise_is_done_by_its_solution_and_by_no_shortcut(stage: Stage) -> None:
    assert not free_the_queue(stage)[0]
    stage.terminate(FORGETFUL)
    assert not free_the_queue(stage)[0]
    stage.cancel(MIGRATION)
    assert free_the_queue(stage)[0]
    stage.cancel(REPORT)
    assert "blocked nobody" in free_the_queue(stage)[1]


def test_the_exercise_names_who_was_ended_without_need() -> None:
    there = {READER, REPORT, PAYMENT, LIST}
    assert judged([], there, True)[0]
    assert "the reader lost" in judged([], there - {READER}, True)[1]
    assert "the payment lost" in judged([], there - {PAYMENT}, True)[1]
    assert "the list lost" in judged([], there - {LIST}, True)[1]
    assert "did not get its row" in judged([], there | {FORGETFUL}, True)[1]
    assert "look at the tree" in judged([MIGRATION], there, True)[1]


def test_the_word_of_one_command_is_taken_by_the_next(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    dsn = stage.server.dsn(database=stage.database)
    code, out, _ = lab(capsys, "activity", "--dsn", dsn, "--longer", "1ms", "--seconds", "0.5", "--json")
    document = json.loads(out)
    report = next(one for one in document["sessions"] if one["application"] == REPORT)
    assert (code, report["longer"], document["hidden"]) == (0, True, 0)
    assert document["samples"] > 0
    assert lab(capsys, "cancel", report["identity"], "--dsn", dsn, "--wait", "10s")[0] == 0
    code, out, err = lab(capsys, "cancel", report["identity"], "--dsn", dsn)
    assert (code, out) == (1, "")
    assert err.startswith("error: nothing was sent") and err.count("\n") == 1


def test_the_tree_names_its_roots_and_how_to_end_them(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    dsn = stage.server.dsn(database=stage.database)
    document = json.loads(lab(capsys, "locks", "--dsn", dsn, "--json")[1])
    assert [root["party"] for root in document["roots"]] == [stage.pids[FORGETFUL], stage.pids[READER]]
    assert (len(document["waits"]), document["waits_left_out"]) == (5, 0)
    text = lab(capsys, "locks", "--dsn", dsn)[1]
    word = document["roots"][0]["identity"]
    assert f"to end {stage.pids[FORGETFUL]}: lab terminate {word} --dsn {shlex.quote(dsn)}\n" in text
    code, out, _ = lab(capsys, "terminate", word, "--dsn", dsn, "--json", "--wait", "10s")
    receipt = json.loads(out)
    assert (code, receipt["sent"], receipt["ended"], receipt["user"]) == (0, True, True, "shop")


def test_a_process_of_the_servers_own_is_named_as_what_it_is(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    dsn = stage.server.dsn(database=stage.database)
    with activity.connected(dsn) as eye:
        own = {one.backend_type: one.pid for one in activity.sessions(eye)}
    for kind in ("checkpointer", "walwriter", "background writer"):
        code, _, err = lab(capsys, "cancel", str(own[kind]), "--dsn", dsn, "--yes")
        assert (code, err) == (2, f"error: pid {own[kind]} is the {kind}, it serves no client\n")


def test_a_bare_pid_is_not_signalled_without_a_yes(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    dsn, pid = stage.server.dsn(database=stage.database), str(stage.pids[REPORT])
    code, _, err = lab(capsys, "cancel", pid, "--dsn", dsn)
    assert code == 2
    assert f"{pid}@" in err
    assert err.endswith(f" --dsn {shlex.quote(dsn)}\n")
    assert "--dsn" in lab(capsys, "cancel", "1", "--dsn", dsn, "--yes")[2]
    assert stage.session(REPORT) is not None
    assert lab(capsys, "cancel", pid, "--dsn", dsn, "--yes", "--wait", "10s")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["cancel", "nonsense"], 2),
        (["cancel", "1@1-q1", "--dsn", "postgresql://nobody@127.0.0.1:1/none"], 1),
        (["activity", "--seconds", "-1"], 2),
        (["activity", "--longer", "soon"], 2),
        (["locks", "--dsn", "no dsn at all"], 2),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "lab"))
    found, out, err = lab(capsys, *arguments)
    assert (found, out) == (code, "")
    assert err.startswith("error: ") and err.count("\n") == 1


def test_without_a_dsn_the_labs_own_server_is_looked_at(
    server: object, server_config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(server_config.home))
    code, out, _ = lab(capsys, "activity", "--json")
    assert (code, json.loads(out)["hidden"]) == (0, 0)
    assert lab(capsys, "locks")[:2] == (0, "nobody waits for a lock\n")
