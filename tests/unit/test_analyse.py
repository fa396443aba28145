"""Percentiles, warm-up, window, split, summary: known answers on stored runs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analyse import percentiles, warmup
from lab.analyse.measured import measure
from lab.analyse.split import PARTS, split
from lab.analyse.summary import summarise
from lab.errors import RecordError
from lab.plan import LoadPlan
from lab.record.run import Run
from tests import stored

PLAN = LoadPlan(users=1, warmup_s=1.0, measured_s=4.0)
EVERY_10_MS = np.arange(0, 5, 0.01)


def flat(**changes):
    return stored.Stored(**({"intended_s": EVERY_10_MS, "service_ms": 5.0, "queue_ms": 1.0, "load": PLAN} | changes))


@given(st.lists(st.integers(0, 10**7), min_size=50, max_size=90), st.integers(1, 80))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values, p):
    found = percentiles.percentile(np.array(values, float), p)
    below = sum(value <= found for value in values)
    strictly_below = sum(value < found for value in values)
    assert found in values
    assert 100 * below >= p * len(values) > 100 * strictly_below


@pytest.mark.parametrize(("count", "had"), [(19, ()), (20, (50,)), (199, (50,)), (200, (50, 95)), (1000, (50, 95, 99))])
def test_percentiles_are_given_only_where_ten_values_lie_beyond(count, had):
    found = percentiles.percentiles(np.arange(count, dtype=float))
    assert [p for p in (50, 95, 99) if getattr(found, f"p{p}") is not None] == list(had)


def test_percentiles_of_one_to_a_thousand_are_their_ranks():
    found = percentiles.percentiles(np.random.default_rng(1).permutation(np.arange(1.0, 1001)))
    assert (found.p50, found.p95, found.p99) == (500, 950, 990)


def test_a_variants_percentile_is_missing_where_one_run_is_too_small():
    full, small = percentiles.Percentiles(1.0, 2.0, 3.0), percentiles.Percentiles(3.0, 4.0, None)
    assert percentiles.over_runs([full, small]) == percentiles.Percentiles(2.0, 3.0, None)


def transient(shape, seed, noise=0.1, bins=40):
    t = np.arange(bins) / bins
    return 1 + shape(t) + np.random.default_rng(seed).normal(0, noise, bins)


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [
        (lambda t: 0 * t, 0, 4),
        (lambda t: 5.0 * (t < 0.25), 10, 10),
        (lambda t: 5 * np.exp(-t / 0.08), 8, 16),
        (lambda t: -0.9 * (t < 0.2), 8, 8),
    ],
    ids=["none", "step", "decay", "rise"],
)
def test_the_transient_is_cut_where_it_ends(shape, low, high):
    cuts = [warmup.transient_bins(transient(shape, seed)) for seed in range(60)]
    assert low <= np.median(cuts) <= high


def test_a_steady_run_is_rarely_called_unsteady():
    cuts = [warmup.transient_bins(transient(lambda t: 0 * t, seed, bins=20)) for seed in range(400)]
    assert sum(cut > 10 for cut in cuts) <= 8


def test_a_stall_in_the_middle_is_not_taken_for_a_warm_up():
    def stall(t):
        return 20.0 * ((t > 0.4) & (t < 0.55))

    kept_whole = [warmup.transient_bins(transient(stall, seed)) <= 4 for seed in range(100)]
    assert sum(kept_whole) >= 98


def test_a_run_that_drifts_to_its_end_has_no_steady_state():
    t_s = np.linspace(0, 9.99, 2000)
    assert warmup.cut_s(t_s, 1 + t_s, 10.0) is None


def test_bins_without_an_answer_are_left_out():
    starts, means = warmup.batch_means(np.array([0.1, 0.2, 4.9]), np.array([2.0, 4.0, 7.0]), 5.0)
    assert (starts.tolist(), means.tolist()) == ([0.0, 4.75], [3.0, 7.0])


def test_the_window_is_by_intended_time_and_ends_with_the_load(tmp_path):
    run = measure(flat().write(tmp_path))
    assert (run.window_s, len(run.latency_ms), run.transient_s) == (4.0, 400, 0.0)
    assert run.latency_ms[0] == 6.0
    assert run.service_ms[0] == 5.0


def test_a_longer_transient_moves_the_window(tmp_path):
    service = np.where(EVERY_10_MS < 2, 100.0, 5.0 + np.random.default_rng(1).random(500))
    run = measure(flat(service_ms=service).write(tmp_path))
    assert (run.transient_s, run.window_s, len(run.latency_ms)) == (2.0, 3.0, 300)


def test_throughput_counts_what_is_answered_in_the_window(tmp_path):
    # each answer takes 506 ms: of the 500 requests those of the last half second are answered after the end
    run = measure(flat(service_ms=505.0).write(tmp_path))
    assert run.answered == 400
    assert run.throughput_per_s == 100.0
    late = measure(flat(service_ms=505.0, load=replace(PLAN, warmup_s=0.0, measured_s=5.0)).write(tmp_path / "late"))
    assert late.answered == 500 - 50


def test_failed_and_unfinished_requests_are_counted_apart(tmp_path):
    number = np.arange(500)
    changes = {"failed": number % 10 == 0, "unfinished": number % 50 == 1}
    run = measure(flat(**changes).write(tmp_path))
    assert (run.counts.planned, run.counts.done, run.counts.failed, run.counts.unfinished) == (500, 440, 50, 10)
    assert len(run.latency_ms) == 400 - 40 - 8
    assert run.lost == 48


def test_a_run_without_the_mark_of_its_start_is_refused(tmp_path):
    run = flat().write(tmp_path)
    bare = Run(run.folder, replace(run.manifest, marks={}))
    with pytest.raises(RecordError, match="no mark load_start"):
        measure(bare)


def test_the_parts_of_the_split_are_those_that_were_recorded(tmp_path):
    parts = {"pool_ms": 0.5, "connect_ms": 2.0, "sql_ms": 0.25, "app_ms": 4.0}
    found = split([measure(flat(**parts).write(tmp_path))])
    assert found.as_dict() == pytest.approx(
        {"queue": 1.0, "network": 1.0, "pool": 0.5, "connect": 2.0, "sql": 0.25, "rest": 1.25}
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_sum_to_the_mean_latency(tmp_path, seed):
    run = measure(stored.steady(20, seed=seed).write(tmp_path))
    found = split([run])
    assert sum(getattr(found, part) for part in PARTS) == pytest.approx(run.latency_ms.mean())


def test_without_server_timing_only_the_queue_is_known(tmp_path):
    found = split([measure(flat().write(tmp_path))])
    assert found.queue == pytest.approx(1.0)
    assert [getattr(found, part) for part in PARTS[1:]] == [None] * 5
    assert found.unknown == pytest.approx(5.0)


def test_a_part_that_no_answer_names_is_unknown_and_in_the_rest(tmp_path):
    found = split([measure(flat(app_ms=4.0, sql_ms=1.0).write(tmp_path))])
    assert (found.pool, found.connect) == (None, None)
    assert found.rest == pytest.approx(3.0)


def test_a_summary_takes_medians_over_runs_and_totals_of_counts(tmp_path):
    runs = [flat(service_ms=ms, pair=pair).write(tmp_path) for pair, ms in ((1, 9.0), (2, 3.0), (3, 5.0))]
    found = summarise("null", runs)
    assert found.latency_ms.p50 == 6.0
    assert found.latency_ms.p99 is None
    assert (found.planned, found.done, found.sessions_opened, found.peak_backends) == (1500, 1500, 30, 4)
    assert [run.throughput_per_s for run in found.runs] == [100.0] * 3


def test_the_median_time_to_connect_is_of_the_requests_that_connected(tmp_path):
    connect = np.where(np.arange(500) % 10 == 0, 8.0, 0.0)
    found = summarise("null", [flat(connect_ms=connect, app_ms=8.5, service_ms=9.0).write(tmp_path)])
    assert found.connect_ms_p50 == 8.0
    assert summarise("null", [flat(connect_ms=0.0, app_ms=4.0, pair=2).write(tmp_path)]).connect_ms_p50 is None


@pytest.mark.parametrize(
    "changes",
    [{"sessions": (None, None)}, {"sessions": (9, 3)}, {"reset": (None, "2026-01-01")}],
    ids=["before 14", "counter fell", "reset"],
)
def test_sessions_that_cannot_be_known_are_none(tmp_path, changes):
    assert summarise("null", [flat(**changes).write(tmp_path)]).sessions_opened is None


def test_use_of_cpu_is_taken_over_the_window(tmp_path):
    changes = {"steal_pct": 8.0, "cpu_pct": {"generator": 40.0, "observer": 2.0, "machine": 90.0}}
    used = summarise("null", [flat(lag_ms=0.3, **changes).write(tmp_path)]).runs[0].use
    assert used.generator_cpu_pct == pytest.approx(40)
    assert used.observer_cpu_pct == pytest.approx(2)
    assert used.steal_pct == pytest.approx(4)  # of two cores
    assert used.lag_ms_p99 == 0.3


def test_what_was_not_observed_is_none(tmp_path):
    used = summarise("null", [flat(cpu_pct={}, backends=()).write(tmp_path)])
    assert used.runs[0].use.generator_cpu_pct is None
    assert used.peak_backends is None
