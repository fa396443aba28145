"""Autovacuum's arithmetic, its predictions and their outcomes, on looks that are written down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analyse import autovacuum as arithmetic
from lab.analyse.autovacuum_check import AS_PREDICTED, EARLY, LATE, MISSED, OPEN, UNFORESEEN, VOID, outcome
from lab.analyse.autovacuum_prediction import predict, rate, removes, sentence, turn_s
from lab.analyse.vacuum_log import Run
from lab.record.autovacuum import (
    ALL,
    ANALYZE,
    DUE,
    LATER,
    NEVER,
    NOTHING,
    OLDER,
    STILL,
    UNKNOWN,
    VACUUM,
    Look,
    Prediction,
    Rules,
    Table,
)
from lab.record.horizon import Holder, Holders
from lab.record.options import Options, options

START = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = Rules()
BASE = Table(1, "public", "t", reltuples=10_000, live_rows=10_000, pages=100, xid_age=100, multixact_age=1)
HOLDER = Holder("session", "812", "backend_xid", 9, database="app", pid=812, since=START, state="idle in transaction")


def look(seconds: float = 0, rules: Rules = DEFAULTS, **changes: object) -> Look:
    table = replace(BASE, **changes)  # type: ignore[arg-type]
    return Look(START + timedelta(seconds=seconds), "app", (table,), rules, started_at=START)


def vacuum(*looks: Look) -> Prediction:
    return next(one for one in predict(looks) if one.action == VACUUM and one.oid == 1)


@given(st.floats(0, 2**40, width=32))
def test_the_first_count_is_the_least_that_float4_finds_greater(threshold: float) -> None:
    first = arithmetic.first_above(threshold)
    assert np.float32(first) > np.float32(threshold)
    assert not np.float32(first - 1) > np.float32(threshold)


@given(st.integers(0, 2**40), st.integers(0, 10**6), st.floats(0, 100))
def test_a_trigger_is_due_exactly_when_float4_says_greater(dead: int, base: int, scale: float) -> None:
    rules = Rules(vacuum_threshold=base, vacuum_scale_factor=scale, vacuum_insert_threshold=-1)
    table = replace(BASE, dead_rows=dead)
    trigger = arithmetic.vacuum_triggers(table, Look(START, "app", (table,), rules))[0]
    expected = np.float32(base) + np.float32(scale) * np.float32(10_000)
    assert trigger.due == bool(np.float32(dead) > expected)


def test_counts_beyond_24_bits_are_compared_as_float4_not_as_whole_numbers() -> None:
    rules = Rules(vacuum_scale_factor=0, vacuum_threshold=16_777_216)
    assert vacuum(look(rules=rules, dead_rows=16_777_217)).verdict == UNKNOWN
    assert vacuum(look(rules=rules, dead_rows=16_777_218)).verdict == DUE


@pytest.mark.parametrize(("reltuples", "threshold"), [(-1, 50), (0, 50), (10_000, 2050), (3, 50.6)])
def test_an_unknown_size_counts_as_none(reltuples: float, threshold: float) -> None:
    assert arithmetic.vacuum_threshold(replace(BASE, reltuples=reltuples), Rules()) == pytest.approx(threshold)


def test_a_maximum_of_minus_one_is_none_and_zero_is_one() -> None:
    assert [
        arithmetic.vacuum_threshold(BASE, Rules(vacuum_max_threshold=most)) for most in (-1, None, 0, 500, 5000)
    ] == [2050, 2050, 0, 500, 2050]


def test_more_frozen_pages_than_pages_count_as_all() -> None:
    assert arithmetic.insert_threshold(replace(BASE, frozen_pages=200), Rules()) == 1000
    assert arithmetic.insert_threshold(replace(BASE, frozen_pages=50), Rules()) == 2000
    assert arithmetic.insert_threshold(BASE, Rules(vacuum_insert_threshold=-1)) is None


@pytest.mark.parametrize(
    ("text", "enabled"), [("true", True), ("ON", True), ("t", True), ("of", False), ("N", False), ("0", False)]
)
def test_a_switch_is_read_as_the_server_reads_it(text: str, enabled: bool) -> None:
    assert options([f"autovacuum_enabled={text}"]) == Options(enabled=enabled)


def test_numbers_of_storage_parameters_are_kept_as_they_were_written() -> None:
    found = options(["autovacuum_vacuum_threshold=1e3", "autovacuum_analyze_threshold=0x10", "toast_tuple_target=128"])
    assert found == Options(vacuum_threshold=1000, analyze_threshold=16)


@pytest.mark.parametrize(
    ("own", "verdict"), [(None, NEVER), (Options(), DUE), (Options(vacuum_threshold=5000), UNKNOWN)]
)
def test_toast_inherits_all_parameters_or_none(own: Options | None, verdict: str) -> None:
    toast = Table(2, "pg_toast", "pg_toast_1", "t", parent=1, options=own, dead_rows=500)
    scene = look(options=Options(enabled=False))
    found = predict([replace(scene, tables=(*scene.tables, toast))])
    assert [(one.action, one.verdict, one.toast_of) for one in found if one.oid == 2] == [(VACUUM, verdict, "public.t")]


def test_freeze_max_age_of_a_table_only_shortens_the_server_s() -> None:
    ages = [vacuum(look(options=Options(freeze_max_age=age), xid_age=150_000)).verdict for age in (100_000, 300_000)]
    assert ages == [DUE, UNKNOWN]
    longer = look(options=Options(freeze_max_age=2_000_000_000), xid_age=200_000_001)
    assert (vacuum(longer).verdict, vacuum(longer).reason) == (DUE, arithmetic.AGE)


def test_a_disabled_table_is_never_vacuumed_but_for_its_age() -> None:
    off = Options(enabled=False)
    assert vacuum(look(options=off, dead_rows=9_999_999)).verdict == NEVER
    assert vacuum(look(options=off, xid_age=200_000_001)).reason == arithmetic.AGE
    assert vacuum(look(options=off, multixact_age=400_000_001)).reason == arithmetic.MULTIXACT_AGE


def test_with_autovacuum_off_nothing_counts_but_the_server_s_own_age() -> None:
    off = Rules(enabled=False)
    assert vacuum(look(rules=off, dead_rows=9_999_999)).because == "autovacuum or track_counts is off"
    short = Options(freeze_max_age=100_000)
    assert vacuum(look(rules=off, options=short, xid_age=150_000)).verdict == NEVER


def test_a_constant_rate_gives_an_interval_around_the_crossing() -> None:
    found = vacuum(look(dead_rows=0), look(10, dead_rows=1000))
    # 1051 more at 100 a second, give or take one second's report; then a naptime and the worker's start
    assert (found.verdict, found.rate_per_s, found.first) == (LATER, 100, 2051)
    assert found.earliest_s == pytest.approx(10.51 * 0.9 - 1)
    assert found.latest_s == pytest.approx(10.51 * 1.1 + 1 + 60 + 1)


@given(
    st.integers(1, 10_000), st.integers(0, 10_000), st.floats(2, 1000), st.integers(1, 100_000), st.floats(0.01, 600)
)
def test_the_interval_holds_the_true_moment_whatever_the_rate(
    grown: int, before: int, seconds: float, threshold: int, naptime_s: float
) -> None:
    rules = Rules(vacuum_threshold=threshold, vacuum_scale_factor=0, vacuum_insert_threshold=-1, naptime_s=naptime_s)
    found = vacuum(look(rules=rules, dead_rows=before), look(seconds, rules, dead_rows=before + grown))
    missing = threshold + 1 - before - grown
    crossing_s = max(missing, 0) * seconds / grown
    assert found.earliest_s is not None and found.latest_s is not None
    assert found.earliest_s <= crossing_s + 1e-6 and crossing_s + naptime_s <= found.latest_s + 1e-6


def test_counters_that_stand_still_promise_nothing() -> None:
    still = vacuum(look(dead_rows=9), look(10, dead_rows=9))
    assert (still.verdict, still.earliest_s, still.latest_s) == (STILL, None, None)


def test_a_run_in_between_hides_one_step_and_not_the_rate() -> None:
    seen = [look(0, dead_rows=0), look(5, dead_rows=500), look(10, dead_rows=100, autovacuums=1)]
    seen.append(look(15, dead_rows=600, autovacuums=1))
    grows = rate(seen, seen[-1].tables[0], arithmetic.DEAD)
    assert grows is not None and (grows.per_s, grows.seconds, grows.stretches) == (100, 10, 2)


def test_changes_below_the_threshold_are_no_never() -> None:
    (found,) = [one for one in predict([look(changed_rows=9)]) if one.action == ANALYZE]
    assert (found.verdict, found.count, found.first) == (UNKNOWN, 9, 1051)


def test_a_disabled_table_s_age_is_foreseen_with_the_reason_why_nothing_else_counts() -> None:
    found = vacuum(*(look(at, options=Options(enabled=False), xid_age=100 + at) for at in (0, 10)))
    assert (found.verdict, found.reason, found.because) == (LATER, "age", "autovacuum_enabled is off for this table")


def test_what_was_counted_before_a_run_or_a_restart_is_no_rate() -> None:
    assert vacuum(look(dead_rows=0), look(10, dead_rows=900, autovacuums=1)).verdict == UNKNOWN
    assert vacuum(replace(look(), started_at=None), look(10, dead_rows=900)).verdict == UNKNOWN


def test_without_a_free_worker_or_with_another_database_in_danger_there_is_no_latest_moment() -> None:
    due = look(dead_rows=3000)
    busy, danger = vacuum(replace(due, workers=3)), vacuum(replace(due, endangered=("old",)))
    assert (busy.verdict, busy.latest_s, danger.verdict, danger.latest_s) == (DUE, None, DUE, None)
    assert "all 3 are at work" in busy.because and "old" in danger.because


def test_a_table_that_somebody_has_locked_is_passed_over_for_as_long() -> None:
    found = vacuum(look(dead_rows=3000, locked_by=812))
    assert (found.verdict, found.latest_s) == (DUE, None) and "pid 812" in found.because


def test_a_naptime_is_shared_by_all_databases_and_no_shorter_than_workers_can_start() -> None:
    assert turn_s(replace(look(rules=Rules(naptime_s=60)), databases=20)) == 60
    assert turn_s(replace(look(rules=Rules(naptime_s=1)), databases=20)) == pytest.approx(2.2)


def test_a_standby_runs_none() -> None:
    assert vacuum(replace(look(dead_rows=3000), in_recovery=True)).verdict == NEVER


def test_an_analyze_that_comes_first_sets_the_threshold_anew() -> None:
    shrunk = look(dead_rows=2050, changed_rows=2050, live_rows=7950)
    found = vacuum(shrunk)
    assert (found.verdict, found.threshold) == (LATER, 1640) and "analyze" in found.because
    assert vacuum(replace(shrunk, tables=(replace(shrunk.tables[0], live_rows=10_000),))).verdict == UNKNOWN


def test_what_a_vacuum_removes_depends_on_the_holder_and_on_the_last_vacuum() -> None:
    long_ago, since = START - timedelta(hours=1), START + timedelta(hours=1)
    assert removes(BASE, []) == ALL
    assert removes(replace(BASE, last_vacuum=long_ago), [HOLDER]) == OLDER
    assert removes(replace(BASE, last_vacuum=long_ago, last_autovacuum=since), [HOLDER]) == NOTHING


def test_a_run_that_removes_nothing_names_who_is_to_blame() -> None:
    held = replace(look(dead_rows=3000, last_autovacuum=START + timedelta(seconds=1)), holders=Holders((HOLDER,)))
    said = sentence(vacuum(held))
    assert "removes nothing, because pid 812 (idle in transaction, backend_xid) holds the horizon" in said


def test_a_query_that_was_gone_at_the_second_look_holds_nothing() -> None:
    passing, later = replace(look(dead_rows=1), holders=Holders((HOLDER,))), look(5, dead_rows=3000)
    other = replace(later, holders=Holders((replace(HOLDER, since=START + timedelta(seconds=4)),)))
    assert vacuum(passing, other).held_by == ""
    assert vacuum(passing, replace(later, holders=Holders((HOLDER,)))).held_by == HOLDER.named


@pytest.mark.parametrize(
    ("began_s", "expected"), [(5.0, AS_PREDICTED), (1.0, EARLY), (200.0, LATE), (8.4, EARLY), (8.5, AS_PREDICTED)]
)
def test_the_log_says_whether_it_came_when_it_was_to_come(began_s: float, expected: str) -> None:
    made = vacuum(look(dead_rows=0), look(10, dead_rows=1000))
    if began_s == 5.0:
        made = replace(made, verdict=DUE, earliest_s=0.0)
    ended = made.made_at + timedelta(seconds=began_s + 2)
    run = Run(VACUUM, "app.public.t", ended, elapsed_s=2.0, rows_removed=7, rows_not_removable=0)
    found = outcome(made, look(300, autovacuums=1, last_autovacuum=ended), [run])
    assert (found.verdict, found.began_s, found.rows_removed) == (expected, pytest.approx(began_s), 7)


def test_without_a_log_the_counters_say_when_one_run_ended_and_not_when_several_began() -> None:
    made = vacuum(look(dead_rows=3000))
    once = outcome(made, look(30, autovacuums=1, last_autovacuum=START + timedelta(seconds=9)))
    assert (once.verdict, once.ended_s, once.why) == (AS_PREDICTED, 9, "by the counters")
    assert outcome(made, look(30, autovacuums=4, last_autovacuum=START + timedelta(seconds=9))).verdict == OPEN


def test_a_run_that_does_not_come_is_open_and_then_missed() -> None:
    made = vacuum(look(dead_rows=3000))
    assert [outcome(made, look(after, dead_rows=3000)).verdict for after in (61, 62)] == [OPEN, MISSED]


def test_never_is_right_until_it_runs() -> None:
    made = vacuum(look(options=Options(enabled=False)))
    assert outcome(made, look(99)).verdict == AS_PREDICTED
    ran = look(99, autovacuums=1, last_autovacuum=START + timedelta(seconds=9))
    assert outcome(made, ran).verdict == UNFORESEEN


@pytest.mark.parametrize(
    "later",
    [
        look(9, autovacuums=0),
        replace(look(9, autovacuums=2), tables=()),
        replace(look(9, autovacuums=2), started_at=START + timedelta(seconds=5)),
        look(9, autovacuums=2, vacuums=1, last_vacuum=START + timedelta(seconds=3)),
    ],
    ids=["counters went back", "table gone", "server restarted", "vacuumed by hand"],
)
def test_what_makes_a_comparison_meaningless_voids_it(later: Look) -> None:
    assert outcome(vacuum(look(dead_rows=3000, autovacuums=2)), later).verdict == VOID


@pytest.mark.parametrize(
    ("ended_s", "known_s", "expected"), [(-0.3, None, VOID), (-5, None, AS_PREDICTED), (-0.3, -0.31, AS_PREDICTED)]
)
def test_a_run_whose_counts_were_still_on_their_way_voids_what_was_due(
    ended_s: float, known_s: float | None, expected: str
) -> None:
    ends = [START + timedelta(seconds=at) for at in (ended_s, 30)]
    ran = [Run(VACUUM, "app.public.t", end, elapsed_s=0.1) for end in ends]
    known = START + timedelta(seconds=known_s) if known_s is not None else None
    found = outcome(
        vacuum(look(dead_rows=3000, last_autovacuum=known)), look(40, autovacuums=2, last_autovacuum=ends[1]), ran
    )
    assert found.verdict == expected


def test_the_effect_is_checked_against_the_rows_that_went() -> None:
    made = replace(vacuum(look(dead_rows=3000)), removes=NOTHING)
    ended = START + timedelta(seconds=4)
    for removed, right in ((0, True), (5, False)):
        run = Run(VACUUM, "app.public.t", ended, elapsed_s=1.0, rows_removed=removed)
        later = look(9, autovacuums=1, last_autovacuum=ended)
        assert outcome(made, later, [run]).effect_as_predicted is right


def test_counters_that_were_seen_too_briefly_between_runs_are_not_taken_to_stand_still() -> None:
    looks = [look(0, dead_rows=400), look(0.5, dead_rows=400, xid_age=110)]
    looks += [look(1 + n / 2, dead_rows=40, xid_age=120 + 10 * n, autovacuums=1) for n in range(2)]
    found = vacuum(*looks)
    assert (found.verdict, found.reason, found.earliest_s) == (UNKNOWN, "dead rows", None)
    assert "too little was seen" in sentence(found)
    seen_longer = [look(2 + n / 2, dead_rows=40, xid_age=140 + 10 * n, autovacuums=1) for n in range(5)]
    assert (vacuum(*looks, *seen_longer).verdict, vacuum(*looks, *seen_longer).reason) == (LATER, "age")
