"""Every claim of the ledger is tested for real, and turns over when what it tests is turned over."""

from pathlib import Path

import pytest

from lab import config as settings
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, NOT_SHOWN, Claim, chosen, known

ALL = pytest.mark.parametrize("claim", known(), ids=lambda claim: claim.id)


@pytest.fixture
def bench(server, server_config, tmp_path: Path) -> Bench:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    return Bench(server, quick, tmp_path)


@ALL
def test_a_claim_comes_to_the_verdict_that_was_seen_before(bench: Bench, claim: Claim) -> None:
    found = claim.test(bench)
    assert found.verdict in claim.expected, found
    assert found.verdict in (HOLDS, IN_PART, NOT_HERE)
    assert bool(found.condition) == (found.verdict == IN_PART), found
    assert found.measured
    assert found.numbers


@ALL
def test_a_claim_turns_over_with_its_mutation(bench: Bench, claim: Claim) -> None:
    found = claim.test(bench, **claim.mutation)
    assert found.verdict in {HOLDS, IN_PART, NOT_HERE} - set(claim.expected), found


def test_echo_shows_all_there_is_when_the_pool_sends_nothing_itself(bench: Bench) -> None:
    found = chosen(["echo"])[0].test(bench, pre_ping=False)
    assert found.verdict == HOLDS, found
    assert found.numbers["shown"] == found.numbers["seen"] >= 2


def test_a_driver_that_prepares_nothing_shows_nothing_about_prepared_statements(bench: Bench) -> None:
    assert chosen(["prepared"])[0].test(bench, threshold=None).verdict == NOT_SHOWN
