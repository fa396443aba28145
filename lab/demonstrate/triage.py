"""A server on which something is stuck, on purpose: who is in whose way, and what it takes to let them go.

Six sessions of a private server: one changed a row and forgot to end its transaction, one has only read and has not
ended its either; a payment waits for the row, a migration for the table, and a query that only reads for the migration.
A report takes long and is in nobody's way.
"""

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.analyse import locks as trees
from lab.demonstrate.bench import Bench, Reader
from lab.errors import ServerError
from lab.observe import activity, locks, signals
from lab.process import wait_until
from lab.record.triage import Identity, Receipt, Sample, Scene, Session
from lab.server.private import SCRAM, Private, private

FORGETFUL, READER, PAYMENT, MIGRATION, LIST, REPORT = "forgetful", "reader", "payment", "migration", "list", "report"
WAITING = (PAYMENT, MIGRATION, LIST)
_ROLE = "shop"
SETTLE_S = 20


@dataclass(slots=True)
class Stage:
    """The server, the sessions by name, and a connection to look and to signal with."""

    server: Private
    database: str
    eye: Connection
    pids: dict[str, int] = field(default_factory=dict)
    _held: ExitStack = field(default_factory=ExitStack, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, repr=False)

    @property
    def dsn(self) -> str:
        """The DSN of the application's role."""
        return self.server.dsn(_ROLE, self.database)

    def look(self) -> Scene:
        """Look at all sessions and locks, those of the six only."""
        scene, pids = locks.look(self.eye, self.pids.values()), set(self.pids.values())
        return replace(scene, sessions=tuple(one for one in scene.sessions if one.pid in pids))

    def sampled(self, seconds: float) -> tuple[Sample, ...]:
        """Sample the server's client sessions for so long."""
        return activity.sampled(self.eye, seconds, hz=20.0)

    def session(self, name: str) -> Session | None:
        """Return one of the sessions as it is now; None if it is gone."""
        return self.look().session(self.pids[name])

    def at(self, name: str) -> Identity:
        """Return what one of the sessions is at, to be signalled.

        :raises ServerError: if it is gone.
        """
        found = self.session(name)
        if found is None or found.identity is None:
            raise ServerError(f"the session {name!r} is gone; run the cell with triage.stage again")
        return found.identity

    def cancel(self, name: str) -> Receipt:
        """Cancel what the session of this name is at now."""
        return signals.cancel(self.eye, self.at(name), wait_s=10)

    def terminate(self, name: str) -> Receipt:
        """End the session of this name, if it is still at what it is at now."""
        return signals.terminate(self.eye, self.at(name), wait_s=10)

    def waiting(self) -> list[str]:
        """Return the names of those that wait for a lock now."""
        waiters = {edge.waiter for edge in trees.waits(self.look())}
        return [name for name, pid in self.pids.items() if pid in waiters]

    def settled(self, *names: str) -> bool:
        """Wait until exactly these wait for a lock; False if that never came."""
        return wait_until(lambda: sorted(self.waiting()) == sorted(names), timeout_s=SETTLE_S)

    def stands(self, *names: str) -> None:
        """Wait until exactly these wait for a lock.

        :raises ServerError: if that never came.
        """
        if not self.settled(*names):
            raise ServerError(f"after {SETTLE_S} s {self.waiting()} wait for a lock instead of {[*names]}; try again")

    def opens(self, name: str, *questions: str) -> None:
        """Connect a session that runs these and stays as it is then."""
        connection = self._connect(name)
        for question in questions:
            _run(connection, question)

    def begins(self, name: str, question: str) -> None:
        """Connect a session that is at this in a thread, in a transaction of its own."""
        connection = self._connect(name)
        connection.autocommit = True
        thread = threading.Thread(target=_work, args=(connection, question), daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """End all sessions."""
        with suppress(psycopg2.Error):
            Reader(self.eye).rows("lesson/triage_clear")
        for thread in self._threads:
            thread.join(10)
        self._held.close()

    def _connect(self, name: str) -> Connection:
        made = self._held.enter_context(closing(psycopg2.connect(self.dsn, application_name=name)))
        self.pids[name] = made.info.backend_pid
        return made


def _run(connection: Connection, question: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.load(question))


def _work(connection: Connection, question: str) -> None:
    with suppress(psycopg2.Error):  # it is cancelled or ended, which is what it is there for
        _run(connection, question)


@contextmanager
def bare(bench: Bench, server: Private | None = None) -> Iterator[Stage]:
    """Lend a new database with a table ``orders`` and no sessions yet, on *server* or a private one of its own."""
    with ExitStack() as held:
        if server is None:
            bench.say("making a private server")
            settings = {"max_prepared_transactions": "5"}
            server = held.enter_context(private(bench.config, roles={_ROLE: SCRAM}, settings=settings))
        database = f"shop_{secrets.token_hex(4)}"
        with server.owner() as owner, owner.cursor() as cursor:
            cursor.execute(sql.load("lesson/triage_database").format(database=database))
        with closing(psycopg2.connect(server.dsn(_ROLE, database))) as connection, connection:
            _run(connection, "lesson/triage_table")
        dsn = server.dsn(database=database)
        made = Stage(
            server,
            database,
            held.enter_context(activity.connected(dsn, application="lab-admin-triage", read_only=False)),
        )
        held.callback(made.close)
        yield made


@contextmanager
def stage(
    bench: Bench, forget: bool = True, migrate: bool = True, report: str = "lesson/triage_report"
) -> Iterator[Stage]:
    """Lend the stuck server.

    :param forget: False: the first session ends its transaction.
    :param migrate: False: there is no migration.
    :param report: the question that takes long.
    :raises ServerError: if it does not come to stand as described.
    """
    with bare(bench) as made:
        bench.say("bringing six sessions into each other's way")
        made.opens(FORGETFUL, "lesson/triage_pay", *([] if forget else ["lesson/triage_commit"]))
        made.opens(READER, "lesson/triage_read")
        made.begins(REPORT, report)
        wanted: list[str] = []
        plays = ((PAYMENT, "lesson/triage_pay", forget), (MIGRATION, "lesson/triage_migrate", migrate))
        for name, question, waits in (*plays, (LIST, "lesson/triage_read", migrate)):
            if name != MIGRATION or migrate:
                made.begins(name, question)
            wanted += [name] if waits else []
            made.stands(*wanted)
        yield made


@dataclass(frozen=True, slots=True)
class Believed:
    """What a way to find blockers says of the same waits: how many it finds, misses and makes up."""

    way: str
    found: int
    missed: int
    made_up: int


def believed(made: Stage) -> tuple[Believed, ...]:
    """Ask three ways who blocks whom; pg_blocking_pids is the server's own answer."""
    truth = {(edge.waiter, int(edge.blocker)) for edge in trees.waits(made.look())}
    reader = Reader(made.eye)
    ways: Mapping[str, set[tuple[int, ...]]] = {
        "pg_blocking_pids": {*truth},
        "join on the relation": set(reader.rows("lesson/triage_by_relation")),
        "join on the transaction": set(reader.rows("lesson/triage_by_transaction")),
    }
    return tuple(
        Believed(way, len(pairs & truth), len(truth - pairs), len(pairs - truth)) for way, pairs in ways.items()
    )


@dataclass(frozen=True, slots=True)
class Orphan:
    """A wait for a prepared transaction: what the server says blocks, and whose it is."""

    blocked_by: tuple[int, ...]
    root: trees.Party
    lines: tuple[str, ...]


def orphan(bench: Bench, prepare: bool = True, server: Private | None = None) -> Orphan:
    """Have a payment wait for a prepared transaction (without *prepare*, for a session), and look.

    :raises ServerError: if it does not come to wait.
    """
    with bare(bench, server) as made:
        made.opens(FORGETFUL, "lesson/triage_pay", *(["lesson/triage_prepare"] if prepare else []))
        made.begins(PAYMENT, "lesson/triage_pay")
        made.stands(PAYMENT)
        scene = made.look()
        forest = trees.forest(trees.waits(scene))
        waiter = scene.session(made.pids[PAYMENT])
        if prepare:
            Reader(made.eye).rows("lesson/triage_unprepare")
        blocked_by = waiter.blocked_by if waiter else ()
        return Orphan(blocked_by, forest[0].party if forest else 0, tuple(trees.lines(scene, forest)))


@dataclass(frozen=True, slots=True)
class Frozen:
    """How many sessions of a name a reader saw, before and after one more had come; *transaction*: inside one."""

    transaction: bool
    before: int
    after: int


def frozen(made: Stage, transaction: bool) -> Frozen:
    """Look at ``pg_stat_activity``, have a session come, and look again: in one transaction, or in two."""
    name = f"newcomer-{transaction}"
    with closing(
        psycopg2.connect(made.server.dsn(database=made.database), application_name="lab-admin-frozen")
    ) as connection:
        connection.autocommit = not transaction
        reader = Reader(connection)
        before = int(reader.value("lesson/triage_frozen", application=name))
        with closing(psycopg2.connect(made.dsn, application_name=name)):
            after = int(reader.value("lesson/triage_frozen", application=name))
    return Frozen(transaction, before, after)
