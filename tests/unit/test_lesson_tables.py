"""What lessons show of what a demonstration returned: words and whole numbers, and no class of the lab's."""

from dataclasses import replace

import pytest

from lab.analyse.comparison import Interval
from lab.demonstrate.bloat import Cold
from lab.demonstrate.index_use import Enforced, Planned
from lab.demonstrate.run_statements import Listed, Pinged, Watched
from lab.demonstrate.slow_log import Explained, Mixture, Parsed, Rights
from lab.demonstrate.triage import Believed, Frozen, Orphan
from lab.demonstrate.whatif import Side, Tried
from lab.lesson import bloat_pictures, log_pictures, statement_pictures, triage_pictures


def test_a_difference_that_is_unknown_is_called_so() -> None:
    made = statement_pictures.watched(Watched(10, 10, 30), Watched(10, None, 10))
    assert made["by two looks"].tolist() == ["10", "unknown"]
    assert made["the view shows"].tolist() == ["30", "10"]


def test_counts_of_statements_are_whole_numbers() -> None:
    made = log_pictures.counts(Mixture(100.0, [150.2] * 6, [5.1] * 300, 6, 0))
    assert made["sent"].tolist() == [6, 300] and "6.0" not in made.to_string()


def test_each_way_of_reading_a_log_has_its_count() -> None:
    made = log_pictures.parsed(Parsed(20, 0, 20, {"csv": 20, "json": 19}, {"csv": 3.14, "json": 3.1}))
    assert made["found"].to_dict() == {"line by line": 0, "as CSV": 20, "csv, by the lab": 20, "json, by the lab": 19}
    assert made["time of all, ms"].tolist() == ["", "", "3.1", "3.1"]


@pytest.mark.parametrize(
    ("granted", "says"), [(None, "no such right before 15"), ("", "allowed"), ("42501", "refused (42501)")]
)
def test_a_right_that_was_granted_refused_or_unknown_to_the_version(granted: str | None, says: str) -> None:
    made = log_pictures.rights(Rights("42501", granted, 10, 10, 1, 9))
    assert made["the server says"].tolist()[:2] == ["refused (42501)", says]
    assert made["in the log"].tolist()[2:] == [10, 1, 9]


def test_plans_are_told_apart_from_executions() -> None:
    made = log_pictures.explained(Explained(5, 10, 5, 5, 4, "Result"))
    assert made["count"].tolist() == [5, 10, 5, 5, 4]


def test_the_small_tables_show_what_was_seen_and_no_class() -> None:
    pinged = statement_pictures.pinged(Pinged(20, 5, (("SELECT $1", 25),)), Pinged(20, 5, (("SELECT $1", 5),)))
    tables = [
        (pinged, ["25", "SELECT $1"]),
        (statement_pictures.lists(Listed((1, 2), 2, 2, 1), Listed((1, 2), 2, 1, 1)), ["1, 2"]),
        (statement_pictures.scans(Enforced(5, 20, 0, False), Planned(5, 7)), ["refused 5 rows of 25", "7"]),
        (triage_pictures.frozen(Frozen(True, 0, 0), Frozen(False, 0, 1)), ["with autocommit"]),
        (triage_pictures.believed([Believed("by relation", 3, 2, 4)]), ["by relation", "4"]),
    ]
    for made, words in tables:
        text = made.to_string()
        assert all(word in text for word in words) and "=" not in text.replace("= ANY", "")


def test_pages_are_counted_in_whole_numbers() -> None:
    text = bloat_pictures.costs([Cold("half deleted", "exact", 935, 943, 40.04)]).to_string()
    assert "935" in text and "943" in text and "40.0" in text and "935.0" not in text


def test_both_sides_of_a_trial_are_named_and_its_ratio_has_its_interval() -> None:
    one, other = Side(("Seq Scan on t",), 1, 154, 0, (2.0, 2.2)), Side(("Index Scan on t",), 1, 27, 0, (0.1, 0.12))
    tried = Tried("an index", "select", one, other, Interval(0.05, 0.04, 0.06), "faster", ())
    made = statement_pictures.sides(tried, ("without the index", "with it"))
    assert made["time, ratio (95 %)"].to_dict() == {"without the index": "1", "with it": "0.05 (0.04 to 0.06)"}
    alone = replace(tried, effect=Interval(0.05, None, None))
    assert statement_pictures.sides(alone, ("a", "b"))["time, ratio (95 %)"].tolist() == ["1", "0.05"]


def test_who_is_not_there_is_named_and_its_tree_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    triage_pictures.orphan(Orphan((0,), "payment 7", ("prepared", "└─ " + 80 * "x")))
    told = capsys.readouterr().out.splitlines()
    assert told == ["the server names as blocker: pid 0", "its name: payment 7", "prepared", "└─ " + 80 * "x"]
