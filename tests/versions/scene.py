"""A table and what autovacuum sees of it, for the tests of every version."""

import time
from collections.abc import Callable
from contextlib import closing

import psycopg2

from lab.analyse.autovacuum_prediction import predict
from lab.observe import autovacuum
from lab.process import wait_until
from lab.record.autovacuum import VACUUM, Look, Prediction, Table

NAPTIMES_S = 4.0  # this long without a run counts as never: the naptime is one second
PATIENCE_S = 60.0


class Scene:
    """One database: a session that writes and has reported what it wrote, and one that looks."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.eyes = psycopg2.connect(dsn)
        self.eyes.autocommit = True

    def run(self, *statements: str) -> None:
        """Run each statement in a session that ends, and so reports its counts before the next one runs.

        In one session, the counts of what was inserted would arrive after those of ANALYZE, and be added to them.
        """
        for statement in statements:
            with closing(psycopg2.connect(self.dsn)) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(statement)

    def look(self) -> Look:
        return autovacuum.look(self.eyes)

    def table(self, name: str = "t") -> Table:
        found = self.look().named(name)
        assert found is not None
        return found

    def until(self, condition: Callable[[Table], bool], name: str = "t") -> Table:
        """Wait until the table's counters say so; they lag behind the sessions."""
        assert wait_until(lambda: condition(self.table(name)), timeout_s=PATIENCE_S, every_s=0.1), self.table(name)
        return self.table(name)

    def prediction(self, action: str = VACUUM, name: str = "t") -> Prediction:
        look = self.look()
        table = look.named(name)
        assert table is not None
        return next(one for one in predict([look]) if one.oid == table.oid and one.action == action)

    def ran(self, of: Callable[[Table], int] = lambda table: table.autovacuums, name: str = "t") -> bool:
        """Whether it runs within a generous time."""
        return wait_until(lambda: of(self.table(name)) > 0, timeout_s=PATIENCE_S, every_s=0.1)

    def stays(self, of: Callable[[Table], int] = lambda table: table.autovacuums, name: str = "t") -> bool:
        """Whether it does not run within several naptimes."""
        time.sleep(NAPTIMES_S)
        return of(self.table(name)) == 0


# no vacuum for inserts, and no analyze: it would set reltuples anew, and with it the threshold
QUIET = "autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000000"


def made(rows: int, parameters: str = QUIET, analyzed: bool = True) -> tuple[str, ...]:
    """A table of *rows* rows, to which nothing is done before it is enabled."""
    known = f"CREATE TABLE t (id int, n int) WITH ({parameters}, autovacuum_enabled = off)"
    fill = f"INSERT INTO t SELECT n, 0 FROM generate_series(1, {rows}) AS n"
    return (known, fill, *(["ANALYZE t"] if analyzed else []))


def enabled(scene: Scene) -> None:
    scene.run("ALTER TABLE t RESET (autovacuum_enabled)")
