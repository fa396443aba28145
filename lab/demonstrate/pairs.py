"""Comparisons of two variants as lessons and claims use them: so long at each scale, and one number to judge."""

from dataclasses import dataclass

from lab import experiment, plan
from lab.analyse.gates import is_machines
from lab.analyse.summary import VariantSummary
from lab.demonstrate.bench import Bench
from lab.plan import LoadPlan, Variant
from lab.watch import Watch


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a load takes at one setting of LAB_SCALE."""

    warmup_s: float
    measured_s: float
    pairs: int


SCALES = {"ci": Scale(0.5, 1.5, 3), "workshop": Scale(1.0, 4.0, 3), "full": Scale(2.0, 10.0, 5)}


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison as a lesson uses it: *first* and *second* as they were named, and the second's effect."""

    result: experiment.Result
    first: VariantSummary
    second: VariantSummary

    @property
    def ratio(self) -> float | None:
        """The second's figure over the first's: answers per second in the closed model, median latency in the open.

        None if the comparison is invalid; but if only because the machine was busy, which both runs of every pair
        shared, that of the pair that shows least, and 1 if the pairs do not agree on the side.
        """
        effect = self.result.comparison.effect
        if effect.verdict != "invalid":
            return effect.ratio
        if not effect.pairs or not all(is_machines(reason) for reason in effect.reasons):
            return None
        ratios = [pair.ratio for pair in effect.pairs]
        return max(min(ratios), 1.0) if effect.ratio and effect.ratio > 1 else min(max(ratios), 1.0)

    @property
    def quotable(self) -> float | None:
        """The ratio if the comparison is valid; None if no figure of it may be quoted."""
        return self.ratio if self.result.comparison.effect.verdict != "invalid" else None

    @property
    def both(self) -> tuple[VariantSummary, VariantSummary]:
        """First and second."""
        return (self.first, self.second)


def load(scale: str, users: int, journey: str = "read") -> LoadPlan:
    """Return the load of a comparison at a scale (ci, workshop, full)."""
    length, weights = SCALES[scale], plan.journey(journey)
    return LoadPlan(
        users=users, journey=journey, weights=weights, warmup_s=length.warmup_s, measured_s=length.measured_s
    )


def compare(
    bench: Bench, first: str, second: str, users: int = 16, journey: str = "read", watch: Watch | None = None
) -> Compared:
    """Load both variants in interleaved pairs on the bench's server.

    :raises LabError: if a part dies, or a variant cannot be read.
    """
    sides = Variant.parse_all([first, second], 1, {})
    question = experiment.Question(sides, load(bench.config.scale, users, journey), SCALES[bench.config.scale].pairs)
    result = experiment.compare(question, bench.config, watch, bench.where)
    return Compared(result, result.comparison.first, result.comparison.second)
