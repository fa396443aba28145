"""The report of a comparison of two variants."""

from pathlib import Path

from lab import experiment
from lab.analyse.comparison import as_json
from lab.analyse.split import SPOKEN
from lab.chart import comparison as chart
from lab.chart import labels
from lab.report import Picture, Report, Sheet, repeat
from lab.report.parts import FIGURES, environment, figures, unquotable
from lab.units import format_ms, format_ratio


def report(folder: Path) -> Report:
    """Return it.

    :raises RecordError: if the experiment is not complete, or damaged.
    """
    result = experiment.read(folder)
    comparison, runs = result.comparison, result.runs
    effect = comparison.effect
    names = labels.names(comparison.variants)
    invalid = effect.verdict == "invalid"
    pairs = tuple((f"pair {one.pair}", format_ratio(one.ratio)) for one in effect.pairs)
    # two columns fit on a phone, seven do not
    turned = tuple(zip(FIGURES, *(figures(side) for side in comparison.variants), strict=True))
    document = as_json(comparison, result.name, folder, str(result.question["load"]["model"]))
    return Report(
        title=labels.finding(comparison),
        subtitle=labels.subtitle(comparison, runs),
        findings=(labels.alt(comparison), *(() if invalid else effect.reasons), *comparison.notes),
        warnings=unquotable([("", effect.reasons)]) if invalid else (),
        pictures=(Picture(chart.png(chart.figure(comparison, runs)), labels.alt(comparison)),),
        sheets=(
            Sheet("Medians over runs; counts are totals", ("", *names), turned),
            _split(document["variants"], names),
            Sheet(f"{labels.ratio_axis(comparison)}, pair by pair", ("", "ratio"), pairs),
        ),
        environment=environment(runs[0].manifest.environment),
        repeat=repeat.comparison(result.question).commands,
        folder=result.name,
    )


def _split(variants: dict[str, dict[str, dict[str, float | None]]], names: list[str]) -> Sheet:
    each = [variant["split_ms"] for variant in variants.values()]
    rows = [(text, *("–" if one[key] is None else format_ms(one[key]) for one in each)) for key, text in SPOKEN.items()]
    return Sheet("Where the time of a mean request went", ("", *names), tuple(rows))
