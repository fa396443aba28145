"""The command ``lab slowlog``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.main import run
from tests.logs import Said, log_of

SAID = [Said("duration: 1500.250 ms  statement: SELECT 5"), Said("duration: 1.000 ms  statement: COMMIT")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_bytes(log_of("csv26", SAID))
    return tmp_path / "a.csv"


def test_it_prints_one_document(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slowlog", str(log), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["statements"], document["duration_ms"], document["skipped"]) == (2, 1501.25, 0)
    assert [group["statement"] for group in document["groups"]] == ["select ?", "commit"]


def test_it_prints_a_table_and_says_what_it_could_not_read(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(log.read_bytes() + b"2026-11-23 10:00:00.000 UTC,half")
    assert run(["slowlog", str(log.with_name("*.csv")), "--top", "1"]) == 0
    out, err = capsys.readouterr()
    assert "2 statements" in out
    assert "select ?" in out
    assert "1 more" in out
    assert "1 line or part of an entry could not be read" in err


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (log_of("csv26", SAID), ["--format", "json"]),
        (log_of("json", SAID), ["--format", "csv"]),
        (log_of("csv26", SAID).replace(b'"', b""), []),
        (bytes(range(256)) * 8, []),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_an_error(
    data: bytes, options: list[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_bytes(data)
    for more in ([], ["--json"]):
        assert run(["slowlog", str(log), *options, *more]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "no entry could be read" in err


def test_an_empty_log_has_no_statements(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(b"")
    assert run(["slowlog", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["statements"] == 0


@pytest.mark.parametrize(("prefix", "misfits"), [("%m,,%p", 2), ("%m [%p] ", 0), ("", 0)])
def test_a_prefix_that_does_not_fit_is_named(
    prefix: str, misfits: int, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_bytes(log_of("stderr", [*SAID[:-1], Said(SAID[-1].message, detail="Parameters: $1 = '1'")]))
    assert run(["slowlog", str(log), "--prefix", prefix, "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["statements"], json.loads(out)["misfits"]) == (2, misfits)
    assert ("--prefix does not fit 2 of 2 entries" in err) == bool(misfits)


@pytest.mark.parametrize("words", [["none.csv"], ["a", "--format", "xml"], ["a", "--prefix", "%z"]])
def test_an_error_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slowlog", *words]) in (1, 2)
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    own = ("lab.analyse", "lab.observe", "lab.experiment", "lab.demonstrate")
    heavy = ("scipy", "sqlalchemy", "pandas", "matplotlib", *own)
    code = f"import sys, lab.cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
