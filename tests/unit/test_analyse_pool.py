"""What a run's pools did, from samples with known answers; and books that do not balance are told of."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lab.analyse.comparison import compare_runs
from lab.analyse.pool import LEAST_SAMPLES, PoolUse, pool_use
from lab.analyse.sizing import Service, from_run
from lab.cli.pool import print_pool
from lab.cli.results import show_run
from lab.plan import LoadPlan, PoolConfig
from tests.stored import pairs, pool_rows, steady

FIVE = PoolConfig(size=5, overflow=0)
METER = {"checkouts": 1000, "wait_s": 1.0, "hold_s": 10.0, "connects": 5}


def used(tmp_path: Path, rows: list[dict], **changes: object) -> PoolUse:
    found = pool_use(steady(pool=FIVE, variant="queue", pool_rows=rows, **changes).write(tmp_path))
    assert found is not None
    return found


def route(name: str, t_us: int, pid: int = 1, **changes: object) -> dict:
    row = {"checkouts": 10, "timeouts": 1, "failed": 0, "connects": 2, "wait_s": 0.11, "connect_s": 0.02, "hold_s": 0.5}
    gauges = {"hold_longest_s": 0.2, "pending": 0, "held_now": 0, "held_longest_s": 0.0}
    return {"t_us": t_us, "pid": pid, "route": name, **row, **gauges, **changes}


def laws(use: PoolUse) -> dict[str, bool]:
    return {law.what: law.balances for law in use.laws}


def test_means_are_those_of_the_sums(tmp_path: Path) -> None:
    use = used(tmp_path, pool_rows(held=3.0, waiting=2.0, hold_ms=10.0))
    assert use.held_mean == pytest.approx(3.0)
    assert use.pending_mean == pytest.approx(2.0)
    assert use.hold_ms == pytest.approx(10.0, rel=0.01)
    assert use.checkouts_per_s == pytest.approx(300, rel=0.01)
    assert use.utilisation_pct == pytest.approx(60)
    assert (use.held_peak, use.capacity, use.threads_peak, use.threads_total) == (3, 5, 7, 40)


def test_what_was_under_way_counts(tmp_path: Path) -> None:
    """One connection out from before the load until after it: nothing came back, and it was held all the time."""
    rows = [row | {"hold_s": 0.0, "holding_s": 9.0 + row["t_us"] / 1e6} for row in pool_rows(held=1.0)]
    assert used(tmp_path, rows).held_mean == pytest.approx(1.0)


def test_workers_are_added_up_at_the_same_moments(tmp_path: Path) -> None:
    one, other = pool_rows(held=3.0), pool_rows(held=1.0, pid=2)
    other = [row | {"t_us": row["t_us"] + 40_000, "held_now": 5 * (number == 20)} for number, row in enumerate(other)]
    use = used(tmp_path, one + other)
    assert (use.workers, use.held_peak) == (2, 8)
    assert use.held_mean == pytest.approx(4.0)


def test_samples_outside_of_the_load_are_left_out(tmp_path: Path) -> None:
    rows = pool_rows()
    late = [rows[-1] | {"t_us": rows[-1]["t_us"] + 1_000_000, "held_now": 99, "pending": 99}]
    early = [rows[0] | {"t_us": -1_000_000, "held_now": 99, "pending": 99}]
    assert used(tmp_path, early + rows + late).held_peak == 3


def test_balanced_books_are_balanced(tmp_path: Path) -> None:
    for seed in range(40):
        assert laws(used(tmp_path / str(seed), pool_rows(seed=seed))) == {"held": True, "waiting": True}


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"counted": 3.3}, "held"), ({"counted": 2.7}, "held"), ({"seen": 6.0}, "waiting"), ({"seen": 0.0}, "waiting")],
)
def test_books_that_do_not_balance_are_seen(tmp_path: Path, wrong: dict, what: str) -> None:
    use = used(tmp_path, pool_rows(waiting=2.0 if wrong.get("seen") else 3.0, **wrong))
    assert [name for name, balances in laws(use).items() if not balances] == [what]
    assert not use.balances


def test_a_pool_that_does_not_count_and_pre_ping_are_not_judged(tmp_path: Path) -> None:
    silent = [row | {"occupied_s": None} for row in pool_rows()]
    assert "held" not in laws(used(tmp_path / "null", silent))
    pinged = steady(pool=replace(FIVE, pre_ping=True), pool_rows=pool_rows(counted=4.0)).write(tmp_path / "ping")
    assert "held" not in laws(pool_use(pinged))


@pytest.mark.parametrize(
    "rows", [pool_rows(counted=9.0, every_s=0.3, hold_ms=500.0), pool_rows(counted=9, hold_ms=0.01)]
)
def test_with_little_data_there_is_no_verdict(tmp_path: Path, rows: list[dict]) -> None:
    assert "held" not in laws(used(tmp_path, rows))
    few = pool_rows(seen=40.0)[: LEAST_SAMPLES - 1]
    assert "waiting" not in laws(used(tmp_path / "few", few))


def test_a_row_of_zeros_does_not_blame_waits_of_microseconds(tmp_path: Path) -> None:
    assert laws(used(tmp_path, pool_rows(waiting=0.02, seen=0.0)))["waiting"]


def test_waits_that_follow_each_other_are_allowed_more(tmp_path: Path) -> None:
    rows = pool_rows(waiting=2.0)
    limits = []
    for block in (1, 12):
        waves = [row | {"pending": 4 * (number // block % 2)} for number, row in enumerate(rows)]
        limits += [law.limit for law in used(tmp_path / str(block), waves).laws if law.what == "waiting"]
    assert limits[1] > 1.5 * limits[0]


def test_routes_are_what_happened_since_before_the_load(tmp_path: Path) -> None:
    table = [
        route("/a", -100, checkouts=4, timeouts=0, connects=2, wait_s=0.0, connect_s=0.02, hold_s=0.1),
        route("/a", 6_000_000),
        route("/a", 3_000_000, checkouts=7),
        route("/a", 6_000_000, pid=2, held_now=1, hold_longest_s=0.7),
        route("/b", 6_000_000, checkouts=90),
    ]
    b, a = used(tmp_path, pool_rows(), pool_routes=table).routes
    assert (b.route, b.checkouts, a.route, a.checkouts, a.timeouts, a.connects) == ("/b", 90, "/a", 16, 2, 2)
    assert (a.held_at_end, a.hold_longest_s) == (1, 0.7)
    assert a.hold_ms == pytest.approx(1000 * (0.5 - 0.1 + 0.5) / 16)
    assert a.wait_ms == pytest.approx(1000 * 0.22 / 18)
    assert a.connect_ms == pytest.approx(1000 * 0.02 / 2)


def test_a_run_of_before_has_no_samples(tmp_path: Path) -> None:
    run = steady().write(tmp_path)
    assert pool_use(run) is None
    files = {name: rows for name, rows in run.manifest.files.items() if not name.startswith("pool")}
    for name in ("pool", "pool_routes"):
        (run.folder / f"{name}.parquet").unlink()
    assert pool_use(replace(run, manifest=replace(run.manifest, files=files))) is None


def test_a_comparison_of_unbalanced_books_is_invalid(tmp_path: Path) -> None:
    balanced, wrong = pool_rows(), pool_rows(counted=4.0)
    good = compare_runs(
        pairs(tmp_path / "good", [(60, 30)] * 3, pool_rows=balanced), "null", "queue:size=10,overflow=0"
    )
    assert good.effect.verdict == "faster"
    runs = pairs(tmp_path / "bad", [(60, 30)] * 3, second={"pool_rows": wrong}, pool_rows=balanced)
    bad = compare_runs(runs, "null", "queue:size=10,overflow=0")
    assert bad.effect.verdict == "invalid"
    assert [reason.partition(":")[0] for reason in bad.effect.reasons] == ["pool books do not balance"]
    assert "a mean of 3 held by the meter's sums and 4 by counting, limit 0.2 apart" in bad.effect.reasons[0]


def test_sizing_knows_the_mean_and_the_peak_of_a_run(tmp_path: Path) -> None:
    environment = {"host": {"system": "Linux", "cores": 2, "machine_cores": 2}}
    counters = {"workers": [{"meter": METER}]}
    stored = steady(pool=FIVE, pool_rows=pool_rows(held=5.0), pool_counters=counters, environment=environment)
    found = {figure.id: figure for figure in from_run(stored.write(tmp_path), Service())[1]}
    assert found["measured-busy"].value == pytest.approx(5.0)
    assert (found["measured-peak"].value, found["measured-peak"].warning) == (5, "all 5 were in use")
    assert found["measured-waiting"].value == pytest.approx(2.0)


def test_a_run_is_shown_with_its_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = steady(pool=FIVE, pool_rows=pool_rows(counted=4.0), pool_routes=[route("/a", 6_000_000)]).write(tmp_path)
    show_run(Console(width=100), run.folder, False, print)
    shown = capsys.readouterr().out
    assert "held      3 connections on average, 60 % of 5; at most 3, sampled" in shown
    assert "held: DO NOT BALANCE, a mean of 3 by the sums and 4 by counting" in shown
    assert "timeouts" in shown
    documents: list[dict] = []
    show_run(Console(), run.folder, True, documents.append)
    measured = json.loads(json.dumps(documents[0], allow_nan=False))["pool"]["measured"]
    assert (documents[0]["pool"]["spec"], measured["held_peak"]) == (FIVE.spec, 3)
    assert measured["routes"][0]["route"] == "/a"
    assert measured["laws"][0]["balances"] is False


def test_columns_without_anything_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_pool(Console(width=100), used(tmp_path, pool_rows(), pool_routes=[route("/a", 1, timeouts=0)]))
    assert "timeouts" not in capsys.readouterr().out


def test_a_run_shorter_than_two_samples_is_not_known(tmp_path: Path) -> None:
    assert pool_use(steady(pool_rows=pool_rows()[:1], load=LoadPlan()).write(tmp_path)) is None
