"""A question becomes runs in balanced random order; an experiment that was cut short is recognised."""

import json
from pathlib import Path

import pytest

from lab import experiment
from lab.errors import IncompleteRunError, RecordError, UsageError
from lab.plan import LoadPlan, PoolConfig, Variant
from lab.record import experiment as folders
from lab.record import run as record

SIDES = (Variant("null", PoolConfig(kind="null")), Variant("queue", PoolConfig()))


def order(pairs: int, seed: int) -> list[str]:
    return [slot.variant.name for slot in experiment.Question(SIDES, LoadPlan(), pairs, seed).slots()]


@pytest.mark.parametrize("pairs", [2, 3, 8])
def test_each_variant_comes_first_equally_often_or_once_more(pairs: int) -> None:
    for seed in range(50):
        first = order(pairs, seed)[::2].count("null")
        assert abs(2 * first - pairs) <= 1


def test_the_order_is_drawn_from_the_seed_and_not_always_the_same() -> None:
    assert order(4, 7) == order(4, 7)
    assert len({tuple(order(4, seed)) for seed in range(60)}) == 6


def test_every_pair_has_both_variants_and_a_folder_of_its_own() -> None:
    slots = experiment.Question(SIDES, LoadPlan(), 60, 1).slots()
    pairs = zip(slots[::2], slots[1::2], strict=True)
    assert all({one.variant.name, other.variant.name} == {"null", "queue"} for one, other in pairs)
    assert len({slot.folder_name for slot in slots}) == len(slots) == 120


def test_no_pairs_are_refused() -> None:
    with pytest.raises(UsageError, match="pairs is 0; give 1 to 100"):
        experiment.Question(SIDES, LoadPlan(), pairs=0).checked()


def test_an_experiment_that_was_cut_short_says_how_far_it_came(tmp_path: Path) -> None:
    values = {"format": 1, "experiment": "x", "state": "running", "variants": [], "load": {}, "pairs": 1, "seed": 1}
    (tmp_path / "experiment.json").write_text(json.dumps(values | {"runs": ["run-01-null", "run-02-queue"]}))
    manifest = record.Manifest("run-01-null", "x", "null", {}, {}, 1, 0, "2026-01-01", 1, 2)
    record.fail(tmp_path / "run-01-null", record.begin(tmp_path / "run-01-null", manifest), "the app died")
    with pytest.raises(IncompleteRunError, match="0 of 2 runs complete; run-01-null failed: the app died"):
        experiment.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_damaged_experiment_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(RecordError) as error:
        experiment.read(tmp_path)
    assert "\n" not in str(error.value)


def test_an_experiment_is_found_by_name_path_and_last(tmp_path: Path) -> None:
    for name in ("20260101-a", "20260102-b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "experiment.json").write_text("{}")
    assert folders.find(tmp_path, "last").name == "20260102-b"
    assert folders.find(tmp_path, "20260101-a") == folders.find(tmp_path, str(tmp_path / "runs" / "20260101-a"))
    with pytest.raises(RecordError, match="'nothing' is no experiment or run"):
        folders.find(tmp_path, "nothing")
