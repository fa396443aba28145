"""Statements compared by what they ask, and one for each row of another."""

from typing import Any

import pytest

from lab.analyse.likeness import Use, ordered, side_by_side, used
from lab.analyse.n_plus_one import n_plus_one
from lab.analyse.statements import StatementDelta, StatementDeltas


def delta(query: str, calls: int | None, **changes: Any) -> StatementDelta:
    fixed = {"userid": 1, "toplevel": True, "queryid": hash(query), "role": "app", "kind": "query"}
    time_ms = None if calls is None else calls * 2.0
    return StatementDelta(query=query, calls=calls, total_exec_ms=time_ms, rows=calls, **{**fixed, **changes})


def deltas(*statements: StatementDelta) -> StatementDeltas:
    return StatementDeltas(statements, True)


def use(statement: str, calls: int | None, rows: int | None, **changes: Any) -> Use:
    fixed: dict[str, Any] = {"total_ms": 1.0, "spread_ms": 0.0, "blocks": 1, "wal_bytes": 0, "seconds": 1.0}
    return Use(statement=statement, calls=calls, rows=rows, **{**fixed, **changes})


def test_statements_of_one_text_are_added_up_whatever_their_ids() -> None:
    in_18 = delta("SELECT a FROM t WHERE n IN ($1 /*, ... */)", 3)
    in_13 = [delta("SELECT a FROM t WHERE n IN ($1, $2)", 1), delta("SELECT a FROM t WHERE n IN ($1)", 2)]
    (one,), (other,) = used(deltas(in_18), 1.0), used(deltas(*in_13), 1.0)
    assert (one.statement, one.calls, one.total_ms) == (other.statement, other.calls, other.total_ms)


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    (one,) = used(deltas(delta("SELECT 1", 3), delta("SELECT 2", None)), 1.0)
    assert one.calls is None and one.mean_ms is None


def test_transactions_and_the_labs_own_are_apart() -> None:
    found = deltas(delta("SELECT 1", 3), delta("BEGIN", 9, kind="transaction"), delta("-- x", 9, kind="lab"))
    assert [one.calls for one in used(found, 1.0)] == [3]
    assert [one.calls for one in used(found, 1.0, "transaction")] == [9]


def test_two_runs_are_laid_side_by_side_by_text() -> None:
    first = [use("a", 10, 10, total_ms=10.0), use("only first", 1, 1)]
    second = [use("a", 5, 5, total_ms=20.0), use("only second", 1, 1)]
    both = {one.statement: one for one in side_by_side(first, second)}
    assert both["a"].ratio("mean") == 4.0 and both["a"].ratio("calls") == 0.5
    assert both["only first"].second is None and both["only second"].ratio() is None


@pytest.mark.parametrize("order", ["total", "calls", "mean", "spread", "blocks", "wal"])
def test_the_unknown_comes_last_in_every_order(order: str) -> None:
    nothing: dict[str, Any] = {"total_ms": None, "spread_ms": None, "blocks": None, "wal_bytes": None}
    found = ordered([use("unknown", None, None, **nothing), use("known", 1, 1)], order)
    assert [one.statement for one in found] == ["known", "unknown"]


LIST = use("select id from posts limit ?", calls=10, rows=200)


def test_one_for_each_row_of_another_is_found_and_certain() -> None:
    child = use("select name from users where id = ?", calls=200, rows=200)
    (found,) = n_plus_one([LIST, child], transactions=10)
    assert (found.child, found.parent, found.each, found.per_transaction) == (child, LIST, 20.0, 20.0)
    assert found.certain and "10 times returned 200 rows" in found.evidence


def test_without_knowing_the_transactions_it_is_found_and_not_certain() -> None:
    (found,) = n_plus_one([LIST, use("select name from users where id = ?", 190, 190)])
    assert found.parent is LIST and not found.certain


def test_a_session_that_knows_some_rows_asks_less_often() -> None:
    assert n_plus_one([LIST, use("select name from users where id = ?", 120, 120)], 10)


def test_counts_that_meet_by_chance_are_not_a_pattern_where_each_transaction_has_one_statement() -> None:
    key = use("select name from users where id = ?", 195, 195)
    assert n_plus_one([LIST, key], transactions=205) == ()
    assert n_plus_one([LIST, key], transactions=None)[0].certain is False


def test_it_is_found_among_other_traffic() -> None:
    others = use("select title from posts where id = ?", 1000, 1000)
    child = use("select name from users where id = ?", 200, 200)
    (found,) = n_plus_one([LIST, child, others], transactions=1010)
    assert found.child is child and not found.certain


@pytest.mark.parametrize(
    "child",
    [
        use("select name from users where id = ?", 60, 60),  # a key that others read too, far fewer than the rows
        use("select ?", 200, 200),  # a ping
        use("select name from users where id in (?)", 10, 200),  # the cure: once for all rows
        use("select * from comments", 200, 4000),  # many rows each
        use("insert into seen values (?)", 200, 200),
        use("select name from users where id = ?", None, None),
    ],
)
def test_what_is_no_pattern_is_not_found(child: Use) -> None:
    assert n_plus_one([LIST, child], transactions=100) == ()


def test_many_calls_for_each_transaction_tell_without_a_parent() -> None:
    (found,) = n_plus_one([use("select name from users where id = ?", 200, 150)], transactions=20)
    assert found.parent is None and found.certain and found.per_transaction == 10.0
