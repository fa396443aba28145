"""The server's counters as values: what a reader has seen, and what it could not see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreported:
    """A backend that may hold counters which the statistics views do not show yet."""

    pid: int
    application: str  # application_name
    why: str  # why nobody can tell from outside that it has reported

    def __str__(self) -> str:
        """Return it as a few words for a person."""
        return f"pid {self.pid} ({self.application or 'no name'}): {self.why}"
