"""A sweep on a real server: cut short and gone on with, changed and not mixed, with settings of a server of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.record.run import open_run

TINY = """
repeats = 1
[grid]
pool = ["null", "queue:size=2,overflow=0"]
users = [1, 2]
[load]
warmup_s = 0
measured_s = 0.5
"""


@pytest.fixture
def ask(own_config, tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(TINY)

    def start(*words):
        home = {"LAB_HOME": str(own_config.home)}
        return subprocess.Popen(
            [sys.executable, "-m", "lab.cli", "sweep", str(file), *words], env=os.environ | home,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def asked(*words):
        child = start("--json", *words)
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, err
        return json.loads(out), err

    asked.start, asked.file, asked.home = start, file, own_config.home
    return asked


def _wait_for(home: Path, pattern: str) -> None:
    deadline = time.monotonic() + 60
    while not list(home.glob(pattern)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_sweep_repeats_nothing_but_the_run_in_flight(ask):
    child = ask.start()
    _wait_for(ask.home, "sweeps/*/run-02-*")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    first = next(ask.home.glob("sweeps/*/run-01-*/manifest.json")).read_text()
    found, _ = ask()
    assert [cell["repeats_done"] for cell in found["cells"]] == [1, 1, 1, 1]
    folder = Path(found["folder"])
    assert next(folder.glob("run-01-*/manifest.json")).read_text() == first
    assert len(list(folder.glob("cut-1-run-02-*"))) == 1
    tables = {tuple(sorted(open_run(run).manifest.files)) for run in folder.glob("run-*")}
    assert len(tables) == 1
    assert [(one["series"], one["axis"], one["usl"]) for one in found["models"]] == [
        ("null", "users", None),
        ("queue:size=2,overflow=0", "users", None),
    ]


def test_what_is_complete_is_not_measured_again_and_a_changed_file_is_not_mixed_in(ask):
    first, _ = ask()
    again, _ = ask()
    assert again["folder"] == first["folder"]
    ask.file.write_text(TINY.replace("users = [1, 2]", "users = [1, 3]"))
    changed, said = ask()
    assert changed["folder"] != first["folder"]
    assert "the file has changed" in said
    assert {cell["parameters"]["users"] for cell in changed["cells"]} == {1, 3}


def test_settings_are_varied_on_a_server_of_the_sweeps_own(ask):
    grid = "[grid.server]\nmax_connections = [40, 50]\n[load]\nwarmup_s = 0\nmeasured_s = 0.5\nusers = 1\n"
    ask.file.write_text("repeats = 1\n" + grid + "[load.table.posts]\nfillfactor = 80\n")
    found, _ = ask()
    runs = [open_run(folder) for folder in sorted(Path(found["folder"]).glob("run-*"))]
    settings = {run.manifest.variant: run.manifest.environment["server"]["settings"]["max_connections"] for run in runs}
    assert settings == {"cell-1": "40", "cell-2": "50"}


def test_a_parameter_that_postgresql_does_not_know_is_refused_in_one_line(ask):
    ask.file.write_text("[grid.table.posts]\nfillfactr = [80, 90]\n[load]\nwarmup_s = 0\nmeasured_s = 0.5\n")
    child = ask.start()
    _, err = child.communicate(timeout=120)
    assert child.returncode == 2
    assert 'unrecognized parameter "fillfactr"' in err
    assert "Traceback" not in err


def test_each_run_of_a_fillfactor_begins_with_pages_filled_by_it(ask):
    ask.file.write_text(
        "repeats = 1\n[grid.table.posts]\nfillfactor = [100, 50]\n"
        '[load]\nwarmup_s = 0\nmeasured_s = 0.5\nusers = 1\njourney = "churn"\n'
    )
    found, _ = ask()
    heap = {}
    for folder in Path(found["folder"]).glob("run-*"):
        run = open_run(folder)
        rows = run.table("tables").to_pylist()
        posts = [row for row in rows if row["name"] == "posts" and not row["toast"] and row["mark"] == "start"]
        heap[run.manifest.variant] = posts[0]["heap_bytes"]
    assert heap["cell-2"] > 1.8 * heap["cell-1"]
