"""The report of a comparison of two variants."""

from pathlib import Path

from lab import experiment
from lab.analyse.comparison import as_json
from lab.analyse.split import WORDS
from lab.chart import comparison as chart
from lab.chart import labels
from lab.report import Picture, Report, Sheet
from lab.report.parts import FIGURES, environment, figures
from lab.units import format_ms, format_number, format_ratio


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
    sides = tuple((name, *figures(side)) for name, side in zip(names, comparison.variants, strict=True))
    document = as_json(comparison, result.name, folder, str(result.question["load"]["model"]))
    return Report(
        title=labels.finding(comparison),
        subtitle=labels.subtitle(comparison, runs),
        findings=(labels.alt(comparison), *(() if invalid else effect.reasons), *comparison.notes),
        warnings=tuple(f"Nothing of this may be quoted: {reason}" for reason in effect.reasons) if invalid else (),
        pictures=(Picture(chart.png(chart.figure(comparison, runs)), labels.alt(comparison)),),
        sheets=(
            Sheet("Medians over runs; counts are totals", ("", *FIGURES), sides),
            _split(document["variants"], names),
            Sheet(f"{labels.ratio_axis(comparison)}, pair by pair", ("", "ratio"), pairs),
        ),
        environment=environment(runs[0].manifest.environment),
        repeat=(_command(result),),
        folder=result.name,
    )


def _split(variants: dict[str, dict[str, dict[str, float | None]]], names: list[str]) -> Sheet:
    each = [variant["split_ms"] for variant in variants.values()]
    rows = [(text, *("–" if one[key] is None else format_ms(one[key]) for one in each)) for key, text in WORDS.items()]
    return Sheet("Where the time of a mean request went", ("", *names), tuple(rows))


def _command(result: experiment.Result) -> str:
    load = result.question["load"]
    specs = " ".join(str(variant["pool"]["spec"]) for variant in result.question["variants"])
    rate = (
        f"--model open --rate {format_number(load['rate_per_s'])}"
        if load["model"] == "open"
        else f"--users {load['users']}"
    )
    times = f"--warmup {load['warmup_s']:g} --seconds {load['measured_s']:g} --pairs {result.question['pairs']}"
    return f"lab compare {specs} {rate} --journey {load['journey']} {times}"
