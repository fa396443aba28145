"""The measured window, request by request: the fast way finds exactly what the slow one does."""

import math
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from lab.analyse.measured import PARTS, bounds_us, measure
from lab.analyse.split import split
from lab.plan import LoadPlan
from lab.record import sealing
from tests import stored

SHORT = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)


def _some(broken: bool, seed: int = 1):
    made = stored.steady(20.0, load=SHORT, seed=seed)
    if not broken:
        return made
    count, dice = len(made.intended_s), np.random.default_rng(seed)
    lost = dice.random(count) < 0.03
    return replace(made, failed=(dice.random(count) < 0.05) & ~lost, unfinished=lost)


def _slowly(run, begin_us, end_us):
    rows = run.table("requests").to_pylist()
    good = [row for row in rows if not row["failed"] and not row["unfinished"]]
    kept = [row for row in good if begin_us <= row["intended_us"] < end_us]
    lost = [row for row in rows if begin_us <= row["intended_us"] < end_us and (row["failed"] or row["unfinished"])]
    answered = [row for row in good if begin_us <= row["done_us"] < end_us]
    return kept, len(lost), len(answered)


@pytest.mark.parametrize("broken", [False, True])
def test_every_request_counts_as_it_does_one_by_one(tmp_path, broken):
    run = _some(broken).write(tmp_path)
    fast = measure(run)
    kept, lost, answered = _slowly(run, fast.start_us, fast.end_us)
    assert fast.start_us >= bounds_us(run.manifest)[1]
    assert fast.latency_ms.tolist() == [(row["done_us"] - row["intended_us"]) / 1e3 for row in kept]
    assert fast.service_ms.tolist() == [(row["done_us"] - row["sent_us"]) / 1e3 for row in kept]
    for part in PARTS:
        assert fast.parts_ms[part].tolist() == [row[f"{part}_us"] / 1e3 for row in kept]
    assert (fast.lost, fast.answered) == (lost, answered)
    assert broken == bool(lost)


def test_a_part_that_is_not_known_is_no_number(tmp_path):
    run = replace(_some(False), pool_ms=None).write(tmp_path)
    assert all(math.isnan(value) for value in measure(run).parts_ms["pool"])


def test_the_split_of_several_runs_is_that_of_their_requests_together(tmp_path):
    runs = [measure(_some(True, seed).write(tmp_path / str(seed))) for seed in (1, 2)]
    found = split(runs)
    assert found.total == pytest.approx(np.concatenate([run.latency_ms for run in runs]).mean(), rel=1e-12)
    assert sum(found.as_dict().values()) == pytest.approx(found.total, rel=1e-9)


def test_a_table_is_the_same_however_many_requests_are_made_into_it_at_a_time(tmp_path, monkeypatch):
    whole = _some(True).write(tmp_path / "whole").table("requests")
    monkeypatch.setattr(sealing, "_GROUP", 7)
    assert _some(True).write(tmp_path / "parts").table("requests").equals(whole)


def test_what_was_observed_is_the_same_however_many_rows_are_written_at_a_time(tmp_path, monkeypatch):
    seen = replace(_some(True), backends=[(0.1 * number, number) for number in range(25)])
    whole = seen.write(tmp_path / "whole")
    monkeypatch.setattr(sealing, "_ROWS", 7)
    parts = seen.write(tmp_path / "parts")
    assert parts.manifest.files == whole.manifest.files and parts.table("activity").num_rows > 25
    for name in parts.manifest.files:
        assert parts.table(name).equals(whole.table(name)), name
        groups = pq.ParquetFile(parts.folder / f"{name}.parquet").metadata
        if name not in ("requests", "lag"):
            assert all(groups.row_group(number).num_rows <= 7 for number in range(groups.num_row_groups)), name


def test_a_run_without_requests_has_a_table_of_none(tmp_path):
    run = replace(_some(False), intended_s=[], service_ms=[], pool_ms=[], connect_ms=[], sql_ms=[], app_ms=[])
    found = run.write(tmp_path)
    assert found.table("requests").num_rows == 0
    assert measure(found).counts.planned == 0
