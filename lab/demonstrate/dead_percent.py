"""The dead-percent query of the classic advice, held against what is really in the tables.

It divides two counters of pg_stat_user_tables and lists tables with more than 1000 dead rows. The counters are sums of
what sessions have reported so far: they know nothing of free space, and what a session reports after a VACUUM is added
to what that VACUUM has just set. So a DELETE that reports after the VACUUM which removed its rows leaves dead rows that
do not exist, until the next VACUUM or ANALYZE.

Source: PostgreSQL's ``pgstat_relation.c`` (``pgstat_report_vacuum`` sets, ``pgstat_relation_flush_cb`` adds).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.demonstrate import quiet
from lab.demonstrate.bench import Bench, Reader
from lab.observe.settled import can_flush, flush

ROWS = 10_000
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Scene:
    """What is done to a table of *rows*. *flush*: the session reports what it counted before it vacuums."""

    name: str
    rows: int = ROWS
    delete: str = "vacuum/delete_half"
    vacuum: bool = False
    flush: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """What the query says of a table, and what is in it; shares in percent.

    *listed*: the query lists the table; *says_pct* is then its share of dead rows. *dead_pct* and *free_pct* are of the
    file's bytes. *tries*: how often the scene was played until the session really had not reported.
    """

    scene: str
    listed: bool
    says_pct: float | None
    dead: int
    dead_pct: float
    free_pct: float
    tries: int = 1

    @property
    def wrong(self) -> bool:
        """Whether the query lists a table without dead rows, or leaves out one that has some."""
        return self.listed != (self.dead > 0)

    @property
    def blind(self) -> bool:
        """Whether a third of the file or more is dead or free, and the query does not list the table."""
        return not self.listed and self.dead_pct + self.free_pct > 100 / 3


DELETED = Scene("half deleted")
VACUUMED = Scene("half deleted, reported, VACUUM", vacuum=True)
AT_ONCE = Scene("half deleted, VACUUM at once", vacuum=True, flush=False)
SMALL = Scene("900 of 1000 rows deleted", rows=1000, delete="vacuum/delete_most")
SCENES = (DELETED, VACUUMED, AT_ONCE, SMALL)


def said(bench: Bench, scenes: Sequence[Scene] = SCENES) -> tuple[Said, ...]:
    """Play each scene on a table of its own, then ask the query and pgstattuple; *bench* is of :func:`quiet.server`."""
    with bench.reader() as reader:
        for number, scene in enumerate(scenes):
            bench.say(scene.name)
            _play(reader, number, scene)
        flush(reader.connection)
        return tuple(_looked(reader, number, scene) for number, scene in enumerate(scenes))


def _play(reader: Reader, number: int, scene: Scene) -> None:
    quiet.scene(reader, _schema(number), scene.rows)
    if not scene.flush and can_flush(reader.connection):
        flush(reader.connection)  # a session reports once in a second: what follows at once stays with it
    reader.rows(scene.delete)
    if scene.vacuum:
        if scene.flush:
            flush(reader.connection)
        reader.rows("vacuum/vacuum")


def _looked(reader: Reader, number: int, scene: Scene) -> Said:
    """Ask; a scene whose session happened to report between its two statements is played again."""
    tries, found = 1, _ask(reader, number)
    while scene.vacuum and not scene.flush and not found and tries < _TRIES:
        tries += 1
        _play(reader, number, scene)
        flush(reader.connection)
        found = _ask(reader, number)
    quiet.enter(reader, _schema(number))
    _, dead, dead_pct, free_pct = reader.rows("vacuum/exact")[0]
    return Said(scene.name, bool(found), found[0] if found else None, dead, dead_pct, free_pct, tries)


def _ask(reader: Reader, number: int) -> list[float]:
    """Return the share that the query gives for a scene's table; nothing if it does not list it."""
    return [row[4] for row in reader.rows("vacuum/dead_percent") if row[0] == _schema(number)]


def _schema(number: int) -> str:
    return f"said_{number}"
