"""The ledger's data, its page, and the command that prints it."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psycopg
import psycopg2
import pytest
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from lab.cli.claims import _print
from lab.cli.main import run
from lab.config import PROJECT
from lab.errors import ServerError, UsageError
from lab.ledger import HOLDS, IN_PART, NOT_HERE, NOT_SHOWN, Claim, Entry, Finding, chosen, entries, known, page
from lab.ledger.compared import answered

FACTS = {"host": {"cores": 2}, "server": {"version": "18.6"}, "packages": {"fastapi": "0.165.0"}}


def entry(**values: str) -> Entry:
    finding = Finding(values.get("verdict", HOLDS), "5 | 5", values.get("condition", ""), {"n": 5})
    claim = Claim("close", "it closes nothing", "none", lambda bench: finding, (HOLDS,), {"pool": "null"}, "02_x")
    return Entry(claim, finding, 1.26)


def test_each_claim_is_one_file_named_after_it() -> None:
    files = {file.stem for file in (PROJECT / "lab/ledger/claims").glob("*.py")} - {"__init__"}
    assert {claim.id.replace("-", "_") for claim in known()} == files


def test_a_claim_says_what_is_claimed_and_how_it_could_fail() -> None:
    for claim in known():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", claim.id)
        assert claim.sentence and claim.folklore and claim.mutation and claim.expected
        assert (PROJECT / "notebooks" / f"{claim.lesson}.ipynb").exists(), claim.lesson


def test_an_unknown_claim_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'closing' is no claim; there are .*close"):
        chosen(["closing"])


def test_claims_are_tested_in_the_order_asked_for_and_once() -> None:
    last, first = known()[-1].id, known()[0].id
    assert [claim.id for claim in chosen([last, first, last])] == list(dict.fromkeys([last, first]))


def test_json_has_the_documented_keys() -> None:
    keys = ["id", "sentence", "folklore", "measured", "verdict", "condition", "lesson", "numbers", "seconds"]
    assert list(entry().as_json()) == keys
    assert entry().as_json()["seconds"] == 1.3


def test_the_page_has_a_row_for_each_claim_with_its_condition() -> None:
    text = page.document([entry(verdict=IN_PART, condition="if kept")], FACTS, "ci")
    assert r"| `close` | it closes nothing | none | 5 \| 5 | **HOLDS IN PART: if kept** |" in text
    assert "PostgreSQL 18.6" in text


def test_the_committed_page_tells_of_every_claim() -> None:
    text = (PROJECT / "docs/claims.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [claim.id for claim in known()]
    verdicts = "|".join((HOLDS, IN_PART, NOT_HERE, NOT_SHOWN))
    assert [row for row in rows if not re.search(rf"\| \*\*({verdicts})(: .+)?\*\* \|$", row)] == []


def test_a_claim_whose_experiment_cannot_be_made_is_not_shown_and_the_others_go_on() -> None:
    def broken(_: object) -> Finding:
        raise ServerError("the server is gone")

    good = entry().claim
    found = [one.finding.verdict for one in entries(None, [replace(good, test=broken), good])]  # type: ignore[arg-type]
    assert found == [NOT_SHOWN, HOLDS]


@pytest.mark.parametrize(
    "error",
    [psycopg2.OperationalError("gone\nat once"), psycopg.Error("gone"), SQLAlchemyError("gone"), OSError("gone")],
)
def test_an_error_of_the_experiment_is_told_by_its_first_line(error: Exception) -> None:
    def broken(_: object) -> Finding:
        raise error

    (found,) = entries(None, [replace(entry().claim, test=broken)])  # type: ignore[arg-type]
    assert (found.finding.verdict, found.finding.measured) == (NOT_SHOWN, "gone")


@pytest.mark.parametrize(("ratio", "word"), [(3.0, "clearly more"), (1.0, "not clearly more")])
def test_a_busy_machine_is_quoted_without_a_figure(ratio: float, word: str) -> None:
    told = answered(SimpleNamespace(quotable=None, ratio=ratio))  # type: ignore[arg-type]
    assert told == f"the pool answered {word} requests of 16 users; the machine was busy, so no figure"
    assert "3 times" in answered(SimpleNamespace(quotable=3.0, ratio=3.0))  # type: ignore[arg-type]


def test_a_page_that_cannot_be_written_is_refused_before_the_first_claim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["claims", "--page", str(tmp_path / "missing" / "claims.md")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_verdict_that_was_never_seen_is_news() -> None:
    page_of = Console(file=io.StringIO(), width=200)
    _print(page_of, entry(verdict=NOT_HERE))
    _print(page_of, entry())
    assert page_of.file.getvalue().count("news: seen before as HOLDS") == 1  # type: ignore[attr-defined]


def test_listing_tests_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["claims", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in listed] == [claim.id for claim in known()]


def test_an_unknown_claim_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["claims", "nonsense"]) == 2
    assert "is no claim" in capsys.readouterr().err
