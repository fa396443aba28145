"""A histogram says what its requests would have said, within half a per cent."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analyse.measured import measure
from lab.analyse.summary import summarise
from lab.errors import RecordError
from lab.plan import HISTOGRAM_ABOVE_PER_S, LoadPlan
from lab.record import histogram, raw
from lab.record import run as record
from lab.record.run import Run
from tests.stored import START_US, steady


@given(st.integers(1, 3_600_000_000))
def test_a_bucket_stands_for_its_values_within_half_a_per_cent(value_us: int) -> None:
    assert abs(histogram.middle_us(histogram.bucket(value_us)) / value_us - 1) < 0.0051


def test_what_is_over_an_hour_or_below_nothing_still_has_a_bucket() -> None:
    assert histogram.bucket(2**40) == histogram.MOST - 1
    assert histogram.bucket(-5) == 0


def counted(source: Run, root: Path, parts: int = 2) -> Run:
    """Write the requests of *source* as histograms of several processes, and seal these."""
    rows = source.table("requests").to_pylist()
    folder = root / "counted"
    record.begin(folder, replace(source.manifest, state="running", files={}, books={}))
    for number in range(1, parts + 1):
        tally = histogram.Tally(START_US)
        mine = rows[number - 1 :: parts]
        for row in mine:
            if row["unfinished"]:
                tally.loss(0, histogram.UNFINISHED, row["intended_us"], row["age_us"])
            elif row["failed"]:
                tally.loss(0, histogram.FAILED, row["intended_us"], row["done_us"] - row["intended_us"])
            else:
                tally.success(0, row["intended_us"], row["sent_us"], row["done_us"])
        raw.histogram_file(folder, number).write_bytes(tally.pack())
        raw.requests_file(folder, number).write_bytes(b"")
        lost, failed = (sum(row[name] for row in mine) for name in ("unfinished", "failed"))
        books = raw.Books(number, len(mine), len(mine) - lost - failed, failed, lost, START_US, START_US + 1, 0, 0)
        raw.books_file(folder, number).write_text(json.dumps(books.as_dict()))
    record.seal(folder, replace(source.manifest, files={}, books={}))
    return record.open_run(folder)


def test_its_figures_are_those_of_the_requests(tmp_path: Path) -> None:
    chance = np.random.default_rng(3).random(4000)
    load = LoadPlan(warmup_s=1, measured_s=4)
    source = steady(20.0, load=load)
    count = len(source.intended_s)
    source = replace(source, failed=chance[:count] < 0.01, unfinished=chance[:count] > 0.995).write(tmp_path)
    whole, merged = measure(source), measure(counted(source, tmp_path))
    assert merged.counts == whole.counts
    assert (merged.answered, merged.lost) == (whole.answered, whole.lost)
    assert merged.throughput_per_s == pytest.approx(whole.throughput_per_s)
    (one,) = summarise("v", [source]).runs
    (other,) = summarise("v", [record.open_run(tmp_path / "counted")]).runs
    for name in ("p50", "p95", "p99"):
        assert getattr(other.latency_ms, name) == pytest.approx(getattr(one.latency_ms, name), rel=0.0051)
        assert getattr(other.service_ms, name) == pytest.approx(getattr(one.service_ms, name), rel=0.0051)


def test_what_it_cannot_tell_is_none(tmp_path: Path) -> None:
    summary = summarise("v", [counted(steady(20.0).write(tmp_path), tmp_path)])
    assert summary.split_ms is not None
    assert (summary.split_ms.sql, summary.split_ms.pool, summary.connect_ms_p50) == (None, None, None)
    assert summary.split_ms.total == pytest.approx(20.0, rel=0.05)
    assert summary.split_ms.queue == pytest.approx(0.05, abs=1e-6)  # exact, not the difference of two buckets


def test_a_run_without_a_success_does_not_hide_the_others(tmp_path: Path) -> None:
    good = steady(20.0).write(tmp_path)
    bad = replace(steady(20.0, position=1), failed=True).write(tmp_path)
    runs = [counted(good, tmp_path / "a"), counted(bad, tmp_path / "b")]
    split = summarise("v", runs).split_ms
    assert split is not None
    assert split.total == pytest.approx(20.0, rel=0.05)
    assert summarise("v", runs[1:]).split_ms is None


def test_counts_that_do_not_balance_are_refused(tmp_path: Path) -> None:
    source = steady(20.0).write(tmp_path)
    folder = tmp_path / "short"
    record.begin(folder, replace(source.manifest, files={}, books={}))
    tally = histogram.Tally(START_US)
    tally.success(0, START_US, START_US, START_US + 5)
    raw.histogram_file(folder, 1).write_bytes(tally.pack())
    raw.requests_file(folder, 1).write_bytes(b"")
    books = raw.Books(1, 2, 2, 0, 0, START_US, START_US + 1, 0, 0)
    raw.books_file(folder, 1).write_text(json.dumps(books.as_dict()))
    with pytest.raises(RecordError, match="the books say"):
        record.seal(folder, source.manifest)


def test_the_rate_decides_what_is_kept() -> None:
    fast = LoadPlan(model="open", rate_per_s=HISTOGRAM_ABOVE_PER_S + 1)
    assert fast.histogram
    assert not replace(fast, rate_per_s=HISTOGRAM_ABOVE_PER_S).histogram
    assert not replace(fast, detail="requests").histogram
    assert LoadPlan(detail="histogram").histogram
