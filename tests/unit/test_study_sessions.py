"""Two recorded sessions against each other: which runs, what is refused, what the floor is taken from."""

import json
from dataclasses import replace

import pytest

from lab.analyse.sessions import compare
from lab.cli.main import run
from lab.errors import UsageError
from lab.plan import LoadPlan
from lab.record.run import machine_hash
from lab.study import noise
from lab.study.sessions import summaries
from tests import reported, stored

SHORT = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)


@pytest.fixture
def days(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    for day, means in (("monday", [(60, 25), (62, 26), (61, 25)]), ("tuesday", [(60, 12), (62, 13), (61, 12)])):
        folder = tmp_path / "runs" / day
        stored.pairs(folder, means, load=SHORT)
        (folder / "experiment.json").write_text("{}")
    return tmp_path


def test_a_variant_has_to_be_named_where_there_are_several(days):
    with pytest.raises(UsageError, match="several variants"):
        summaries(days, "monday")
    assert len(summaries(days, "monday", "null")[1]) == 3


def test_the_cells_of_a_sweep_are_named_in_order_and_with_their_parameters(tmp_path):
    made = reported.sweep(tmp_path, least=9)
    with pytest.raises(UsageError, match=r"--variant cell-1 \(size 9\); cell-2 \(size 10\)$"):
        summaries(tmp_path, str(made.folder))
    with pytest.raises(UsageError, match=r"no variant 'queue'; there are cell-1 \(size 9\); cell-2"):
        summaries(tmp_path, str(made.folder), "queue")


def test_a_day_on_which_it_was_twice_as_fast_is_found(days):
    (_, monday), (_, tuesday) = (summaries(days, day, "queue:size=10,overflow=0") for day in ("monday", "tuesday"))
    found = compare(monday, tuesday)
    assert found.verdict == "faster"
    assert found.found.ratio == pytest.approx(2.0, rel=0.15)
    assert "lab noise" in found.notes[0]


def test_the_same_on_two_days_is_no_evidence(days):
    (_, monday), (_, tuesday) = (summaries(days, day, "null") for day in ("monday", "tuesday"))
    assert compare(monday, tuesday).verdict == "no evidence"


def test_unlike_loads_are_refused_unless_asked_for(days):
    stored.pairs(days / "runs" / "long", [(60, 25), (61, 26)], load=LoadPlan(users=8, warmup_s=0.5, measured_s=2.0))
    (days / "runs" / "long" / "experiment.json").write_text("{}")
    first, second = summaries(days, "monday", "null")[1], summaries(days, "long", "null")[1]
    assert compare(first, second).verdict == "invalid"
    asked = compare(first, second, unlike=True)
    assert asked.verdict != "invalid"
    assert any(note.startswith("unlike loads") for note in asked.notes)


def test_a_variant_of_another_pool_is_compared_only_where_that_is_meant(days):
    first, second = summaries(days, "monday", "null")[1], summaries(days, "tuesday", "queue:size=10,overflow=0")[1]
    found = compare(first, second)
    assert found.verdict == "invalid"
    assert found.reasons[0].startswith("unlike pools: the runs differ in kind")
    assert compare(first, second, named=True).verdict == "faster"


def test_an_open_load_is_never_compared_with_a_closed_one(days):
    stored.pairs(days / "runs" / "open", [(60, 25), (61, 26)], load=replace(SHORT, model="open", rate_per_s=200.0))
    (days / "runs" / "open" / "experiment.json").write_text("{}")
    first, second = summaries(days, "monday", "null")[1], summaries(days, "open", "null")[1]
    found = compare(first, second, unlike=True)
    assert (found.verdict, found.found) == ("invalid", None)
    assert "no measure in common" in found.reasons[0]


def test_one_run_is_no_session(days):
    runs = summaries(days, "monday", "null")[1]
    with pytest.raises(UsageError, match="the second has 1 run"):
        compare(runs, runs[:1])


def test_a_run_that_is_not_complete_is_left_out_and_said(days, capsys):
    folder = sorted((days / "runs" / "tuesday").glob("run-*null*"))[0]
    (folder / "manifest.json").write_text("{")
    assert run(["between", "monday", "tuesday", "--variant", "null", "--json"]) == 0
    assert any(note.startswith("left out of tuesday") for note in json.loads(capsys.readouterr().out)["notes"])


def test_the_same_runs_are_not_compared_with_themselves(days, capsys):
    assert run(["between", "monday", "monday", "--variant", "null"]) == 2
    assert "are the same runs" in capsys.readouterr().err


def test_the_floor_is_of_this_machine_only(days):
    facts = dict(summaries(days, "monday", "null")[1][0].environment)
    for number, machine in enumerate([machine_hash(facts)] * 3 + ["another"] * 3):
        folder = days / noise.SHELF / str(number)
        folder.mkdir(parents=True)
        values = {"machine_hash": machine, "metric": "throughput_per_s", "values": [100 + number, 101 + number]}
        (folder / noise.FILE).write_text(json.dumps(values))
    assert noise.known(days, facts, "throughput_per_s").sessions == 3
    assert noise.known(days, facts, "latency_ms.p50") is None


def test_a_session_that_a_gate_refused_is_marked_and_not_in_the_floor(days, monkeypatch, capsys):
    quiet = summaries(days, "monday", "null")[1]
    busy = [replace(one, flags=("machine starved by other programs: 40 % of it, limit 25",)) for one in quiet]
    folders = []
    for number, runs in enumerate([quiet, quiet, busy, quiet]):
        folders.append(days / noise.SHELF / str(number))
        folders[-1].mkdir(parents=True)
        (folders[-1] / noise.FILE).write_text(json.dumps(noise._session(runs)))
    facts = dict(quiet[0].environment)
    refused = [noise.refused(folder) for folder in folders]
    assert refused[2][0].startswith("machine starved")
    kept = [folder for folder, said in zip(folders, refused, strict=True) if not said]
    assert len(kept) == len(noise.sessions(days, facts, "throughput_per_s"))
    monkeypatch.setattr(noise, "calibrate", lambda *_: folders[2])
    monkeypatch.setattr("lab.environment.capture", lambda _: facts)
    assert run(["noise", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sessions"], told["left_out"]) == (len(kept), refused[2])
    assert run(["noise"]) == 0
    assert "left out of the floor: machine starved" in capsys.readouterr().out


def test_the_command_tells_programs_the_same(days, capsys):
    assert run(["between", "monday", "tuesday", "--variant", "null", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["first"]["variant"]) == ("no evidence", "null")
