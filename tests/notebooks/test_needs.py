"""A lesson whose program is missing says so in every cell, and runs to its end."""

from pathlib import Path

from notebooks.build import FOLDER, execute, faults, read_source

HIDE = (
    "from lab.server import pgbouncer_conf\n"
    "import os\n"
    'pgbouncer_conf._PLACES, os.environ["PATH"] = (), "/nowhere"\n'
    'lesson.needs("pgbouncer")'
)


def test_without_pgbouncer_its_lesson_skips_and_runs_through(open_folder: Path) -> None:
    notebook = read_source(FOLDER / "source/06_external_pooler.py")
    first, *later = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first.source = first.source.replace('lesson.needs("pgbouncer")', HIDE)
    done = execute(notebook, str(open_folder / "mutated"), scale="ci")
    assert faults(done) == []
    assert "apt-get install pgbouncer" in "".join(output.get("text", "") for output in first.outputs)
    texts = {"".join(output.get("text", "") for output in cell.outputs) for cell in later}
    assert texts == {"Skipped: pgbouncer is not to be had here.\n"}
