"""Effect, interval, verdict, gates: known answers, a simulation, and stored runs."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lab.analyse import gates, system
from lab.analyse.comparison import Interval, as_json, compare_runs, compare_values, interval, judge
from lab.analyse.summary import summarise
from lab.errors import RecordError, UsageError
from lab.plan import LoadPlan, PoolConfig
from tests import stored

SHORT = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)
QUEUE = "queue:size=10,overflow=0"


def compared(root, means, **changes):
    return compare_runs(stored.pairs(root, means, **({"load": SHORT} | changes)), "null", QUEUE)


def test_an_interval_is_students_on_the_logarithms():
    found = interval([2.0, 8.0, 4.0])
    half = 4.302653 * math.log(2) / math.sqrt(3)
    assert found.ratio == pytest.approx(4)
    assert (found.low, found.high) == pytest.approx((4 * math.exp(-half), 4 * math.exp(half)), rel=1e-5)


def test_swapping_the_variants_inverts_the_interval():
    there, back = interval([1.2, 1.5, 1.1]), interval([1 / 1.2, 1 / 1.5, 1 / 1.1])
    assert (back.ratio, back.low, back.high) == pytest.approx((1 / there.ratio, 1 / there.high, 1 / there.low))


@pytest.mark.parametrize(
    ("found", "higher_is_faster", "verdict"),
    [
        (Interval(2.0, 1.5, 2.5), True, "faster"),
        (Interval(2.0, 1.5, 2.5), False, "slower"),
        (Interval(0.5, 0.4, 0.6), True, "slower"),
        (Interval(0.5, 0.4, 0.6), False, "faster"),
        (Interval(1.5, 0.9, 2.5), True, "no evidence"),
        (Interval(1.01, 1.005, 1.015), True, "no evidence"),
        (Interval(2.0, None, None), True, "no evidence"),
    ],
)
def test_a_verdict_needs_an_interval_without_one_and_two_per_cent(found, higher_is_faster, verdict):
    told, why = judge(found, higher_is_faster)
    assert told == verdict
    assert bool(why) == (verdict == "no evidence")


def experiments(pairs, noise, shift=0.0, count=2000, metric="throughput_per_s"):
    """Verdicts on simulated experiments: a machine gets slower by a fifth, each side comes first as often."""
    rng = np.random.default_rng(pairs)
    verdicts = []
    for _ in range(count):
        drift = np.linspace(0, -0.2, 2 * pairs).reshape(pairs, 2)
        turned = rng.permutation(pairs)[: (pairs + rng.integers(2)) // 2]
        drift[turned] = drift[turned, ::-1]
        logs = drift + rng.normal(0, noise, (pairs, 2))
        first, second = np.exp(logs[:, 0]), np.exp(logs[:, 1] + shift)
        verdicts.append(compare_values(list(first), list(second), metric).verdict)
    return {verdict: verdicts.count(verdict) / count for verdict in set(verdicts)}


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("pairs", [3, 5, 8])
def test_like_with_like_rarely_differs_in_spite_of_drift(pairs, noise):
    assert experiments(pairs, noise)["no evidence"] >= 0.96


@pytest.mark.parametrize(("metric", "verdict"), [("throughput_per_s", "faster"), ("latency_ms.p50", "slower")])
def test_a_shift_of_five_per_cent_is_found_with_eight_pairs(metric, verdict):
    assert experiments(8, 0.015, math.log(1.05), metric=metric)[verdict] >= 0.97


def test_a_verdict_needs_more_confidence_than_the_interval_that_is_told():
    found = interval([1.03, 1.12, 1.04, 1.10, 1.01])
    told, why = judge(found, higher_is_faster=True)
    assert found.excludes_one
    assert (told, why[0][:36]) == ("no evidence", "a verdict needs 97 % confidence, and")


@pytest.mark.parametrize(
    ("first", "second"), [([], []), ([1.0], [1.0, 2.0]), ([1.0, 0.0], [1.0, 1.0]), ([1.0], [math.nan])]
)
def test_values_that_make_no_ratio_are_refused(first, second):
    with pytest.raises(UsageError):
        compare_values(first, second)


def test_the_interval_covers_the_truth():
    rng = np.random.default_rng(4)
    found = [interval(np.exp(rng.normal(math.log(1.3), 0.1, 5))) for _ in range(2000)]
    assert 0.93 <= np.mean([one.low <= 1.3 <= one.high for one in found]) <= 0.97


def test_a_pool_that_answers_more_is_faster(tmp_path):
    effect = compared(tmp_path, [(60, 25), (62, 25), (59, 26)]).effect
    assert (effect.metric, effect.verdict, len(effect.pairs)) == ("throughput_per_s", "faster", 3)
    assert effect.ratio == pytest.approx(2.4, rel=0.05)
    assert 1 < effect.low < effect.ratio < effect.high


def test_an_open_load_is_compared_by_its_median_latency(tmp_path):
    plan = replace(SHORT, model="open", rate_per_s=200.0)
    effect = compared(tmp_path, [(60, 25), (62, 25), (59, 26)], load=plan).effect
    assert (effect.metric, effect.verdict) == ("latency_ms.p50", "faster")
    assert effect.ratio == pytest.approx(0.42, abs=0.04)


def test_one_pair_gives_no_interval(tmp_path):
    effect = compared(tmp_path, [(60, 25)]).effect
    assert (effect.low, effect.high, effect.verdict) == (None, None, "no evidence")
    assert effect.reasons == ("one pair gives no interval",)


def test_a_variant_without_any_answer_makes_it_invalid(tmp_path):
    found = compared(tmp_path, [(60, 25)] * 2, second={"failed": True, "variant": QUEUE})
    assert found.effect.verdict == "invalid"
    assert found.effect.ratio is None
    assert found.effect.reasons[0].startswith(f"no answers: 2 runs of {QUEUE}")


def test_a_run_without_its_pair_is_left_out_and_noted(tmp_path):
    runs = stored.pairs(tmp_path, [(60, 25)] * 3, load=SHORT)[:-1]
    found = compare_runs(runs, "null", QUEUE)
    assert len(found.effect.pairs) == 2
    assert found.notes == ("pair 3 has one run only: left out of the effect",)


def test_an_unknown_variant_is_refused_by_name(tmp_path):
    runs = stored.pairs(tmp_path, [(60, 25)], load=SHORT)
    with pytest.raises(RecordError, match="no run of variant 'null#2'"):
        compare_runs(runs, "null", "null#2")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lag_ms": 40.0}, "generator late: p99 40 ms in 4 of 4 runs, limit 5 ms and 25 % of the latency"),
        ({"cpu_pct": {"generator": 97.0}}, "generator saturated: 97 % of a core in 4 of 4 runs, limit 90"),
        (
            {"cpu_pct": {"machine": 50.0}, "steal_pct": 30.0},
            "machine starved by other guests: 15 % stolen in 4 of 4 runs, limit 5",
        ),
        (
            {"cpu_pct": {"machine": 50.0}, "throttled_pct": 30.0},
            "machine starved by its control group: 15 % held back in 4 of 4 runs, limit 5",
        ),
        (
            {
                "cpu_pct": {
                    "machine": 160.0,
                    "app": 40.0,
                    "server": 20.0,
                    "generator": 10.0,
                    "observer": 1.0,
                    "lab": 4.0,
                }
            },
            "machine starved by other programs: 42.5 % of it in 4 of 4 runs, limit 25",
        ),
        ({"unfinished": np.arange(167) < 1, "seed": 1}, "unfinished requests"),
        ({"books": {"done": 1}}, "books do not balance: run-01-null tells"),
        ({"flags": ("the app was restarted",)}, "the app was restarted"),
    ],
    ids=["late", "saturated", "stolen", "throttled", "others", "unfinished", "books", "flag"],
)
def test_a_gate_names_the_value_and_the_limit(tmp_path, changes, reason):
    found = compared(tmp_path, [(60, 60), (60, 60)], **changes).effect
    assert found.verdict == "invalid"
    assert found.ratio is not None
    assert [told for told in found.reasons if told.startswith(reason)]
    assert all("\n" not in told for told in found.reasons)


def test_a_generator_that_stood_still_once_is_late():
    readings = np.full(300, 0.1)
    readings[7] = 1000.0
    assert np.percentile(system._as_seen_all_along(readings), 99) > 900


def test_a_variant_that_fails_is_never_called_faster(tmp_path):
    failing = np.arange(round(SHORT.total_s * SHORT.users / 0.01)) % 10 == 0
    runs = stored.pairs(tmp_path, [(20, 10)] * 3, load=SHORT, second={"failed": failing, "variant": QUEUE})
    found = compare_runs(runs, "null", QUEUE).effect
    assert found.verdict == "invalid"
    assert any(reason.startswith("failed requests: ") for reason in found.reasons)


def test_sessions_that_the_app_did_not_open_are_noted(tmp_path):
    counters = {"workers": [{"meter": {"connects": 3}}]}
    found = compared(tmp_path, [(60, 60)], pool_counters=counters, sessions=(100, 110))
    assert any(note.startswith("sessions: the server counted 10 ") for note in found.notes)


def test_behind_a_pooler_the_apps_own_count_is_not_held_against_the_servers(tmp_path):
    counters = {"workers": [{"meter": {"connects": 300}}], "pgbouncer": {"servers": 10}}
    pooled = {"variant": QUEUE, "pool": PoolConfig("pgbouncer")}
    both = {"pool_counters": counters, "sessions": (100, 110)}
    notes = compared(tmp_path, [(60, 60)], first={"pool": PoolConfig("pgbouncer")}, second=pooled, **both).notes
    assert not any("others were connected" in note for note in notes)


def test_the_pooler_is_a_part_of_its_run_and_no_other_program(tmp_path):
    parts = {"machine": 160.0, "app": 40.0, "server": 20.0, "generator": 10.0, "observer": 1.0, "lab": 4.0}
    for cpu_pct, others in ((parts | {"pooler": 65.0}, pytest.approx(10)), (parts, None)):
        made = {"pool": PoolConfig("pgbouncer"), "cpu_pct": cpu_pct}
        run = stored.pairs(tmp_path / str(others), [(60, 60)], load=SHORT, first=made)[0]
        assert summarise("null", [run]).runs[0].use.others_pct == others


def test_other_programs_are_unknown_where_a_part_was_not_watched(tmp_path):
    found = compared(tmp_path, [(60, 60)], cpu_pct={"machine": 160.0, "app": 40.0})
    assert all(run.use.others_pct is None for run in found.first.runs)


def test_a_late_generator_is_borne_where_latency_is_far_greater(tmp_path):
    assert compared(tmp_path, [(400, 200)] * 2, lag_ms=8.0, load=replace(SHORT, users=32)).effect.verdict != "invalid"


def test_unlike_environments_are_refused_and_named(tmp_path):
    other = {"host": {"system": "Linux", "cores": 4}}
    reasons = compared(tmp_path, [(60, 25)] * 2, second={"environment": other, "variant": QUEUE}).effect.reasons
    assert reasons[0].startswith("unlike environments: 2 among 4 runs, where 1 is allowed; they differ in host.c")


def test_unlike_loads_are_refused_and_a_seed_is_no_difference(tmp_path):
    one = stored.steady(30, load=SHORT).write(tmp_path / "a")
    seeded = stored.steady(30, load=SHORT.with_seed(9)).write(tmp_path / "b")
    other = stored.steady(30, load=replace(SHORT, users=9)).write(tmp_path / "c")
    assert gates.reasons(summarise("null", [one, seeded]).runs) == []
    assert gates.reasons(summarise("null", [one, other]).runs)[0].startswith("unlike loads: the runs differ in users")


def test_runs_without_steady_state_are_a_note_unless_all_are(tmp_path):
    drifting = stored.Stored(np.arange(0, 5, 0.01), 1 + 20 * np.arange(0, 5, 0.01), pair=2).write(tmp_path)
    steady = stored.Stored(np.arange(0, 5, 0.01), 5.0, pair=1).write(tmp_path)
    assert gates.reasons(summarise("null", [drifting, steady]).runs) == []
    assert gates.notes(summarise("null", [drifting, steady]).runs)[0].startswith("no steady state in 1 of 2 runs")
    assert gates.reasons(summarise("null", [drifting]).runs)[0].startswith("no steady state")


def test_failures_are_noted(tmp_path):
    found = compared(tmp_path, [(60, 60)] * 2, failed=np.arange(167) < 10)
    assert found.notes == ("40 of 668 requests failed: latency and throughput are those of the successes",)


VARIANT_KEYS = {
    "throughput_per_s": None,
    "latency_ms": {"p50", "p95", "p99"},
    "service_ms": {"p50", "p95", "p99"},
    "failed": None,
    "unfinished": None,
    "planned": None,
    "done": None,
    "sessions_opened": None,
    "peak_backends": None,
    "split_ms": {"queue", "network", "pool", "connect", "sql", "rest"},
    "connect_ms": {"p50"},
}


@pytest.mark.parametrize("means", [[(60, 25)] * 2, [(60, 25)]])
@pytest.mark.parametrize("second", [{}, {"failed": True, "sessions": (None, None)}], ids=["answers", "no answers"])
def test_the_json_has_every_key_and_no_number_that_is_none(tmp_path, means, second):
    found = compared(tmp_path, means, second={"variant": QUEUE, "pool": PoolConfig(size=10, overflow=0), **second})
    values = as_json(found, "name", tmp_path, "closed")
    json.dumps(values, allow_nan=False)
    assert set(values["variants"]) == {"null", QUEUE}
    for variant in values["variants"].values():
        assert set(VARIANT_KEYS) <= set(variant)
        assert all(set(variant[key]) == inner for key, inner in VARIANT_KEYS.items() if inner)
        assert variant["planned"] == variant["done"] + variant["failed"] + variant["unfinished"]
    assert set(values["effect"]) >= {"metric", "ratio", "low", "high", "verdict", "reasons"}
    assert (set(values["observer"]), set(values["generator"])) == ({"cpu_pct"}, {"lag_ms_p99", "cpu_pct"})
