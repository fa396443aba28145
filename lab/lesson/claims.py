"""Predictions and claims: what the reader expected, and what was shown.

A claim prints its verdict and its sentence, and no digit of the measurement, so that a notebook's stored output can be
compared in CI: HOLDS, FAILS, or NOT SHOWN where there is no number to judge. The numbers go to the notebook's record
in the home, and stand in the measured cell above the claim.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any

from lab.errors import UsageError
from lab.record.files import write_atomically
from lab.units import utc_now


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim with the number that it stands on, and what that number had to be."""

    sentence: str
    verdict: str
    observed: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Return the compared line: without any digit of the measurement."""
        return f"{self.verdict}: {self.sentence}"


def judge(sentence: str, observed: float | None, low: float | None, high: float | None) -> Verdict:
    """Hold *observed* against its bounds, both inclusive.

    :raises UsageError: if there is no bound: such a claim could not fail.

    >>> str(judge("The pool opened no more than its size", 12, None, 10))
    'FAILS: The pool opened no more than its size'
    """
    if low is None and high is None:
        raise UsageError(f"claim {sentence!r} has no bound; give at_least, at_most or between")
    if observed is None or math.isnan(observed):
        return Verdict(sentence, "NOT SHOWN", None, low, high)
    holds = (low is None or observed >= low) and (high is None or observed <= high)
    return Verdict(sentence, "HOLDS" if holds else "FAILS", float(observed), low, high)


class Notes:
    """One notebook's record: its predictions and verdicts, in a file of the home, with no name of a person."""

    def __init__(self, file: Path) -> None:
        """Begin anew; an older record is moved aside, never overwritten."""
        self._file = file
        self._values: dict[str, Any] = {
            "begun_utc": utc_now().isoformat(),
            "predictions": {},
            "claims": [],
            "hints": {},
        }
        if file.exists():
            file.replace(file.with_name(f"{file.stem}-{utc_now():%Y%m%d-%H%M%S-%f}.json"))

    def predict(self, what: str, guess: float | EllipsisType) -> float | None:
        """Keep a prediction; the three dots of an exercise stand for none yet."""
        value = None if isinstance(guess, EllipsisType) else float(guess)
        self._values["predictions"][what] = value
        self._write()
        return value

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict."""
        self._values["claims"].append(asdict(verdict))
        self._write()

    def next_hint(self, name: str, most: int) -> int:
        """Return the level of the next hint, 1 to *most*; hints are counted, and never held against anybody."""
        level = min(int(self._values["hints"].get(name, 0)) + 1, most)
        self._values["hints"][name] = level
        self._write()
        return level

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, json.dumps(self._values, indent=1) + "\n")
