"""A way that says nothing of a table is not right about it: the claims on bloat count that apart."""

from contextlib import nullcontext

import pytest

from lab.demonstrate import bloat
from lab.demonstrate.bloat import CLASSIC, Errors, Shown
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Finding
from lab.ledger.claims import bloat_estimate, pgstattuple
from lab.record.bloat import ESTIMATE, EXACT, Looked, Space, Table

CLAIMS = (pgstattuple.test, bloat_estimate.test)


def told(name: str, rewritten_bytes: float | None, own_bytes: float | None = 500.0) -> Shown:
    """A table of which half is to be had; what two ways say of it, and what the lab's estimate says."""
    said = {way: Space(way, 1000, rewritten_bytes=rewritten_bytes) for way in (EXACT, CLASSIC)}
    own = Space(ESTIMATE, 1000, rewritten_bytes=own_bytes)
    looked = Looked(Table(1, "t", 1000), {EXACT: said[EXACT], ESTIMATE: own})
    return Shown(name, looked, said[CLASSIC], 1000, 500)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch):
    def judged(test, *shown: Shown) -> Finding:
        monkeypatch.setattr(bloat, "place", lambda bench: nullcontext())
        monkeypatch.setattr(bloat, "each", lambda *_: {one.scene: one for one in shown})
        return test(None, scenes=())

    return judged


@pytest.mark.parametrize("test", CLAIMS)
def test_a_claim_holds_only_if_something_is_told_of_every_table(judge, test) -> None:
    assert judge(test, told("a", 500), told("b", 500)).verdict == HOLDS
    silent = judge(test, told("a", 500), told("b", None))
    assert (silent.verdict, silent.condition, silent.numbers["not_told"]) == (IN_PART, "not for: b", 1)
    assert "1 not told (b)" in silent.measured


@pytest.mark.parametrize("test", CLAIMS)
def test_a_claim_does_not_hold_where_nothing_is_told_at_all(judge, test) -> None:
    assert judge(test, told("a", None)).verdict == NOT_HERE
    assert judge(test, told("a", None), told("b", 900)).verdict == NOT_HERE


def test_the_labs_own_estimate_must_tell_as_well(judge) -> None:
    found = judge(bloat_estimate.test, told("a", 500), told("b", 500, own_bytes=None))
    assert (found.verdict, found.condition) == (IN_PART, "not for: b")
    assert found.measured.endswith("the lab's by 0.0 at most, 1 not told (b)")


def test_errors_are_of_what_was_told() -> None:
    found = Errors.of({one.scene: one for one in (told("a", 400), told("b", None))}, EXACT)
    assert (found.points, found.untold, found.worst, found.over(9)) == ({"a": 10.0}, ("b",), 10.0, ["a"])
