"""One message of a server's log, as far as the lab's readers need it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogMessage:
    """What was said, when, and by which process; None where the prefix does not tell, or names an unknown zone."""

    text: str  # with line ends between its lines, without the tabs that stderr puts before them
    at: datetime | None = None
    pid: int | None = None
