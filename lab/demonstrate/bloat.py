"""Tables and indexes whose space is known, looked at by every way: who is right about what?

The truth about a rewrite is a rewrite: each scene ends with ``VACUUM FULL``, or ``REINDEX``, and the file is measured
before and after. It is done on a private server, where autovacuum does not come between and nobody else looks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Self

from lab import sql
from lab.analyse import bloat as arithmetic
from lab.analyse import index_bloat
from lab.demonstrate.bench import Bench, Reader
from lab.errors import UsageError
from lab.observe.bloat import Look
from lab.observe.settled import flush
from lab.record.bloat import APPROX, ESTIMATE, EXACT, IndexSpace, Looked, Space
from lab.server import data
from lab.server.private import private

CLASSIC = "usual estimate"
SETTINGS = {"autovacuum": "off"}
OWN = {"padded": True, "with_fillfactor": True, "by_counters": True}
USUAL = {"padded": False, "with_fillfactor": False, "by_counters": False}
# the columns of the table that lies badly
COLUMNS = {
    "is_new": "boolean", "id": "bigint", "is_paid": "boolean", "amount": "bigint", "is_sent": "boolean",
    "weight": "bigint",
}  # fmt: skip


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
class Errors:
    """By how many points of the file a way is wrong, by scene. *untold*: the scenes of which it says nothing."""

    points: Mapping[str, float]
    untold: Sequence[str]

    @classmethod
    def of(cls, shown: Mapping[str, Shown], way: str) -> Self:
        """Return the errors of *way*; what it does not tell is none, and no error of 0 either."""
        off = {name: one.off(way) for name, one in shown.items()}
        told = {name: points for name, points in off.items() if points is not None}
        return cls(told, tuple(name for name in off if name not in told))

    @property
    def worst(self) -> float:
        """The largest error, in points; 0 if nothing was told."""
        return max(self.points.values(), default=0.0)

    @property
    def untold_words(self) -> str:
        """What to add to a sentence about the others; nothing if it told all.

        >>> Errors({}, ("fresh", "half deleted")).untold_words
        ', 2 not told (fresh; half deleted)'
        """
        return f", {len(self.untold)} not told ({'; '.join(self.untold)})" if self.untold else ""

    def over(self, points: float) -> list[str]:
        """Return the scenes of which it is wrong by more than *points*."""
        return [name for name, off in self.points.items() if off > points]


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

    def off(self, way: str) -> float | None:
        """By how many points of the file a way is wrong about REINDEX; None if it says nothing."""
        said = (self.usual if way == CLASSIC else self.spaces[way]).rebuild_pct
        return None if said is None else abs(said - self.rebuild_pct)


@contextmanager
def place(bench: Bench) -> Iterator[Reader]:
    """Lend a connection to a private server that has pgstattuple and no autovacuum.

    :raises ServerError: if there can be none.
    """
    bench.say("making a private server")
    with private(bench.config, settings=SETTINGS) as server, server.owner() as connection:
        data.make_extension(connection, "pgstattuple")
        yield Reader(connection)


def shown(
    reader: Reader,
    scene: Scene,
    rows: int = 40_000,
    own: Mapping[str, bool] = OWN,
    usual: Mapping[str, bool] = USUAL,
) -> Shown:
    """Make a scene, look at it, and rewrite its table.

    :param own: what the lab's estimate takes into account; *usual*: what the usual one does.
    """
    _make(reader, scene, rows)
    look = Look(reader.connection, ["scene"])
    table = look.tables[0]
    looked = arithmetic.spaces(look.seen(table))
    if own != OWN:
        looked = replace(looked, spaces={**looked.spaces, ESTIMATE: arithmetic.estimate(table, **own)})
    before, after = _around(reader, "lesson/bloat_rewrite", "lesson/bloat_size")
    return Shown(scene.name, looked, arithmetic.estimate(table, **usual), before, after)


@dataclass(frozen=True, slots=True)
class Cold:
    """A look at a table of which nothing was in the server's cache."""

    scene: str
    way: str
    pages: int  # of the table
    read_pages: int  # by the server's count, those of maps and catalogs among them
    took_ms: float


def cold(
    bench: Bench, scenes: Iterable[Scene], rows: int = 40_000, ways: Sequence[str] = (EXACT, APPROX)
) -> tuple[Cold, ...]:
    """Look at each scene's table in each of two *ways*, each time after a restart, so that every page is read once.

    What is in the cache already cannot tell how much of a table was looked at: the maps' pages are touched over and
    over.
    """
    found = []
    with private(bench.config, settings=SETTINGS) as server:
        with server.owner() as connection:
            data.make_extension(connection, "pgstattuple")
        for scene in scenes:
            with server.owner() as connection:
                pages = _make(Reader(connection), scene, rows)
            for way in ways:
                server.restart()
                with server.owner() as connection:
                    (explained,) = Reader(connection).value(f"lesson/bloat_read_{way}")
                found.append(Cold(scene.name, way, pages, int(explained["Plan"]["Shared Read Blocks"]),
                                  float(explained["Execution Time"])))  # fmt: skip
    return tuple(found)


def _make(reader: Reader, scene: Scene, rows: int) -> int:
    """Make a scene; return its table's pages. What each step counted is reported before the next."""
    reader.rows(f"lesson/{scene.table}", rows=rows, fillfactor=scene.fillfactor)
    for step in scene.steps:
        flush(reader.connection)
        reader.rows(f"lesson/{step}", rows=rows)
    flush(reader.connection)
    return int(reader.value("lesson/bloat_size")) // 8192


def index_shown(
    reader: Reader,
    name: str,
    rows: int = 40_000,
    keys: int = 10**9,
    at_random: bool = False,
    deleted: bool = False,
    merged: bool = True,
) -> ShownIndex:
    """Fill an index, look at it, and build it anew.

    :param keys: how many different ones there are.
    :param at_random: keys come in no order; else they count up to *keys*, again and again.
    :param deleted: every other row is deleted, and its entry removed.
    :param merged: the lab's estimate knows of duplicates that are merged.
    """
    reader.rows("lesson/bloat_keys", rows=rows, keys=keys, at_random=at_random)
    for step in ("bloat_delete_half",) * deleted + ("bloat_vacuum",):
        flush(reader.connection)
        reader.rows(f"lesson/{step}", rows=rows)
    flush(reader.connection)
    look = Look(reader.connection, ["scene"])
    table = look.tables[0]
    (found,) = arithmetic.spaces(look.seen(table)).indexes
    usual = index_bloat.estimate(found.index, arithmetic.rows_alive(table).live, merged=False)
    spaces = found.spaces if merged else {**found.spaces, ESTIMATE: usual}
    before, after = _around(reader, "lesson/bloat_reindex", "lesson/bloat_index_size")
    return ShownIndex(name, spaces, usual, before, after)


def _around(reader: Reader, step: str, size: str) -> tuple[int, int]:
    before = int(reader.value(size))
    reader.rows(step)
    return before, int(reader.value(size))


def each(
    reader: Reader, scenes: Iterable[Scene], rows: int = 40_000, **estimates: Mapping[str, bool]
) -> dict[str, Shown]:
    """Show several scenes, one after the other; *estimates* as for :func:`shown`."""
    return {scene.name: shown(reader, scene, rows, **estimates) for scene in scenes}


def badly_laid(reader: Reader, rows: int = 40_000) -> int:
    """Make the table whose columns lie badly; return its file's bytes."""
    reader.rows("lesson/bloat_padded", rows=rows, fillfactor=100)
    return int(reader.value("lesson/bloat_size"))


def ordered(reader: Reader, order: Sequence[str] | EllipsisType) -> int | None:
    """Copy the table whose columns lie badly into one with its columns in this order; return that one's bytes.

    ``...`` stands for an order that is not chosen yet.

    :raises UsageError: if the order is not one of the table's columns, each once.
    """
    if isinstance(order, EllipsisType):
        return None
    if sorted(order) != sorted(COLUMNS):
        raise UsageError(f"{', '.join(order)} is no order of {', '.join(COLUMNS)}; write each of them once")
    columns, names = ", ".join(f"{name} {COLUMNS[name]}" for name in order), ", ".join(order)
    with reader.connection.cursor() as cursor:
        cursor.execute(sql.load("lesson/bloat_ordered").format(columns=columns, names=names))
    return ordered_seen(reader).after_bytes


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the server has of the two tables. *same*: the new one has the columns and rows of the first."""

    same: bool
    before_bytes: int
    after_bytes: int


def ordered_seen(reader: Reader) -> Ordered:
    """Look at what became of the table that lies badly; nothing of it is *same* before it was copied."""
    there, columns, after, before = reader.rows("lesson/bloat_ordered_seen")[0]
    wanted = sorted(f"{name} {kind}" for name, kind in COLUMNS.items())
    same = bool(there) and sorted(columns) == wanted and bool(reader.value("lesson/bloat_ordered_rows"))
    return Ordered(same, int(before), int(after or 0))
