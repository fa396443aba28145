"""The tables and figures of the lesson on dead tuples and VACUUM; their titles say what was measured."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.chart import parts, plain
from lab.chart.matrix import Grid, matrix
from lab.chart.plain import Line, Row, Words
from lab.chart.style import BODY, TEXT
from lab.demonstrate.dead_percent import Said
from lab.demonstrate.probing import READS, UPKEEP, WRITES, Met, Table
from lab.demonstrate.rewriting import Beside, Disk
from lab.demonstrate.vacuuming import FILLED, VACUUMED, Known, Stage, Tail
from lab.demonstrate.versions import Left
from lab.lesson.display import show
from lab.lesson.pictures import strip
from lab.units import format_number

_MB = 1024**2
_MOST_DOTS = 150


def left_table(found: Sequence[Left]) -> pd.DataFrame:
    """Return what each statement left: rows that live and are dead, and how many dead ones the statistics count."""
    return pd.DataFrame(
        {
            "statement": [one.write for one in found],
            "rows touched": [one.touched for one in found],
            "live": [one.live for one in found],
            "dead": [one.dead for one in found],
            "n_dead_tup": [one.counted_dead for one in found],
        }
    )


def said_table(found: Sequence[Said]) -> pd.DataFrame:
    """Return what the dead-percent query says of each table, beside what pgstattuple finds in it."""
    return pd.DataFrame(
        {
            "what was done": [one.scene for one in found],
            "the query says": [f"{one.says_pct:g} % dead" if one.listed else "nothing" for one in found],
            "dead rows": [one.dead for one in found],
            "dead, % of file": [round(one.dead_pct) for one in found],
            "free, % of file": [round(one.free_pct) for one in found],
        }
    )


def file(stages: Mapping[str, Stage], guess_pct: float | None = None) -> None:
    """Show what is in the file after each step, as a share of what it was; *guess_pct*: what VACUUM gives back."""
    whole = stages[FILLED].file_bytes
    kept = stages[VACUUMED].file_bytes / whole
    title = "VACUUM leaves the file as long as it was, with room in it for new rows"
    if kept < 0.95:
        title = f"VACUUM gave back {100 * (1 - kept):.0f} % of the file"
    words = Words(
        title,
        f"one table of {whole / _MB:.1f} MB; every second row is deleted, and the same rows are added again",
        "length of the file, % of the filled table",
        guesses={} if guess_pct is None else {"your guess, after VACUUM": 100 - guess_pct},
    )
    shares = {name: _shares(stage, whole) for name, stage in stages.items()}
    show(parts.parts(shares, words), parts.structure(words, list(shares), PARTS), title)


PARTS = ("rows and page heads", "dead", "free")


def _shares(stage: Stage, whole_bytes: int) -> dict[str, float]:
    of_whole = 100 * stage.file_bytes / whole_bytes
    dead, free = of_whole * stage.dead_pct / 100, of_whole * stage.free_pct / 100
    return dict(zip(PARTS, (of_whole - dead - free, dead, free), strict=True))


def tails_table(found: Sequence[Tail]) -> pd.DataFrame:
    """Return what became of the file whose second half was deleted."""
    return pd.DataFrame(
        {
            "while VACUUM runs": [one.name for one in found],
            "file before, kB": [one.before_bytes // 1024 for one in found],
            "file after, kB": [one.after_bytes // 1024 for one in found],
            "dead rows after": [one.dead_after for one in found],
            "VACUUM took, s": [round(one.took_s, 1) for one in found],
        }
    )


def waiting(tables: Sequence[Table]) -> None:
    """Show which statements have to wait beside each holder of a lock."""
    probes = [one.probe for one in tables[0].met]
    words = [probe.name for probe in (*READS, *WRITES)]
    first = tables[0]
    title = (
        f"No reader and no writer waits for {first.holder}; all upkeep does"
        if not first.waited(*words) and first.waited() == len(UPKEEP)
        else f"{first.waited()} of {len(probes)} statements wait for {first.holder}"
    )
    groups = [probes.index(some[0].name) for some in (WRITES, UPKEEP) if some[0].name in probes]
    grid = Grid(
        title,
        f"{len(probes)} statements, each beside {len(tables)} holders of a lock; grey: the locks that they take",
        [table.holder for table in tables],
        probes,
        [[table.met[row].waited for table in tables] for row in range(len(probes))],
        "waits",
        "passes",
        [_short(table.mode) for table in tables],
        [_short(first.met[row].mode) for row in range(len(probes))],
        groups,
    )
    structure = f"chart: statements by holder of a lock; {', '.join(table.holder for table in tables)}"
    show(matrix(grid), structure, title)


def queued(met: Met) -> pd.DataFrame:
    """Return whether a statement waits behind one that waits."""
    asked = {"statement": [met.probe], "lock": [_short(met.mode)], "waits": ["yes" if met.waited else "no"]}
    return pd.DataFrame(asked)


def _short(mode: str) -> str:
    """Return a lock's mode as the manual writes it.

    >>> _short("ShareUpdateExclusiveLock")
    'SHARE UPDATE EXCLUSIVE'
    """
    return "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock")).strip().upper()


def known_table(found: Sequence[Known]) -> pd.DataFrame:
    """Return what the planner expects after each step, beside the truth."""
    return pd.DataFrame(
        {
            "after": [one.after for one in found],
            "rows expected": [one.expected for one in found],
            "rows that match": [one.truth for one in found],
            "dead rows": [one.dead for one in found],
        }
    )


def disk(found: Disk) -> None:
    """Show what the table takes on disk before, while and after it is written anew."""
    most = found.before_bytes + found.beside_bytes
    title = f"While {found.how} works, both copies are there: {most / found.before_bytes:.1f} times the table"
    if found.beside_bytes <= 0:
        title = f"{found.how} took no more disk than the table"
    rows = [
        Row("before", [found.before_bytes / _MB]),
        Row("meanwhile, old and new", [most / _MB]),
        Row("after", [found.after_bytes / _MB]),
    ]
    strip(
        rows,
        Words(title, f"one table, {found.free_before_pct:.0f} % of it free; new indexes count as well", "MB on disk"),
    )


def readers(beside: Sequence[Beside], guess_ms: float | None = None) -> None:
    """Show how long a reader waited over time beside each; *guess_ms* is of the longest wait beside the last."""
    last = beside[-1]
    waited = f"{format_number(last.longest_ms)} ms, {100 * min(last.blocked, 1):.0f} % of the time that it took"
    title = f"Beside {last.how} the reader waited {waited}"
    if last.blocked < 0.5:
        title = f"Beside {last.how} the reader's longest wait was {format_number(last.longest_ms)} ms"
    words = Words(
        title,
        f"one row by its key, a hundred times a second, from a table of {last.file_bytes / _MB:.0f} MB; "
        + ", ".join(f"{one.how} took {format_number(one.took_ms)} ms" for one in beside),
        "when the question was due, s after the statement began",
        "the reader's wait, ms",
        guesses={} if guess_ms is None else {f"your guess {guess_ms:g} ms": guess_ms},
    )
    names = [f"beside {one.how}" for one in beside]
    # the last is named at its peak: at its end both are at the bottom
    lines = [Line("" if one is last else name, _points(one)) for name, one in zip(names, beside, strict=True)]
    figure = plain.curve(lines, words)
    peak = max(lines[-1].points, key=lambda point: point[1])
    figure.axes[0].annotate(
        names[-1], peak, (10, 0), textcoords="offset points", va="center", fontsize=BODY, color=TEXT
    )
    show(figure, plain.structure(words, names), title)


def _points(one: Beside) -> list[tuple[float, float]]:
    """Return the waits over time; of many, the longest of each few neighbours, so that no peak is lost."""
    size = -(-len(one.questions) // _MOST_DOTS)
    groups = [one.questions[at : at + size] for at in range(0, len(one.questions), size)]
    peaks = [max(group, key=lambda question: question.wait_ms) for group in groups]
    return [(peak.due_ms / 1000, peak.wait_ms) for peak in peaks]
