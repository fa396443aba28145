"""A sweep of twelve cells, killed at ten moments of chance, has every cell once and nothing twice."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.cut_short import TWELVE, Moment, Sweeping, check, end_and_finish, moments

KILLS = int(os.environ.get("LAB_TEST_KILLS", "10"))


@pytest.fixture
def sweeping(own_config, tmp_path):
    file = tmp_path / "twelve.toml"
    file.write_text(TWELVE)
    return Sweeping(file, own_config.home)


def test_killed_at_ten_moments_a_sweep_has_every_cell_once_and_the_same_schema(sweeping):
    seed = int(os.environ.get("LAB_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"LAB_TEST_SEED={seed}")  # shown if it fails, to be given again
    found = end_and_finish(sweeping, moments(KILLS, seed), "kill", seed)
    check(sweeping, found, 12)


TWO = "repeats = 1\n[grid]\nusers = [1, 2]\n[load]\nwarmup_s = 0\nmeasured_s = 0.5\n"


@pytest.mark.parametrize("how", ["ctrl-c", "term", "child"])
def test_ended_in_another_way_it_goes_on_too(sweeping, how):
    sweeping.file.write_text(TWO)
    found = end_and_finish(sweeping, [Moment("run", 0.5), Moment("sealing", 0.0)], how, seed=1)
    check(sweeping, found, 2)


def test_killed_after_the_sealing_and_before_it_was_tidied_a_run_is_kept_and_tidied(sweeping):
    sweeping.file.write_text(TWO)
    sweeping.end_at(Moment("run", 0.0), "kill", random.Random(1))
    sweeping.finish()
    kept = sweeping.complete()
    for file in kept:
        (file.parent / "requests-1.bin").write_bytes(b"half")
        (file.parent / "manifest.json.part").write_text("{")
    (sweeping.home / "sweeps" / "20260101-000000-twelve-0000").mkdir()
    check(sweeping, sweeping.finish(), 2)
    assert sweeping.complete() == kept


def test_a_damaged_run_is_made_again_and_a_damaged_sweep_is_told_of(sweeping):
    sweeping.file.write_text(TWO)
    found = sweeping.finish()
    kept = sweeping.complete()
    first = next(iter(kept))
    first.write_text("{")
    sweeping.finish()
    again = sweeping.complete()
    assert {file for file in kept if kept[file] != again.get(file)} == {first}
    folder = first.parents[1]
    (folder / "sweep.json").write_text("{")
    child = sweeping.start("--json")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0
    assert f"{folder / 'sweep.json'} cannot be read" in " ".join(err.split())
    assert found["folder"] not in out


def test_what_postgresql_refuses_is_told_with_its_line_before_any_run(sweeping):
    for text, words in (
        ('[grid.server]\nshared_buffers = ["16MB", "12 potatoes"]\n', ", line 2: "),
        ("[grid]\nusers = [1]\n[load.server]\nno_such_setting = 1\n", ", line 4: "),
        ("[grid.table.posts]\nfillfactor = [90, 5]\n", ", line 2: "),
        ('[grid]\nusers = [1]\nsize = [5, 500]\n[load]\npool = "queue:overflow=0"\n', ", line 3: "),
    ):
        sweeping.file.write_text(text)
        child = sweeping.start()
        _, err = child.communicate(timeout=120)
        assert child.returncode == 2, err
        assert f"twelve.toml{words}" in err
        assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
        assert not list(sweeping.home.glob("sweeps/*"))


def test_a_file_that_is_as_it_was_goes_on_with_its_own_sweep(sweeping):
    sweeping.file.write_text(TWO)
    first = sweeping.finish()["folder"]
    sweeping.file.write_text(TWO.replace("[1, 2]", "[1]"))
    assert sweeping.finish()["folder"] != first
    sweeping.file.write_text("# as before\n" + TWO.replace("[1, 2]", "[\n  1,\n  2,\n]"))
    assert sweeping.finish()["folder"] == first


def test_a_changed_machine_begins_a_new_sweep_and_says_so(sweeping):
    sweeping.file.write_text(TWO)
    first = Path(str(sweeping.finish()["folder"]))
    kept = sweeping.complete()
    noted = json.loads((first / "sweep.json").read_text())
    (first / "sweep.json").write_text(json.dumps(noted | {"machine_hash": "another"}))
    child = sweeping.start("--json")
    out, err = child.communicate(timeout=300)
    assert "the machine" in err
    assert first.name in err
    assert json.loads(out)["folder"] != str(first)
    assert kept.items() <= sweeping.complete().items()


def test_of_two_sweeps_at_once_the_second_is_refused(sweeping):
    sweeping.file.write_text(TWO)
    first = sweeping.start()
    deadline = time.monotonic() + 60
    while not list(sweeping.home.glob("sweeps/*/run-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = sweeping.start()
    _, err = second.communicate(timeout=60)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert second.returncode == 1
    assert "another lab command is at work" in err
