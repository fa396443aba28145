"""The statements of recorded runs, and the command that shows them."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab import sql
from lab.analyse.delta import TableDelta
from lab.analyse.recorded import recorded_statements, recorded_tables
from lab.cli.main import run as lab
from lab.cli.results import table_line
from lab.record.counters import TableCounters
from lab.record.run import Run
from tests.stored import steady

LIST, CHILD = "SELECT id FROM posts LIMIT $1", "SELECT name FROM users WHERE id = $1"

OWN = "observe/can_flush"


def rows(mark: str, **calls: int) -> list[dict[str, Any]]:
    texts = {"list": LIST, "child": CHILD, "commit": "COMMIT", "own": "-- What each statement has cost\nSELECT 1"}
    each = {"list": 20, "child": 1, "commit": 0, "own": 0}
    return [
        {
            "mark": mark, "userid": 1, "toplevel": True, "queryid": number, "query": texts[name], "calls": count,
            "total_exec_ms": 2.0 * count, "rows": each[name] * count, "stddev_exec_ms": 0.0,
        }
        for number, (name, count) in enumerate(calls.items(), 1)
    ]  # fmt: skip


def recorded(folder: Path, children: int = 200, **changes: Any) -> Run:
    before, after = rows("start", list=5, child=100, commit=1), rows("after", list=15, child=100 + children, commit=11)
    # ten requests or so, each of which read a list
    return steady(4000.0, users=8, statements=[*before, *after], **changes).write(folder)


def test_what_a_run_did_is_the_difference_of_its_marks(tmp_path: Path) -> None:
    found = recorded_statements(recorded(tmp_path))
    assert {one.query: one.calls for one in found.statements.statements} == {LIST: 10, CHILD: 200, "COMMIT": 10}
    assert found.marks == ("start", "after") and found.seconds == pytest.approx(10.0)


def test_an_older_record_has_no_spread_and_no_blocks(tmp_path: Path) -> None:
    plain = [{key: value for key, value in row.items() if key != "stddev_exec_ms"} for row in rows("after", list=3)]
    run = steady(statements=[*rows("start", list=1), *plain]).write(tmp_path)
    (one,) = recorded_statements(run).statements.statements
    assert (one.calls, one.stddev_exec_ms, one.blocks) == (2, None, None)


def test_the_command_shows_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded(tmp_path)
    assert lab(["statements", str(run.folder)]) == 0
    out = capsys.readouterr().out
    assert "select name from users where id = ?" in out and "N+1" in out and "apart, calls: commit 10" in out


def test_the_command_shows_the_labs_own_questions_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (
        {**rows(mark, own=calls)[0], "query": sql.load(OWN)} for mark, calls in (("start", 2), ("after", 7))
    )
    run = steady(statements=[before, after]).write(tmp_path)
    assert lab(["statements", str(run.folder)]) == 0
    assert "apart, the lab's own calls: 5" in capsys.readouterr().out
    assert lab(["statements", str(run.folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["calls"] for one in document["lab"]] == [5] and document["statements"] == []


def test_the_command_lays_two_runs_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = recorded(tmp_path / "a"), recorded(tmp_path / "b", children=20)
    assert lab(["statements", str(first.folder), "--against", str(second.folder), "--json"]) == 0
    both = {one["statement"]: one for one in json.loads(capsys.readouterr().out)["both"]}
    child = both["select name from users where id = ?"]
    assert (child["first"]["calls"], child["second"]["calls"]) == (200, 20)


def test_what_was_written_to_a_table_is_one_line() -> None:
    counts = {"n_tup_ins": 0, "n_tup_upd": 1000, "n_tup_del": 0, "n_tup_hot_upd": 900, "autovacuum_count": 1}
    after = TableCounters(1, "public", "posts", n_dead_tup=70)
    written = "1,000 updated, 900 of the updates HOT, autovacuum came 1 times; 70 dead rows at the end, estimated"
    assert table_line(TableDelta(None, after, counts)) == f"posts: {written}"
    assert table_line(TableDelta(None, after, dict.fromkeys(counts, 0))) == ""
    assert "unknown, it was reset" in table_line(TableDelta(None, after, dict.fromkeys(counts), "it was reset"))


def test_a_run_without_tables_has_none(tmp_path: Path) -> None:
    assert recorded_tables(recorded(tmp_path)) == ()


@pytest.mark.parametrize(
    "words",
    [
        ["--by", "speed"],
        ["--seconds", "0"],
        ["--top", "0"],
        ["--against", "run"],
        ["run", "--dsn", "dbname=x"],
    ],
)
def test_wrong_usage_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["statements", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_server_that_cannot_be_reached_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["statements", "--dsn", "host=127.0.0.1 port=1 dbname=x connect_timeout=2"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
