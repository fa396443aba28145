"""Triage on a real server: 200 cancels on pooled connections, and the commands."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import config as settings
from lab.cli.main import run
from lab.config import Config
from lab.demonstrate import aiming, endings, triage
from lab.demonstrate.bench import Bench
from lab.demonstrate.triage import FORGETFUL, MIGRATION, PAYMENT, READER, REPORT, Stage
from lab.lesson.exercises.triage import free_the_queue, judged


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
    there = {READER, REPORT, PAYMENT}
    assert judged([], there, True)[0]
    assert "the reader lost" in judged([], there - {READER}, True)[1]
    assert "the payment lost" in judged([], there - {PAYMENT}, True)[1]
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
    assert len(document["waits"]) == 5
    text = lab(capsys, "locks", "--dsn", dsn)[1]
    word = document["roots"][0]["identity"]
    assert f"lab terminate {word}" in text
    code, out, _ = lab(capsys, "terminate", word, "--dsn", dsn, "--json", "--wait", "10s")
    receipt = json.loads(out)
    assert (code, receipt["sent"], receipt["ended"], receipt["user"]) == (0, True, True, "shop")


def test_a_bare_pid_is_not_signalled_without_a_yes(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    dsn, pid = stage.server.dsn(database=stage.database), str(stage.pids[REPORT])
    code, _, err = lab(capsys, "cancel", pid, "--dsn", dsn)
    assert code == 2
    assert f"{pid}@" in err
    assert stage.session(REPORT) is not None
    assert lab(capsys, "cancel", pid, "--dsn", dsn, "--yes", "--wait", "10s")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["cancel", "nonsense"], 2),
        (["cancel", "1@1-q1", "--dsn", "postgresql://nobody@127.0.0.1:1/none"], 1),
        (["activity", "--seconds", "-1"], 2),
        (["activity", "--longer", "soon"], 2),
        (["locks", "--dsn", "no dsn at all"], 1),
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
