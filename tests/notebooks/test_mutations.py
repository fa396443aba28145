"""Each claim of each notebook turns red when what it claims is not so.

A mutation changes lines of the notebook's source (the same pool for both variants, mostly), runs what is needed of it
for real, and names the claims that must not hold any more. Together the mutations cover every claim. Those of a
notebook are a module of ``mutations/``.
"""

import importlib
import re
from pathlib import Path

import pytest

from notebooks.build import FOLDER, execute, read_source
from tests.notebooks.mutation import Mutation

SENTENCE = re.compile(r"""lesson\.claim\(\s*"([^"]+)\"""")
MODULES = sorted(file.stem for file in (Path(__file__).parent / "mutations").glob("n*.py"))
MUTATIONS: tuple[Mutation, ...] = sum(
    (importlib.import_module(f"tests.notebooks.mutations.{name}").MUTATIONS for name in MODULES), ()
)
NAMES = sorted({mutation.notebook for mutation in MUTATIONS})


def chosen(mutation: Mutation) -> object:
    """Return the notebook with the first cell, the named sections, and the changes made in them."""
    notebook = read_source(FOLDER / "source" / f"{mutation.notebook}.py")
    cells, section = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            section = cell.source.splitlines()[0].removeprefix("## ")
        if section in mutation.sections or "lesson.begin(" in cell.source:
            cells.append(cell)
    notebook.cells = cells
    for before, after in mutation.changes:
        hit = [cell for cell in cells if before.strip() in cell.source]
        assert hit, f"{mutation.notebook} has no {before!r}"
        hit[0].source = (hit[0].source + "\n").replace(before, after, 1).rstrip("\n")
    return notebook


def red_claims(notebook: object) -> set[str]:
    text = ""
    for cell in notebook.cells:  # type: ignore[attr-defined]
        text += "".join("".join(output.get("text", "")) for output in cell.get("outputs", []))
    return set(re.findall(r"^(?:FAILS|NOT SHOWN): (.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.notebook[:2]}-{m.red[0].replace(' ', '_')[:40]}")
def test_a_claim_turns_red_when_it_is_not_so(mutation: Mutation, open_folder: Path) -> None:
    done = execute(chosen(mutation), str(open_folder / "mutated"), scale="ci")
    assert set(mutation.red) <= red_claims(done)


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_a_mutation_that_turns_it_red(name: str) -> None:
    sentences = set(SENTENCE.findall((FOLDER / "source" / f"{name}.py").read_text()))
    covered = {sentence for mutation in MUTATIONS if mutation.notebook == name for sentence in mutation.red}
    assert sentences == covered


def test_every_notebook_is_covered() -> None:
    assert set(NAMES) == {path.stem for path in FOLDER.glob("source/*.py")}
