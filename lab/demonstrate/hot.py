"""Which updates are HOT: those whose new row finds room in the old one's page, and that change no indexed column.

A heap-only tuple needs no new index entries, and its predecessor is removed without VACUUM. The fillfactor keeps the
room for it, and costs pages. What the server counted is read after every counter was reported.

Source: PostgreSQL's ``src/backend/access/heap/README.HOT``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.demonstrate.bench import Reader
from lab.observe.bloat import Look
from lab.observe.settled import flush

FILLFACTORS = (100, 90, 70, 50)


@dataclass(frozen=True, slots=True)
class Updated:
    """A table after its updates."""

    fillfactor: int
    indexed: bool  # whether the column that changed has an index
    made: int  # updates
    counted: int
    hot: int
    newpage: int | None  # new rows that went to another page; None before PostgreSQL 16
    fresh_bytes: int
    after_bytes: int

    @property
    def hot_pct(self) -> float:
        """The share of updates that were HOT."""
        return 100 * self.hot / self.counted if self.counted else 0.0

    @property
    def grown(self) -> float:
        """The file after the updates, as a multiple of the fresh one's."""
        return self.after_bytes / self.fresh_bytes


def updated(
    reader: Reader, fillfactor: int = 100, indexed: bool = False, rows: int = 20_000, rounds: int = 5, every: int = 5
) -> Updated:
    """Update one row of *every* few in each of *rounds*, others each time, and read what was counted.

    :param indexed: have an index on the column that changes.
    """
    reader.rows("lesson/hot_table", rows=rows, fillfactor=fillfactor)
    if indexed:
        reader.rows("lesson/hot_index")
    fresh = int(reader.value("lesson/bloat_size"))
    for round_ in range(rounds):
        reader.rows("lesson/hot_update", every=every, round=round_)
    flush(reader.connection)
    table = Look(reader.connection, ["scene"]).tables[0]
    seen = table.counters
    assert seen is not None
    return Updated(
        fillfactor, indexed, rounds * rows // every, seen.updated, seen.hot, seen.newpage, fresh, table.size_bytes
    )


def swept(
    reader: Reader, fillfactors: Sequence[int] = FILLFACTORS, indexed: bool = False, rows: int = 20_000
) -> tuple[Updated, ...]:
    """Make the same updates with each fillfactor."""
    return tuple(updated(reader, fillfactor, indexed, rows) for fillfactor in fillfactors)
