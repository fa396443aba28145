"""Tables and indexes whose space is known, looked at by every way: who is right about what?

The truth about a rewrite is a rewrite: each scene ends with ``VACUUM FULL``, or ``REINDEX``, and the file is measured
before and after. It is done on a private server, where autovacuum does not come between and nobody else looks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lab.analyse import bloat as arithmetic
from lab.analyse import index_bloat
from lab.demonstrate.bench import Bench, Reader
from lab.observe.bloat import Look
from lab.observe.settled import flush
from lab.record.bloat import WAYS, IndexSpace, Looked, Space
from lab.server import data
from lab.server.private import private

CLASSIC = "usual estimate"
SETTINGS = {"autovacuum": "off"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A table and what happens to it. *steps* are questions of ``lab/sql/lesson``."""

    name: str
    table: str = "bloat_plain"
    steps: Sequence[str] = ("bloat_vacuum",)
    fillfactor: int = 100


SCENES: Mapping[str, Scene] = {
    scene.name: scene
    for scene in (
        Scene("fresh"),
        Scene("fillfactor 70", fillfactor=70),
        Scene("half deleted, vacuumed", steps=("bloat_delete_half", "bloat_vacuum")),
        Scene("half deleted", steps=("bloat_vacuum", "bloat_delete_half")),
        Scene("columns lie badly", "bloat_padded"),
        Scene("a wide column dropped", "bloat_wide", ("bloat_drop_column", "bloat_vacuum")),
        Scene("later half deleted, vacuumed", steps=("bloat_delete_tail", "bloat_vacuum")),
        Scene("never analyzed, half deleted", steps=("bloat_delete_half",)),
    )
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A scene's table by every way, by the usual estimate, and what a rewrite gave back in truth."""

    scene: str
    looked: Looked
    usual: Space  # without padding, fillfactor and counters
    before_bytes: int
    after_bytes: int  # a rewrite

    @property
    def rewrite_pct(self) -> float:
        """What the rewrite gave back, of the file."""
        return 100 * (self.before_bytes - self.after_bytes) / self.before_bytes

    def by(self, way: str) -> Space:
        """Return what one way said."""
        return self.usual if way == CLASSIC else self.looked.spaces[way]

    def off(self, way: str) -> float | None:
        """By how many points of the file a way is wrong about a rewrite; None if it says nothing."""
        said = self.by(way).rewrite_pct
        return None if said is None else abs(said - self.rewrite_pct)


@dataclass(frozen=True, slots=True)
class ShownIndex:
    """An index by both ways, by the usual estimate, and what REINDEX gave back in truth."""

    name: str
    spaces: Mapping[str, IndexSpace]
    usual: IndexSpace  # without merging of duplicates
    before_bytes: int
    after_bytes: int

    @property
    def rebuild_pct(self) -> float:
        """What REINDEX gave back, of the file."""
        return 100 * (self.before_bytes - self.after_bytes) / self.before_bytes


@contextmanager
def place(bench: Bench) -> Iterator[Reader]:
    """Lend a connection to a private server that has pgstattuple and no autovacuum.

    :raises ServerError: if there can be none.
    """
    bench.say("making a private server")
    with private(bench.config, settings=SETTINGS) as server, server.owner() as connection:
        data.make_extension(connection, "pgstattuple")
        yield Reader(connection)


def shown(reader: Reader, scene: Scene, rows: int = 40_000, ways: Sequence[str] = WAYS) -> Shown:
    """Make a scene, look at it, and rewrite its table. What each step counted is reported before the next."""
    reader.rows(f"lesson/{scene.table}", rows=rows, fillfactor=scene.fillfactor)
    for step in scene.steps:
        flush(reader.connection)
        reader.rows(f"lesson/{step}", rows=rows)
    flush(reader.connection)
    look = Look(reader.connection, ["scene"])
    table = next(table for table in look.tables if not table.toast_of)
    looked = arithmetic.spaces(look.seen(table, ways))
    usual = arithmetic.estimate(table, padded=False, with_fillfactor=False, by_counters=False)
    before, after = _around(reader, "lesson/bloat_rewrite", "lesson/bloat_size")
    return Shown(scene.name, looked, usual, before, after)


def index_shown(
    reader: Reader, name: str, rows: int = 40_000, keys: int = 10**9, at_random: bool = False, deleted: bool = False
) -> ShownIndex:
    """Fill an index, look at it, and build it anew.

    :param keys: how many different ones there are.
    :param at_random: keys come in no order; else they count up to *keys*, again and again.
    :param deleted: every other row is deleted, and its entry removed.
    """
    reader.rows("lesson/bloat_keys", rows=rows, keys=keys, at_random=at_random)
    for step in ("bloat_delete_half",) * deleted + ("bloat_vacuum",):
        flush(reader.connection)
        reader.rows(f"lesson/{step}", rows=rows)
    flush(reader.connection)
    look = Look(reader.connection, ["scene"])
    (table,) = (table for table in look.tables if not table.toast_of)
    (found,) = arithmetic.spaces(look.seen(table)).indexes
    usual = index_bloat.estimate(found.index, arithmetic.rows_alive(table).live, merged=False)
    before, after = _around(reader, "lesson/bloat_reindex", "lesson/bloat_index_size")
    return ShownIndex(name, found.spaces, usual, before, after)


def _around(reader: Reader, step: str, size: str) -> tuple[int, int]:
    before = int(reader.value(size))
    reader.rows(step)
    return before, int(reader.value(size))


def each(reader: Reader, scenes: Sequence[Scene], rows: int, say: Callable[[str], None]) -> dict[str, Shown]:
    """Show several scenes, one after the other."""
    found = {}
    for scene in scenes:
        say(scene.name)
        found[scene.name] = shown(reader, scene, rows)
    return found
