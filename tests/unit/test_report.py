"""Reports: made of stored runs, without a server; whole, self-contained, and readable without seeing the charts."""

import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest

from lab.analyse.usl import Law
from lab.errors import RecordError
from lab.plan import LoadPlan
from lab.record import experiment as folders
from lab.record.sweep import Planned, Sweep, begin
from lab.report import Report, Sheet, of, page
from tests import stored, sweeps

SHORT = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)
LAW = Law(400.0, 0.05, 0.0012)  # its peak is at 28


class Seen(HTMLParser):
    """Which elements a page has, and what they refer to."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)
        if tag == "img":
            self.images.append(values)
        self.links += [values[name] for name in ("src", "href") if name in values]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def seen(text):
    parser = Seen()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.fixture
def comparison(tmp_path):
    runs = stored.pairs(tmp_path, [(60, 25), (62, 25), (59, 26)], load=SHORT)
    sides = {run.manifest.variant: dict(run.manifest.pool) for run in runs}
    variants = [{"name": name, "pool": {"spec": name, **pool}} for name, pool in sides.items()]
    question = {
        "variants": variants,
        "load": asdict(SHORT),
        "pairs": 3,
        "seed": 1,
        "runs": [run.folder.name for run in runs],
    }
    folders.write(tmp_path, "complete", question)
    return tmp_path


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweeps" / "size"
    cells = tuple({"id": f"cell-{number}", "parameters": {"size": size}} for number, size in ((1, 2), (2, 10)))
    planned = tuple(Planned(number, f"run-{number:02d}-queue", f"cell-{number}", 1) for number in (1, 2))
    made = begin(
        Sweep(folder, "size", "h", "m", {"question": "Which size?", "objective": {"p95_ms": 50}}, cells, planned, 1)
    )
    for number, mean_ms in ((1, 60), (2, 20)):
        run = stored.steady(mean_ms, load=SHORT, variant=f"cell-{number}", seed=number).write(tmp_path / "made")
        run.folder.rename(folder / f"run-{number:02d}-queue")
    return made


def test_a_comparison_says_its_finding_and_how_to_repeat_it(comparison):
    report = of(comparison)
    text = page(report)
    assert "faster" in report.title or "times" in report.title
    assert "lab compare null" in text
    assert seen(text).images[0]["alt"] == report.pictures[0].alt


def test_nothing_is_fetched_from_elsewhere(comparison):
    assert all(link.startswith("data:image/png;base64,") for link in seen(page(of(comparison))).links)
    assert not re.search(r"https?://|@import|url\(", page(of(comparison)))


def test_a_sweep_shows_every_cell_and_who_meets_the_objective(sweep):
    report = of(sweep.folder)
    assert [row[0] for row in report.sheets[0].rows] == ["size 2", "size 10"]
    assert [row[-1] for row in report.sheets[0].rows] == ["0 of 1", "1 of 1"]
    assert "size 10" in report.findings[0]


def test_a_sweep_that_is_not_complete_says_so(sweep):
    manifest = sweep.folder / "run-02-queue" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"state": "running"}))
    report = of(sweep.folder)
    assert any("1 runs are still to be made" in text for text in report.warnings)
    assert len(report.sheets[0].rows) == 1


def test_a_run_alone_is_reported_with_what_it_can_say(tmp_path):
    run = stored.steady(20.0, load=SHORT).write(tmp_path)
    assert "nothing of what would happen again" in page(of(run.folder))


def test_what_is_written_in_a_name_is_no_markup():
    report = Report("<b>& so on", "", ("<script>alert(1)</script>",), sheets=(Sheet("", ("<i>",), (("<u>",),)),))
    assert "<script>" not in page(report)
    assert seen(page(replace(report, title="plain")))


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(RecordError, match="holds no run"):
        of(tmp_path)


def test_a_sweep_over_users_shows_the_law_beside_the_measurement(tmp_path):
    made = sweeps.write(
        tmp_path, "users", (1, 2, 4, 8, 16, 32, 64), ("queue:size=4,overflow=0",),
        lambda pool, users, repeat: sweeps.closed_run(users, LAW.throughput(users) * (1 + 0.01 * repeat), seconds=2.0),
    )  # fmt: skip
    report = of(made.folder)
    captions = [sheet.caption for sheet in report.sheets]
    assert "N*, the peak of the law (USL), 28" in report.findings[0]
    assert any("Universal Scalability Law" in caption for caption in captions)
    assert any("Little's law" in caption for caption in captions)
    assert "Throughput is highest at 28" in report.pictures[0].alt


def test_a_sweep_over_rates_has_latency_and_no_law(tmp_path):
    made = sweeps.write(
        tmp_path, "rate_per_s", (100.0, 200.0, 400.0), ("null", "queue:size=4,overflow=0"),
        lambda pool, rate, repeat: sweeps.open_run(rate, 5.0 if rate < 300 else 100.0), objective={"p95_ms": 50},
    )  # fmt: skip
    report = of(made.folder)
    assert all("up to 200 per second" in text for text in report.findings)
    assert len(report.pictures) == 1
    assert not any("Law" in sheet.caption for sheet in report.sheets)


def test_a_fact_of_many_cells_is_one_warning(tmp_path):
    made = sweeps.write(
        tmp_path, "users", (1, 2, 4, 8, 16), ("null",),
        lambda pool, users, repeat: sweeps.closed_run(users, 100.0 * users, seconds=2.0, lag_ms=400.0), repeats=1,
    )  # fmt: skip
    report = of(made.folder)
    assert len(report.warnings) == 1
    assert "in 5 of 5 cells" in report.warnings[0]
    assert "No run is to be believed" in report.pictures[0].alt
