"""The ledger: what the classic advice claims, each claim with the experiment that tests it here.

A claim is a module of :mod:`lab.ledger.claims` that defines ``CLAIM``; adding one is adding a file. Its *test* runs
demonstrations (:mod:`lab.demonstrate`) or experiments (:mod:`lab.experiment`) and judges them itself: the verdict is
computed, never written down. Every claim names a *mutation*, arguments under which the same test must come to another
verdict; without one a claim could not be wrong.
"""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import psycopg2
from sqlalchemy.exc import SQLAlchemyError

from lab.demonstrate.bench import Bench
from lab.errors import LabError, UsageError

HOLDS, IN_PART, NOT_HERE, NOT_SHOWN = "HOLDS", "HOLDS IN PART", "DOES NOT HOLD HERE", "NOT SHOWN"
_FAILURES = (LabError, psycopg2.Error, psycopg.Error, SQLAlchemyError, OSError)  # of an experiment, not of the lab


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test found: the verdict, the measurement in a sentence, and the condition of one that holds in part.

    ``NOT SHOWN`` is for a measurement that could not be had (the reason is in *measured*), never for an unwelcome one.
    """

    verdict: str
    measured: str
    condition: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the ledger."""

    id: str
    sentence: str  # what the advice says
    folklore: str  # the number or rule that it gives
    test: Callable[..., Finding]  # test(bench, **arguments)
    expected: Sequence[str]  # the verdicts that the lab has seen so far; another one is news, and worth a look
    mutation: Mapping[str, Any]  # arguments of the test under which the verdict must be another one
    lesson: str = ""  # the notebook that shows it


@dataclass(frozen=True, slots=True)
class Entry:
    """A claim that was tested here."""

    claim: Claim
    finding: Finding
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values: id, sentence, folklore, measured, verdict, condition, lesson, numbers, seconds."""
        return {
            "id": self.claim.id,
            "sentence": self.claim.sentence,
            "folklore": self.claim.folklore,
            "measured": self.finding.measured,
            "verdict": self.finding.verdict,
            "condition": self.finding.condition,
            "lesson": self.claim.lesson,
            "numbers": dict(self.finding.numbers),
            "seconds": round(self.seconds, 1),
        }


def known() -> tuple[Claim, ...]:
    """Return all claims, by lesson and id."""
    package = importlib.import_module(f"{__name__}.claims")

    modules = (
        importlib.import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)
    )
    found: list[Claim] = [module.CLAIM for module in modules]
    return tuple(sorted(found, key=lambda claim: (claim.lesson, claim.id)))


def chosen(ids: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims of these ids, in this order; all without any.

    :raises UsageError: naming an id that is none.
    """
    by_id = {claim.id: claim for claim in known()}
    for name in ids:
        if name not in by_id:
            raise UsageError(f"{name!r} is no claim; there are {', '.join(sorted(by_id))}")
    return tuple(by_id[name] for name in dict.fromkeys(ids)) if ids else known()


def entries(bench: Bench, some: Sequence[Claim]) -> Iterator[Entry]:
    """Test claims one after the other; one whose experiment cannot be made is not shown, and the others go on."""
    for claim in some:
        began = time.monotonic()
        try:
            finding = claim.test(bench)
        except _FAILURES as error:
            finding = Finding(NOT_SHOWN, _first_line(error))
        yield Entry(claim, finding, time.monotonic() - began)


def _first_line(error: BaseException) -> str:
    """Return what an error says first; its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
