"""What a mutation of a notebook is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """What to change in a notebook, which sections to run beside the first cell, and what must turn red."""

    notebook: str
    sections: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]
    red: tuple[str, ...]
