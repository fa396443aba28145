"""What lesson 08 shows is so on every version: counts, moments, the same churn treated differently, the horizon."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import config as settings
from lab.analyse.autovacuum import DEAD, INSERTS
from lab.demonstrate import churn, held, triggers
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import Ground, ground
from lab.server.binaries import Binaries


@pytest.fixture(scope="module")
def bench(programs: Binaries, open_folder: Path) -> Bench:
    config = settings.read({"LAB_HOME": str(open_folder / f"lesson{programs.major}"), "LAB_SCALE": "ci"})
    return Bench(None, replace(config, pg_bin=programs.bin_dir), open_folder)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lent(bench: Bench) -> Iterator[Ground]:
    with ground(bench) as made:
        yield made


def test_autovacuum_comes_one_row_beyond_the_threshold_and_when_it_was_expected(bench: Bench, lent: Ground) -> None:
    came, climbs = triggers.watched(bench, lent)
    assert [(one.at.runs, one.over.runs) for one in came] == [(0, 1)] * len(came)
    assert all(one.at.right and one.over.right for one in came)
    assert all(one.died > one.default_threshold for one in climbs)
    assert max(one.outside_s for one in climbs) <= 2  # type: ignore[type-var]


def test_the_thresholds_are_those_of_the_version(lent: Ground, programs: Binaries) -> None:
    new = [replace(case, table=f"{case.table}_again") for case in triggers.CASES]
    found = {(one.case.name, one.case.reason): one.threshold for one in triggers.came(lent, new)}
    assert found["dead rows", DEAD] == 250
    assert found["dead rows, never analyzed", DEAD] == 50
    assert found["inserts, all pages frozen", INSERTS] == (1000 if programs.major >= 18 else 2000)
    assert ("dead rows, maximum threshold 100" in {name for name, _ in found}) == (programs.major >= 18)


def test_the_same_churn_leaves_what_the_scale_factors_say(bench: Bench, lent: Ground) -> None:
    season = churn.churned(bench, lent)
    assert [one.vacuums for one in season.tables] == [1, 3, 6, 0]
    assert [one.peak // season.count for one in season.tables] == [4, 2, 1, 6]
    blocks = [one.rounds[-1].cost.blocks for one in season.tables]
    assert blocks[3] > 2 * blocks[2]
    assert season.of(churn.OFF).least_growth_bytes > 0


def test_autovacuum_that_is_switched_on_again_removes_everything_and_the_file_stays(lent: Ground) -> None:
    mended = churn.mended(lent)
    assert (mended.before.vacuums, mended.after.vacuums, mended.after.dead) == (0, 1, 0)
    assert mended.cost_after.blocks < mended.cost_before.blocks
    assert mended.after.size_bytes >= mended.before.size_bytes


def test_autovacuum_comes_in_vain_beside_the_holders_of_the_horizon(bench: Bench, lent: Ground) -> None:
    found = {one.holder: one for one in held.held(bench, lent)}
    free = {"READ COMMITTED, has read", "REPEATABLE READ, in another database"}
    assert {name for name, one in found.items() if one.left == 0} == free
    assert {one.left for name, one in found.items() if name not in free} == {held.ROWS}
    assert all(one.runs >= 2 and one.named for name, one in found.items() if name not in free)
    assert not any(one.named for name, one in found.items() if name in free)
    assert {one.left_after for one in found.values()} == {0}
