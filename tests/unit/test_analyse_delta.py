"""Differences between two snapshots, and when there is none."""

import re
import statistics
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lab import sql
from lab.analyse.delta import between, database_delta
from lab.analyse.statements import kind_of, spread_ms, statement_deltas
from lab.errors import RecordError
from lab.observe.session import STATEMENTS as RECORDED
from lab.observe.session import select_list
from lab.record.counters import Began, Snapshot, StatementCounters, TableCounters, Unreported
from lab.sql import columns

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


def look(*statements: StatementCounters, **began: Any) -> Snapshot:
    """A snapshot; each keyword changes a part of Began."""
    fixed = {"postmaster_start": "monday", "bgwriter_reset": "monday", "archiver_reset": "monday"}
    dated = {"statements_reset": "monday", "statements_dealloc": 0, "statements_kept": True}
    parts: dict[str, Any] = {**fixed, **dated, **began}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Snapshot(now, 0, 180000, "lab", 1, Began(**parts), {"xact_commit": 1}, statements=statements)


def statement(queryid: int, calls: int, **changes: Any) -> StatementCounters:
    fixed = {"userid": 1, "dbid": 1, "toplevel": True, "query": f"q{queryid}", "stddev_exec_ms": 0.0}
    counts = {"calls": calls, "total_exec_ms": calls * 2.0, "rows": calls}
    return StatementCounters(queryid=queryid, **{**fixed, **counts, **changes})


def calls(before: Snapshot, after: Snapshot) -> dict[int, int | None]:
    return {item.queryid: item.calls for item in statement_deltas(before, after).statements}


def test_statements_are_subtracted_and_new_ones_count_from_nothing() -> None:
    before = look(statement(1, 5), statement(2, 9))
    deltas = statement_deltas(before, look(statement(1, 8), statement(2, 9), statement(3, 4)))
    assert [(item.queryid, item.calls) for item in deltas.statements] == [(3, 4), (1, 3), (2, 0)]
    assert [item.queryid for item in deltas.of_kind()] == [3, 1]


def test_the_same_query_of_another_role_or_level_is_another_statement() -> None:
    before = look(statement(1, 5), statement(1, 2, toplevel=False))
    after = look(statement(1, 6), statement(1, 2, toplevel=False), statement(1, 7, userid=2))
    assert [item.calls for item in statement_deltas(before, after).statements] == [7, 1, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"statements_reset": "tuesday"},
        {"bgwriter_reset": "tuesday", "archiver_reset": "tuesday"},
        {"postmaster_start": "tuesday", "statements_kept": False},
    ],
    ids=["reset", "crash", "restart without save"],
)
def test_after_a_reset_nothing_is_known(change: dict[str, Any]) -> None:
    deltas = statement_deltas(look(statement(1, 5)), look(statement(1, 50), **change))
    assert deltas.statements[0].calls is None and deltas.complete is None and deltas.why


@pytest.mark.parametrize("change", [{"bgwriter_reset": "tuesday"}, {"postmaster_start": "tuesday"}])
def test_a_reset_of_one_view_or_an_orderly_restart_is_no_crash(change: dict[str, Any]) -> None:
    assert calls(look(statement(1, 5)), look(statement(1, 50), **change)) == {1: 45}


DATED = {"stats_since": "monday"}


def test_a_statement_that_was_reset_alone_is_unknown_alone_where_each_is_dated() -> None:
    before = look(statement(1, 5, **DATED), statement(2, 1, **DATED), statement(3, 1, **DATED))
    after = look(statement(1, 9, stats_since="tuesday"), statement(2, 2, **DATED))
    assert calls(before, after) == {1: None, 2: 1, 3: None}


LOSSES: dict[str, tuple[StatementCounters, ...]] = {
    "left": (),
    "fewer calls": (statement(1, 3),),
    "less time": (statement(1, 9, total_exec_ms=1.0),),
    "longer shortest call": (statement(1, 9, min_exec_ms=1.5, max_exec_ms=4.0),),
    "shorter longest call": (statement(1, 9, min_exec_ms=1.0, max_exec_ms=3.0),),
}
UNDATED: dict[str, dict[str, Any]] = {"13": {"statements_dealloc": None, "statements_reset": None}, "14": {}}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("version", UNDATED)
def test_one_loss_without_a_date_makes_what_grew_unknown(version: str, loss: str) -> None:
    # statement 2 was reset with the other, and called three times since: the difference would say twice
    began = UNDATED[version]
    before = look(statement(1, 5, min_exec_ms=1.0, max_exec_ms=4.0), statement(2, 1), **began)
    deltas = statement_deltas(before, look(*LOSSES[loss], statement(2, 3), **began))
    assert {one.calls for one in deltas.statements} == {None}
    assert "lost their counts" in deltas.why and deltas.complete is None


def test_only_dated_counters_are_ever_complete() -> None:
    dated = statement_deltas(look(statement(1, 5, **DATED)), look(statement(1, 8, **DATED)))
    assert dated.complete is True and dated.notes == ()
    # the difference is three; it was reset and called eight times
    undated = statement_deltas(look(statement(1, 5)), look(statement(1, 8)))
    assert undated.complete is None and "reset is unknown" in undated.notes[0].replace("were reset", "reset")


ASKED = "SELECT pg_stat_statements_reset($1,$2,$3)"


def test_a_reset_that_ran_makes_what_carries_no_date_unknown_and_the_rest_not_complete() -> None:
    undated = statement_deltas(look(statement(1, 5)), look(statement(1, 30), statement(2, 1, query=ASKED)))
    assert {one.calls for one in undated.statements} == {None} and "somebody reset" in undated.why
    before = look(statement(1, 5, **DATED))
    dated = statement_deltas(before, look(statement(1, 30, **DATED), statement(2, 1, query=ASKED, **DATED)))
    assert (dated.statements[0].calls, dated.complete) == (25, None) and "somebody reset" in dated.notes[0]
    earlier = look(statement(1, 5, **DATED), statement(2, 1, query=ASKED, **DATED))
    assert statement_deltas(earlier, earlier).complete is True


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "shorter than the shortest": {"total_exec_ms": 12.0, "min_exec_ms": 1.0},
    "longer than the longest": {"total_exec_ms": 30.0, "max_exec_ms": 3.0},
    "without the new longest": {"total_exec_ms": 15.0, "max_exec_ms": 9.0},
    "a spread below nothing": {"total_exec_ms": 18.0, "stddev_exec_ms": 0.0},
}


@pytest.mark.parametrize("change", IMPOSSIBLE)
def test_times_that_no_calls_lead_to_are_a_loss(change: str) -> None:
    times = {"min_exec_ms": 1.0, "max_exec_ms": 3.0, "stddev_exec_ms": 0.9}
    before = look(statement(1, 5, **times))
    assert calls(before, look(statement(1, 9, **times))) == {1: 4}
    assert calls(before, look(statement(1, 9, **{**times, **IMPOSSIBLE[change]}))) == {1: None}


def test_what_is_hidden_from_a_role_is_told_by_its_difference_and_nothing_is_complete() -> None:
    before = replace(look(statement(1, 5, **DATED)), hidden_statements=1, hidden_calls=34)
    after = replace(look(statement(1, 8, **DATED)), hidden_statements=2, hidden_calls=41)
    deltas = statement_deltas(before, after)
    assert deltas.complete is None and "7 calls of them between the looks" in " ".join(deltas.notes)
    assert "unknown number" in " ".join(statement_deltas(after, before).doubts)


def test_a_statement_that_ran_all_the_time_is_named_as_missing() -> None:
    before = replace(look(), running=((7, "monday"), (8, "monday"), (9, "monday")))
    after = replace(look(), running=((7, "monday"), (8, "tuesday")))
    assert "1 statement was running all the time" in " ".join(statement_deltas(before, after).notes)
    assert statement_deltas(before, look()).notes == ()


def test_extremes_that_widen_or_are_of_no_call_are_no_loss() -> None:
    before = look(statement(1, 5, min_exec_ms=1.0, max_exec_ms=4.0), statement(2, 0, min_exec_ms=0.0, max_exec_ms=0.0))
    after = look(
        statement(1, 7, total_exec_ms=15.5, stddev_exec_ms=2.0, min_exec_ms=0.5, max_exec_ms=5.0),
        statement(2, 1, min_exec_ms=2.0, max_exec_ms=2.0),
    )
    assert calls(before, after) == {1: 2, 2: 1}


def test_when_statements_were_dropped_only_dated_counters_are_known() -> None:
    monday, tuesday = {"stats_since": "monday"}, {"stats_since": "tuesday"}
    before = look(statement(1, 5), statement(2, 5, **monday), statement(3, 5, **monday))
    after = (statement(1, 9), statement(2, 9, **monday), statement(3, 9, **tuesday), statement(4, 9, **tuesday))
    deltas = statement_deltas(before, look(*after, statements_dealloc=1), transactions=104)
    assert {item.queryid: item.calls for item in deltas.statements} == {1: None, 2: 4, 3: None, 4: None}
    # at least 4 + 4 calls of the known rows, and 9 + 9 of those that began in between
    assert deltas.complete is False and deltas.seen_share == pytest.approx(26 / 104)


def test_statements_that_were_dropped_while_it_was_looked_are_missing_too() -> None:
    after = look(statement(1, 9), statements_dealloc=0, statements_dealloc_after=1)
    deltas = statement_deltas(look(statement(1, 5)), after)
    assert deltas.complete is False and deltas.statements[0].calls is None


def test_a_server_that_does_not_count_what_it_drops_is_subtracted_with_completeness_unknown() -> None:
    old: dict[str, Any] = {"statements_dealloc": None, "statements_reset": None}
    deltas = statement_deltas(look(statement(1, 5), **old), look(statement(1, 9), **old))
    assert deltas.statements[0].calls == 4 and deltas.complete is None


def test_the_spread_is_that_of_the_calls_in_between() -> None:
    # 100 calls of 1 ms, then calls of 3, 5 and 7 ms: their own deviation is the root of 8/3
    times = [1.0] * 100 + [3.0, 5.0, 7.0]
    before = statement(1, 100, total_exec_ms=100.0, stddev_exec_ms=0.0)
    after = statement(1, 103, total_exec_ms=sum(times), stddev_exec_ms=statistics.pstdev(times))
    assert spread_ms(before, after) == pytest.approx((8 / 3) ** 0.5)
    assert spread_ms(None, after) == pytest.approx(statistics.pstdev(times))


def test_the_spread_is_unknown_where_rounding_hides_it() -> None:
    before = statement(1, 10**12, total_exec_ms=1e12, stddev_exec_ms=1000.0)
    after = statement(1, 10**12 + 2, total_exec_ms=1e12 + 2e-3, stddev_exec_ms=1000.0 - 1e-9)
    assert spread_ms(before, after) is None


def filled(question: str, wanted: columns.Names, live: set[str]) -> str:
    """The text of a question as the lab asks it on a server whose views have these columns."""
    text = re.sub(
        r"%\(\w+\)s|(?<!:):[a-z_]+", "'x'", sql.load(question).replace("{locked}", sql.load("observe/locked"))
    )
    parts = {"columns": select_list(wanted, live), "schema": '"Über all"', "signal": "pg_cancel_backend"}
    for name, part in {**parts, "name": "wal"}.items():
        text = re.sub(rf"(?<!{{){{{name}}}(?!}})", part, text)
    return text


def test_what_the_lab_asked_and_transactions_are_told_apart() -> None:
    live = {"calls", "query", "total_time"}
    own = filled("observe/statement_counters", columns.STATEMENTS, live)
    subject = sql.load("app/post")
    without_comment = own.partition("\n")[2]
    texts = (own, without_comment, subject, "BEGIN", "COMMIT", "SELECT 1 -- begin", "SELECT pg_sleep(1)")
    kinds = ["lab", "lab", "query", "transaction", "transaction", "query", "query"]
    assert [kind_of(text) for text in texts] == kinds


LOOKING = [name for name in sql.titles() if name.startswith(("observe/", "bloat/", "triage/"))]
ASKING = [name for name in LOOKING if re.search(r"\b(pg|lab)[_.]", sql.load(name))]


@pytest.mark.parametrize("name", ASKING)
def test_every_question_of_the_observers_is_known_as_the_labs_own(name: str) -> None:
    recorded = (RECORDED,) if name == "observe/statements" else None
    for wanted in recorded or columns.LISTS.get(name, ({},)):
        every = {old for names in wanted.values() for old in names}
        for live in (every, set(), {names[-1] for names in wanted.values()}):
            assert kind_of(filled(name, wanted, live)) == "lab"


@pytest.mark.parametrize("name", [name for name in ASKING if "{columns}" in sql.load(name)])
def test_what_somebody_else_asks_of_the_same_view_is_not_the_labs(name: str) -> None:
    wanted = RECORDED if name == "observe/statements" else columns.LISTS[name][0]
    for other in ({"n": ("calls",)}, {**wanted, "n": ("calls",)}, dict(list(wanted.items())[1:])):
        assert kind_of(filled(name, other, {"calls", *wanted})) == "query"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT query, calls FROM public.pg_stat_statements WHERE dbid = 5",
        "SELECT sum(calls) FROM pg_stat_statements",
        "SELECT datname, xact_commit FROM pg_stat_database WHERE datname = current_database()",
        "SELECT checkpoints_timed FROM pg_catalog.pg_stat_bgwriter AS counters",
    ],
)
def test_other_peoples_monitoring_is_a_statement_like_any_other(text: str) -> None:
    assert kind_of(text) == "query"


def test_two_databases_have_no_difference() -> None:
    with pytest.raises(RecordError, match="take both of one database"):
        between(look(), replace(look(), database="other"))


def test_the_readers_own_transactions_are_left_out_of_the_databases() -> None:
    before = replace(look(), own_backend="7 monday", own_transactions=10, counters={"xact_commit": 100})
    after = replace(before, own_transactions=25, counters={"xact_commit": 135})
    assert between(before, after).database["xact_commit"] == 20
    assert between(before, replace(after, own_backend="8 monday")).database["xact_commit"] == 35


def table(**counts: Any) -> TableCounters:
    return TableCounters(1, "public", "t", **{"n_tup_upd": 5, "n_tup_newpage_upd": None, **counts})


def test_a_table_is_subtracted_and_its_estimates_are_not() -> None:
    before = replace(look(), tables=(table(n_dead_tup=9),))
    delta = between(before, replace(look(), tables=(table(n_tup_upd=8, n_dead_tup=0),))).table("t")
    assert (delta.counts["n_tup_upd"], delta.counts["n_tup_newpage_upd"], delta.after.n_dead_tup) == (3, None, 0)


@pytest.mark.parametrize(
    ("counts", "began"), [({"n_tup_upd": 4}, {}), ({"n_tup_upd": 8}, {"database_reset": "tuesday"})]
)
def test_a_table_that_was_reset_is_unknown(counts: dict[str, Any], began: dict[str, Any]) -> None:
    before = replace(look(), tables=(table(),))
    delta = between(before, replace(look(**began), tables=(table(**counts),))).table("t")
    assert delta.counts["n_tup_upd"] is None and "reset" in delta.why


def test_a_table_that_is_new_counts_from_nothing() -> None:
    assert between(look(), replace(look(), tables=(table(),))).table("t").counts["n_tup_upd"] == 5


def test_who_has_not_reported_is_named() -> None:
    late = replace(look(), unreported=(Unreported(7, "app", "idle for 1.0 s"),))
    delta = between(look(), late)
    assert not delta.settled and "pid 7 (app): idle for 1.0 s" in " ".join(delta.notes)
