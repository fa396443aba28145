"""Differences between two snapshots, and when there is none."""

from typing import Any

import pytest

from lab.analyse.delta import database_delta, statement_deltas

DATABASE: dict[str, Any] = {
    "sessions": 10,
    "xact_commit": 100,
    "xact_rollback": 5,
    "active_ms": 1.5,
    "idle_in_transaction_ms": 0.0,
    "blks_read": 7,
    "blks_hit": 70,
    "stats_reset": None,
    "cluster_reset": "monday",
    "statements_reset": "monday",
    "statements_dealloc": 0,
}


def database(**changes: Any) -> dict[str, Any]:
    return {**DATABASE, **changes}


def statement(queryid: int, calls: int, **changes: Any) -> dict[str, Any]:
    fixed = {"userid": 1, "toplevel": True, "query": f"q{queryid}", "stats_since": None}
    return {**fixed, "queryid": queryid, "calls": calls, "total_exec_ms": calls * 2.0, "rows": calls, **changes}


def test_counters_are_subtracted() -> None:
    delta = database_delta(database(), database(sessions=12, xact_commit=150, active_ms=4.0))
    assert (delta["sessions"], delta["xact_commit"], delta["active_ms"], delta["blks_hit"]) == (2, 50, 2.5, 0)


@pytest.mark.parametrize(
    "change",
    [{"stats_reset": "tuesday"}, {"cluster_reset": "tuesday"}, {"xact_commit": 99}],
    ids=["reset", "crash", "went back"],
)
def test_counters_that_began_again_are_unknown(change: dict[str, Any]) -> None:
    delta = database_delta(database(), {**database(sessions=1000), **change})
    assert set(delta.values()) == {None}


def test_a_missing_snapshot_makes_all_unknown() -> None:
    assert set(database_delta(None, database()).values()) == {None}


def test_a_counter_that_the_server_has_not_is_unknown_and_the_rest_is_known() -> None:
    delta = database_delta(database(sessions=None), database(sessions=None, xact_commit=101))
    assert (delta["sessions"], delta["xact_commit"]) == (None, 1)


def calls(before: list[Any], after: list[Any], old: dict[str, Any], new: dict[str, Any]) -> dict[Any, Any]:
    return {item.queryid: item.calls for item in statement_deltas(before, after, old, new).statements}


def test_statements_are_subtracted_and_new_ones_count_from_nothing() -> None:
    before, after = [statement(1, 5), statement(2, 9)], [statement(1, 8), statement(2, 9), statement(3, 4)]
    deltas = statement_deltas(before, after, database(), database())
    assert [(item.queryid, item.calls) for item in deltas.statements] == [(3, 4), (1, 3), (2, 0)]
    assert deltas.complete is True


def test_the_same_query_of_another_role_or_level_is_another_statement() -> None:
    before = [statement(1, 5), statement(1, 2, toplevel=False)]
    after = [statement(1, 6), statement(1, 2, toplevel=False), statement(1, 7, userid=2)]
    deltas = statement_deltas(before, after, database(), database())
    assert [item.calls for item in deltas.statements] == [7, 1, 0]


@pytest.mark.parametrize("change", [{"statements_reset": "tuesday"}, {"cluster_reset": "tuesday"}])
def test_after_a_reset_nothing_is_known(change: dict[str, Any]) -> None:
    deltas = statement_deltas([statement(1, 5)], [statement(1, 50)], database(), database(**change))
    assert deltas.statements[0].calls is None and deltas.complete is None


def test_a_statement_that_was_reset_alone_is_unknown_alone() -> None:
    before, after = [statement(1, 5), statement(2, 1)], [statement(1, 3), statement(2, 2)]
    assert calls(before, after, database(), database()) == {1: None, 2: 1}


def test_a_statement_that_left_is_unknown() -> None:
    before, after = [statement(1, 5), statement(2, 1)], [statement(2, 2)]
    assert calls(before, after, database(), database()) == {1: None, 2: 1}


def test_when_statements_were_dropped_only_dated_counters_are_known() -> None:
    before = [statement(1, 5), statement(2, 5, stats_since="monday"), statement(3, 5, stats_since="monday")]
    after = [
        statement(1, 9),
        statement(2, 9, stats_since="monday"),
        statement(3, 9, stats_since="tuesday"),
        statement(4, 9, stats_since="tuesday"),
    ]
    deltas = statement_deltas(before, after, database(), database(statements_dealloc=1))
    assert {item.queryid: item.calls for item in deltas.statements} == {1: None, 2: 4, 3: None, 4: None}
    assert deltas.complete is False


def test_a_server_that_does_not_count_what_it_drops_is_subtracted_with_completeness_unknown() -> None:
    old = database(statements_dealloc=None, statements_reset=None)
    deltas = statement_deltas([statement(1, 5)], [statement(1, 9)], old, old)
    assert deltas.statements[0].calls == 4 and deltas.complete is None


def test_a_server_that_does_not_date_its_reset_is_found_out_by_its_counts() -> None:
    old = database(statements_dealloc=None, statements_reset=None)
    found = calls([statement(1, 5), statement(2, 5)], [statement(1, 2), statement(3, 1)], old, old)
    assert set(found.values()) == {None}
