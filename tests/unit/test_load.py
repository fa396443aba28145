import sys
from pathlib import Path

import pytest

from lab import load
from lab.errors import UsageError
from lab.plan import LoadPlan


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_the_command_runs_locust_with_this_python() -> None:
    argv = load.command(LoadPlan(users=16), "http://127.0.0.1:8000", Path("/run/load-plan.json"))
    assert argv[:3] == [sys.executable, "-m", "locust"]
    assert option(argv, "-f").endswith("loadtests/closed.py")
    assert option(argv, "--host") == "http://127.0.0.1:8000"
    assert option(argv, "--lab-plan") == "/run/load-plan.json"


def test_all_users_of_a_closed_plan_are_made_at_once() -> None:
    argv = load.command(LoadPlan(users=300), "http://127.0.0.1:1", Path("p"))
    assert (option(argv, "--users"), option(argv, "--spawn-rate")) == ("300", "300")


def test_an_open_plan_has_one_source_of_arrivals() -> None:
    argv = load.command(LoadPlan(model="open", rate_per_s=500), "http://127.0.0.1:1", Path("p"))
    assert option(argv, "-f").endswith("loadtests/open.py")
    assert option(argv, "--users") == "1"
    assert "--processes" not in argv


def test_more_processes_are_locusts_own_workers() -> None:
    argv = load.command(LoadPlan(model="open", rate_per_s=500, processes=2), "http://127.0.0.1:1", Path("p"))
    assert (option(argv, "--processes"), option(argv, "--users")) == ("2", "2")


def test_locusts_own_variables_do_not_reach_the_child() -> None:
    env = load.environment(Path("p"), Path("r"), {"LOCUST_RUN_TIME": "1s", "HOME": "/h"})
    assert env == {"HOME": "/h", "LAB_LOAD_PLAN": "p", "LAB_LOAD_RECORD": "r"}


def test_a_plan_that_cannot_be_run_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="users is 0"):
        load.start(LoadPlan(users=0), "http://127.0.0.1:1", tmp_path, tmp_path / "log")
    assert list(tmp_path.iterdir()) == []
