"""Each claim of each notebook turns red when what it claims is not so.

A mutation changes lines of the notebook's source (the same pool for both variants, mostly), runs what is needed of it
for real, and names the claims that must not hold any more. Together the mutations cover every claim.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from notebooks.build import FOLDER, execute, read_source

SENTENCE = re.compile(r"""lesson\.claim\(\s*"([^"]+)\"""")
QUEUE = '"queue:size=10,overflow=0"'


@dataclass(frozen=True)
class Mutation:
    """What to change in a notebook, which sections to run beside the first cell, and what must turn red."""

    notebook: str
    sections: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]
    red: tuple[str, ...]


N00, N02 = "00_start_here", "02_nullpool_or_queuepool"
MUTATIONS = (
    Mutation(
        N00,
        ("One request, end to end",),
        (
            (
                'answer = lesson.request("/posts/1")',
                'answer = lesson.request("/posts/1")\nanswer.timing_ms["sql"] += 1e6',
            ),
            ('again = lesson.request("/posts/1")', 'again = lesson.request("/posts/1", pool="null")'),
        ),
        ("The parts are not more than the whole", "The second request opened none"),
    ),
    Mutation(
        N00,
        ("One request, end to end",),
        (('answer = lesson.request("/posts/1")', 'lesson.request("/posts/1")\nanswer = lesson.request("/posts/1")'),),
        ("The first request opened a connection",),
    ),
    Mutation(
        N00,
        ("A short load",),
        (
            ('lesson.one_load("queue:size=2,overflow=0", users=4)', 'lesson.one_load("null", users=4)'),
            (
                "lesson.table(load, sessions_opened=guess)",
                "import dataclasses\nload = dataclasses.replace(load, failed=load.failed + 1)",
            ),
        ),
        (
            "Every planned request is accounted for",
            "No request failed",
            "The server opened no more sessions than the pool may hold",
        ),
    ),
    Mutation(
        N02,
        ("What does closing a session close?", "A trap on the way"),
        (
            (
                'lesson.sessions("queue", count=3), lesson.sessions("null", count=3)',
                'lesson.sessions("null", count=3), lesson.sessions("queue", count=3)',
            ),
            (
                'through_null = lesson.updates("null")',
                'through_null = lesson.updates("null")\nthrough_pool, through_null = through_null, through_pool',
            ),
        ),
        (
            "With a pool, three sessions share one backend",
            "With NullPool, each session has a backend of its own",
            "NullPool's updates are all seen at once",
            "Most of the pool's updates are not seen at once",
        ),
    ),
    Mutation(
        N02,
        ("A trap on the way",),
        (
            (
                "through_pool, through_null\n",
                "import dataclasses\nthrough_pool = dataclasses.replace(through_pool, after_flush=0)\n",
            ),
        ),
        ("After the backends ended, every update is seen",),
    ),
    Mutation(
        N02,
        ("Predict", "Run", "Count before you time", "What it cost", "Why"),
        ((f'lesson.compare("null", {QUEUE}, users=16)', f"lesson.compare({QUEUE}, {QUEUE}, users=16)"),),
        (
            "NullPool opened one session for each request",
            "The pool answers clearly more requests",
            "A NullPool request connects for longer than it executes SQL",
        ),
    ),
    Mutation(
        N02,
        ("Predict", "Run", "Count before you time", "What it cost"),
        (
            (f'lesson.compare("null", {QUEUE}, users=16)', 'lesson.compare("null", "null", users=16)'),
            (
                "lesson.table(*result.both)",
                "import dataclasses\n"
                "result = dataclasses.replace(result, first=dataclasses.replace(result.first, failed=1))",
            ),
        ),
        (
            "The pool opened a session for fewer than one request in ten",
            "The pool answers clearly more requests",
            "No request failed",
        ),
    ),
    Mutation(
        N02,
        ("Your turn",),
        (
            (
                'one = lesson.compare("null", "queue:size=1,overflow=0", users=16)',
                'one = lesson.compare("null", "null", users=16)',
            ),
        ),
        ("A pool of a single connection answers clearly more than NullPool",),
    ),
)


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


@pytest.mark.parametrize("name", [N00, N02])
def test_every_claim_has_a_mutation_that_turns_it_red(name: str) -> None:
    sentences = set(SENTENCE.findall((FOLDER / "source" / f"{name}.py").read_text()))
    covered = {sentence for mutation in MUTATIONS if mutation.notebook == name for sentence in mutation.red}
    assert sentences == covered


def test_every_notebook_is_covered() -> None:
    assert {mutation.notebook for mutation in MUTATIONS} == {path.stem for path in FOLDER.glob("source/*.py")}
