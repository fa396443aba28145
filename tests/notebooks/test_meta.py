"""Rules of the notebooks that nbval cannot see: nothing is compared where nothing was stored."""

import base64
import re
import statistics
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebooks.build import FOLDER, LARGEST_CHART_BYTES, RED, read_source

SOURCES = sorted((FOLDER / "source").glob("*.py"))
TAGS = {"nbval-ignore-output", "exercise", "solution"}
NEVER = {
    r";\s*$": "a trailing semicolon",
    r"clear_output": "clear_output",
    r"%sql": "%sql",
    r"import locust": "locust in the kernel",
    r"\bpyplot\b": "pyplot",
    r"\btqdm\b": "tqdm",
    r"\bsvg\b": "SVG",
}
# a load, or a demonstration; a server that is lent for the whole lesson measures nothing
RUN = r"lesson\.(compare|one_load)\(|(?<!\.doors)(?<!\bground)\(bench[,)]"
HEADINGS = ("## Why", "## Your turn", "## In production", "## Predict")


def stored(source: Path) -> Any:
    return nbformat.read(FOLDER / f"{source.stem}.ipynb", as_version=4)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(params=SOURCES, ids=lambda source: source.stem)
def source(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_the_notebook_is_made_from_its_source(source: Path) -> None:
    made, kept = read_source(source), stored(source)
    assert [(c.cell_type, c.source, c.metadata) for c in kept.cells] == [
        (c.cell_type, c.source, c.metadata) for c in made.cells
    ]


def test_every_code_cell_was_run(source: Path) -> None:
    assert [cell.execution_count for cell in code(stored(source))] == list(range(1, len(code(stored(source))) + 1))


def test_every_cell_that_prints_has_an_output_stored(source: Path) -> None:
    printing = re.compile(r"lesson\.(begin|predict|claim|compare|check|chart_of|one_load|table|hint)\(")
    for cell in code(stored(source)):
        assert cell.outputs or not printing.search(cell.source), cell.source


def test_tags_are_from_the_closed_list(source: Path) -> None:
    assert {tag for cell in stored(source).cells for tag in cell.metadata.get("tags", [])} <= TAGS


def test_each_measured_cell_is_followed_by_a_claim_before_the_next_heading(source: Path) -> None:
    cells = stored(source).cells
    for index, cell in enumerate(cells):
        if "nbval-ignore-output" not in cell.metadata.get("tags", []):
            continue
        following = []
        for later in cells[index + 1 :]:
            if later.cell_type == "markdown" and later.source.startswith("#"):
                break
            following.append(later)
        claims = [c for c in following if "lesson.claim(" in c.source and not c.metadata.get("tags")]
        assert claims, cell.source


def test_every_claim_holds_and_shows_no_digit_of_a_measurement(source: Path) -> None:
    for cell in code(stored(source)):
        text = "".join("".join(output.get("text", "")) for output in cell.outputs)
        assert not any(word in text for word in RED)
        if "lesson.claim(" in cell.source:
            assert text.count("HOLDS:") == cell.source.count("lesson.claim(")
            assert not re.search(r"\d", text)


def test_nothing_that_nbval_or_a_front_end_trips_over(source: Path) -> None:
    for cell in code(stored(source)):
        for pattern, name in NEVER.items():
            assert not re.search(pattern, cell.source, re.MULTILINE), name


def test_code_cells_are_short(source: Path) -> None:
    lengths = [len(cell.source.splitlines()) for cell in code(stored(source))]
    assert statistics.median(lengths) <= 3
    assert max(lengths) <= 15


def test_a_lesson_has_its_parts_and_its_minutes(source: Path) -> None:
    prose = "\n".join(cell.source for cell in stored(source).cells if cell.cell_type == "markdown")
    assert re.search(r"^\*\d+ minutes: .*\*$", prose, re.MULTILINE)
    for heading in HEADINGS:
        assert heading in prose
    assert "lesson.hint(" in prose


def test_a_prediction_stands_before_its_run(source: Path) -> None:
    cells = [cell.source for cell in code(stored(source))]
    first_run = next(index for index, text in enumerate(cells) if re.search(RUN, text))
    assert any("lesson.predict(" in text for text in cells[:first_run])


def test_charts_are_stored_small_enough_and_with_a_text(source: Path) -> None:
    charts = [
        output for cell in code(stored(source)) for output in cell.outputs if "image/png" in output.get("data", {})
    ]
    assert charts
    for chart in charts:
        assert len(base64.b64decode(chart.data["image/png"])) <= LARGEST_CHART_BYTES
        assert chart.metadata["image/png"]["alt"]
        assert "\n" not in chart.data["text/plain"]


def test_no_path_of_a_machine_is_stored(source: Path) -> None:
    text = (FOLDER / f"{source.stem}.ipynb").read_text()
    assert str(FOLDER.parent) not in text
    assert str(Path.home()) not in text
    assert not re.search(r"/(home|Users|tmp)/\w", text)
