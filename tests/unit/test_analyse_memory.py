"""What the app's backends take of the server's memory."""

import json
from pathlib import Path

import pytest

from lab.analyse.memory import BackendMemory, backend_memory
from lab.errors import RecordError
from lab.record import run as record
from tests import stored


def backend(pid: int, bytes_: int, application: str = stored.APPLICATION) -> dict[str, object]:
    sizes = {"rss_bytes": 10 * bytes_, "pss_bytes": 2 * bytes_, "private_bytes": bytes_}
    return {"pid": pid, "application": application, "backend_type": "client backend", "state": "idle", **sizes}


def test_the_medians_are_of_the_apps_backends(tmp_path: Path) -> None:
    others = backend(9, 10**9, "lab-observer")
    run = stored.steady(memory=[backend(1, 100), backend(2, 300), backend(3, 200), others]).write(tmp_path)
    assert backend_memory(run) == BackendMemory(3, 2000.0, 400.0, 200.0)


def test_no_backend_of_the_app_is_not_the_same_as_not_known(tmp_path: Path) -> None:
    run = stored.steady(memory=[backend(9, 5, "lab-observer")]).write(tmp_path)
    assert backend_memory(run) == BackendMemory(0, None, None, None)
    assert backend_memory(stored.steady(pair=2).write(tmp_path)) is None


def test_a_run_of_before_the_table_is_still_read(tmp_path: Path) -> None:
    folder = stored.steady(memory=[backend(1, 100)]).write(tmp_path).folder
    (folder / "memory.parquet").unlink()
    values = json.loads((folder / record.MANIFEST).read_text())
    del values["files"]["memory"]
    (folder / record.MANIFEST).write_text(json.dumps(values))
    old = record.open_run(folder)
    assert backend_memory(old) is None
    assert all(old.table(name).num_columns for name in values["files"])


def test_a_table_that_was_lost_is_an_error(tmp_path: Path) -> None:
    run = stored.steady(memory=[backend(1, 100)]).write(tmp_path)
    (run.folder / "memory.parquet").unlink()
    with pytest.raises(RecordError, match="is missing"):
        backend_memory(run)
