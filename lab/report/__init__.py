"""A report of what was measured, as one HTML file that needs nothing else: for colleagues, a ticket, a printer.

``page(folder)`` makes it, from any folder of the record: a run, a comparison, a sweep, a search for capacity. It says
the findings in words first, then charts with alternative texts, tables, the environment, and how to repeat it. Nothing
in it is fetched from anywhere, and nothing in it names a password: the record has none.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from lab.errors import RecordError
from lab.record.places import CAPACITY
from lab.units import utc_now


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart as PNG, and what it shows for those who don't see it."""

    png: bytes
    alt: str

    @property
    def source(self) -> str:
        """Return the picture as a data URL."""
        return f"data:image/png;base64,{b64encode(self.png).decode()}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its caption, its head, its rows. All but the first column are numbers, or short words."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a page says, from top to bottom."""

    title: str  # the finding
    subtitle: str  # n, duration, users, scale
    findings: tuple[str, ...]
    warnings: tuple[str, ...] = ()  # why nothing of it may be quoted, or what to know before
    pictures: tuple[Picture, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    environment: Sheet | None = None
    repeat: tuple[str, ...] = ()  # commands
    files: tuple[tuple[str, str], ...] = ()  # that they need: name and text
    folder: str = ""
    made_utc: str = field(default_factory=lambda: f"{utc_now():%Y-%m-%d %H:%M} UTC")


def page(report: Report) -> str:
    """Return the report as HTML."""
    loader = Environment(loader=PackageLoader("lab.report", "."), autoescape=True, undefined=StrictUndefined)
    return loader.get_template("page.html").render(report=report)


def of(folder: Path) -> Report:
    """Return the report of a folder of the record.

    :raises RecordError: if it holds nothing that can be reported.
    """
    from lab.record import experiment as experiments
    from lab.record import run as runs
    from lab.record import sweep as sweeps
    from lab.report import capacity, comparison, own, run, sweep

    if (folder / sweeps.FILE).exists():
        return sweep.report(sweeps.read(folder))
    if (folder / CAPACITY).exists():
        return capacity.report(folder)
    if experiments.is_experiment(folder):
        return comparison.report(folder)
    if (folder / runs.MANIFEST).exists():
        whole = runs.open_run(folder)
        return own.report(whole) if whole.manifest.own else run.report(whole)
    raise RecordError(f"{folder} holds no run, comparison, sweep or capacity; name the folder that a command printed")
