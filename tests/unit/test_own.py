"""What is not the lab's, without a server: how to repeat it, what is told of it, and what happens on a full disk."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from lab.cli.main import _ELSEWHERE, _bring, app
from lab.errors import ObserverError
from lab.observe.rows import Rows
from lab.own import eyes, place
from lab.process import wait_until
from lab.record.run import Manifest
from lab.report import repeat

_bring(_ELSEWHERE)


def manifest(load: dict[str, Any], **own: Any) -> Manifest:
    return Manifest("r", "", "x", {}, load, 1, 0, "2026-01-01", 1, 2, own=own)


PATHS = {"model": "open", "rate_per_s": 12.5, "paths": ["/a b", "/c?d=1&e=$f"], "warmup_s": 0.5, "measured_s": 3.0}
USERS = {"model": "closed", "users": 7, "warmup_s": 0.5, "measured_s": 3.0}
RUNS = {
    "paths": (manifest(PATHS | {"seed": 4}, url="http://[::1]:80/x;y", locustfile=None, database=None), "--seed 4"),
    "locustfile": (manifest(USERS, url="http://a", locustfile="my file.py", database={"name": "x"}), "'my file.py'"),
    "observe": (manifest({}, what="observe", database={"name": "x"}, asked_s=4.5), "--seconds 4.5"),
    "until stopped": (manifest({}, what="observe", database={"name": "x"}, asked_s=None), "--dsn ..."),
}


@pytest.mark.parametrize("name", RUNS)
def test_how_to_repeat_it_can_be_copied(name: str) -> None:
    run, said = RUNS[name]
    (line,) = repeat.own(run).commands
    words = shlex.split(line)
    assert words[0] == "lab" and said in line
    command = typer.main.get_command(app).commands[words[1]]  # type: ignore[attr-defined]
    given = command.make_context(words[1], [word if word != "..." else "service=shop" for word in words[2:]]).params
    if run.load:
        assert (given["host"], list(given["path"])) == (run.own["url"], run.load.get("paths", []))
        assert (given["rate"], given["users"]) == (run.load.get("rate_per_s"), run.load.get("users"))
        assert given["seed"] == run.load.get("seed", 1)
    else:
        assert given["seconds"] == run.own["asked_s"]


def test_of_a_strangers_settings_only_those_are_kept_that_figures_depend_on() -> None:
    told = ["shared_buffers", "work_mem", "max_connections", "autovacuum_naptime", "max_wal_size", "random_page_cost",
            "max_parallel_workers_per_gather", "pg_stat_statements.track", "synchronous_commit", "jit"]  # fmt: skip
    untold = ["listen_addresses", "log_directory", "log_filename", "cluster_name", "search_path", "shop.api_key",
              "log_timezone", "restore_command", "archive_command", "synchronous_standby_names",
              "local_preload_libraries", "primary_slot_name", "temp_tablespaces", "ssl_key_file"]  # fmt: skip
    assert [name for name in told if not place._TOLD.fullmatch(name)] == []
    assert [name for name in untold if place._TOLD.fullmatch(name)] == []


def test_a_full_disk_ends_the_look_at_the_machine_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(rows: Rows) -> None:
        rows._waiting.clear()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(eyes, "_EVERY_S", 0.01)
    monkeypatch.setattr(Rows, "flush", full)
    seeing = eyes.Machine(tmp_path)
    assert wait_until(lambda: not seeing._thread.is_alive(), 10, every_s=0.01)
    with pytest.raises(ObserverError, match="No space left on device"):
        seeing.alive()
    monkeypatch.undo()
    with pytest.raises(ObserverError, match="the run is kept as failed"):
        seeing.stop()
