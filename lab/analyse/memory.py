"""What the app's backends took of the server's memory when the load was over, from the table ``memory``."""

from dataclasses import dataclass

import numpy as np

from lab.record.run import Run

MARK = "load_done"


@dataclass(frozen=True, slots=True)
class BackendMemory:
    """How many backends of the app there were, and the median of what one takes; None where it is not known."""

    backends: int
    rss_bytes: float | None  # with all that it shares
    pss_bytes: float | None  # with its part of what it shares
    private_bytes: float | None  # what no other process has


def backend_memory(run: Run) -> BackendMemory | None:
    """Return the memory of *run*'s app at the end of its load; None if the server could not tell it.

    Runs of earlier versions have no such table.
    """
    if not run.manifest.files.get("memory"):
        return None
    rows = [row for row in run.table("memory").to_pylist() if row["mark"] == MARK]
    if not rows:
        return None
    mine = [row for row in rows if row["application"] == run.manifest.application]

    def median(column: str) -> float | None:
        values = [row[column] for row in mine if row[column] is not None]
        return float(np.median(values)) if values else None

    return BackendMemory(len(mine), median("rss_bytes"), median("pss_bytes"), median("private_bytes"))
