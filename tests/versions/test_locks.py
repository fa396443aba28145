"""The tree of waits: known answers on every version."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from lab.analyse import locks as trees
from lab.cli.main import run
from lab.observe import activity, locks
from lab.process import wait_until
from lab.record.triage import Scene
from lab.server.private import SCRAM, Private


class Cast:
    """Sessions that hold or wait, in one database; whoever waits does so in a thread."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.threads, self.held = dsn, [], ExitStack()  # type: ignore[var-annotated]

    def opens(self, name: str, *statements: str, autocommit: bool = False) -> int:
        return self.connects(name, *statements, autocommit=autocommit).info.backend_pid

    def waits(self, name: str, statement: str) -> int:
        return self.goes_on(self.connects(name), statement)

    def connects(self, name: str, *statements: str, autocommit: bool = False) -> Connection:
        connection = self.held.enter_context(closing(psycopg2.connect(self.dsn, application_name=name)))
        connection.autocommit = autocommit
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return connection

    def goes_on(self, connection: Connection, statement: str) -> int:
        self.threads.append(threading.Thread(target=self._wait, args=(connection, statement)))
        self.threads[-1].start()
        return connection.info.backend_pid

    def end(self) -> None:
        with activity.connected(self.dsn) as eye, eye.cursor() as cursor:
            cursor.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
            for (gid,) in cursor.fetchall():
                cursor.execute("ROLLBACK PREPARED %s", (gid,))
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        for thread in self.threads:
            thread.join(20)
        self.held.close()

    @staticmethod
    def _wait(connection: Connection, statement: str) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except psycopg2.Error:
            pass  # it is ended at the end


@pytest.fixture
def cast(database: str) -> Iterator[Cast]:
    made = Cast(database)
    made.opens("setup", "CREATE TABLE things AS SELECT n AS id, 0 AS v FROM generate_series(1, 10) n", autocommit=True)
    yield made
    made.end()


def seen(dsn: str, ready: Callable[[Scene], bool]) -> Scene:
    """Look until the scene is set, and return it."""
    found: list[Scene] = []
    with activity.connected(dsn) as eye:

        def look() -> bool:
            found.append(locks.look(eye))
            return ready(found[-1])

        assert wait_until(look, timeout_s=20), trees.lines(found[-1], trees.forest(trees.waits(found[-1])))
    return found[-1]


def edges(scene: Scene) -> set[tuple[int, trees.Party]]:
    return {(wait.waiter, wait.blocker) for wait in trees.waits(scene)}


def test_the_tree_has_exactly_the_waits_there_are(cast: Cast, database: str) -> None:
    writer = cast.opens("writer", "UPDATE things SET v = 1 WHERE id = 1")
    reader = cast.opens("reader", "SELECT * FROM things")
    row = cast.waits("row", "UPDATE things SET v = 2 WHERE id = 1")
    seen(database, lambda scene: edges(scene) == {(row, writer)})
    ddl = cast.waits("ddl", "ALTER TABLE things ADD COLUMN w int")
    seen(database, lambda scene: any(wait.waiter == ddl for wait in trees.waits(scene)))
    innocent = cast.waits("innocent", "SELECT count(*) FROM things")
    wanted = {(row, writer), (ddl, writer), (ddl, reader), (ddl, row), (innocent, ddl)}
    scene = seen(database, lambda scene: edges(scene) == wanted)
    forest = trees.forest(trees.waits(scene))
    assert [tree.party for tree in forest] == [writer, reader]
    assert trees.behind(forest[0]) == {row, ddl, innocent}
    about = {(wait.waiter, wait.blocker): wait for wait in trees.waits(scene)}
    assert about[row, writer].asked and about[row, writer].asked.what.startswith("transaction ")  # type: ignore[union-attr]
    assert trees.about(about[ddl, reader]) == "AccessExclusiveLock on things, where AccessShareLock is held"
    assert about[innocent, ddl].queued
    assert not about[ddl, writer].queued


def test_a_prepared_transaction_is_named(cast: Cast, database: str) -> None:
    cast.opens("two-phase", "UPDATE things SET v = 1 WHERE id = 2", "PREPARE TRANSACTION 'order 7'")
    cast.opens("two-phase too", "UPDATE things SET v = 1 WHERE id = 3", "PREPARE TRANSACTION 'order 8'")
    row = cast.waits("row", "UPDATE things SET v = 2 WHERE id = 2")
    scene = seen(database, lambda scene: edges(scene) == {(row, "order 7")})
    assert trees.lines(scene, trees.forest(trees.waits(scene)))[0].startswith("prepared transaction 'order 7'")


def test_a_table_that_two_prepared_transactions_hold_has_two_roots(cast: Cast, database: str) -> None:
    cast.opens("one", "UPDATE things SET v = 1 WHERE id = 2", "PREPARE TRANSACTION 'a'")
    cast.opens("two", "UPDATE things SET v = 1 WHERE id = 3", "PREPARE TRANSACTION 'b'")
    ddl = cast.waits("ddl", "LOCK TABLE things")
    seen(database, lambda scene: edges(scene) == {(ddl, "a"), (ddl, "b")})


def test_a_deadlock_is_a_circle_until_the_server_looks_for_it(cast: Cast, database: str) -> None:
    patient = "SET deadlock_timeout = '60s'"
    first = cast.connects("one", patient, "SELECT pg_advisory_xact_lock(1)")
    second = cast.connects("two", patient, "SELECT pg_advisory_xact_lock(2)")
    one, two = (
        cast.goes_on(first, "SELECT pg_advisory_xact_lock(2)"),
        cast.goes_on(second, "SELECT pg_advisory_xact_lock(1)"),
    )
    scene = seen(database, lambda scene: edges(scene) == {(one, two), (two, one)})
    (tree,) = trees.forest(trees.waits(scene))
    assert set(tree.circle) == {one, two}
    assert "advisory 2" in " ".join(trees.lines(scene, (tree,)))


def test_subtransactions_of_a_prepared_transaction_do_not_hide_its_name(cast: Cast, database: str) -> None:
    cast.opens(
        "two-phase", "SAVEPOINT a", "UPDATE things SET v = 1 WHERE id = 2", "RELEASE a", "PREPARE TRANSACTION 'nested'"
    )
    row = cast.waits("row", "UPDATE things SET v = 2 WHERE id = 2")
    seen(database, lambda scene: edges(scene) == {(row, "nested")})


def test_a_worker_that_waits_is_its_leaders_wait(cast: Cast, database: str) -> None:
    cast.opens("owner", "LOCK TABLE things")
    names = "('force_parallel_mode', 'debug_parallel_query')"  # before 16, and since
    forced = f"SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN {names}"
    body = "BEGIN RETURN (SELECT count(*) FROM things); END"
    slow = f"CREATE FUNCTION slow() RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS '{body}'"
    cast.opens("maker", slow, autocommit=True)
    waiter = cast.goes_on(cast.connects("parallel", forced), "SELECT slow()")
    scene = seen(database, lambda scene: bool(edges(scene)))
    owner = next(one.pid for one in scene.sessions if one.application == "owner")
    assert edges(scene) == {(waiter, owner)}


def test_a_queue_of_forty_is_drawn_once_each(cast: Cast, database: str) -> None:
    owner = cast.opens("owner", "LOCK TABLE things")
    queue = {cast.waits("queued", "LOCK TABLE things") for _ in range(40)}
    scene = seen(database, lambda scene: len(edges(scene)) == 40 * 41 / 2)
    (tree,) = trees.forest(trees.waits(scene))
    assert tree.party == owner
    assert {node.party for node in tree.below} == queue
    assert len(trees.lines(scene, (tree,))) == 41


@pytest.fixture
def plain(any_server: Private, database: str) -> Iterator[str]:
    """The DSN of a role without pg_monitor."""
    name = psycopg2.extensions.parse_dsn(database)["dbname"]
    any_server.add_role(f"plain_{name}", SCRAM)
    yield any_server.dsn(f"plain_{name}", name)
    with any_server.owner() as owner, owner.cursor() as cursor:
        cursor.execute(f"DROP ROLE plain_{name}")


def test_a_plain_role_sees_who_waits_for_whom_and_is_told_what_it_does_not_see(
    cast: Cast, database: str, plain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = cast.opens("writer", "UPDATE things SET v = 1 WHERE id = 1")
    row = cast.waits("row", "UPDATE things SET v = 2 WHERE id = 1")
    ddl = cast.waits("ddl", "ALTER TABLE things ADD COLUMN w int")
    wanted = {(row, writer), (ddl, writer), (ddl, row)}
    seen(database, lambda scene: edges(scene) == wanted)
    assert edges(seen(plain, lambda scene: len(edges(scene)) == 3)) == wanted
    assert run(["locks", "--dsn", plain]) == 0
    text = capsys.readouterr().out
    user = psycopg2.extensions.parse_dsn(database)["user"]
    assert f"pid {writer}, {user}@" in text.splitlines()[0]
    assert "writer: not shown; 2 behind it" in text.splitlines()[0]
    assert "nobody waits" not in text
    assert f"to end {writer}: cannot say" in text
    assert "grant it pg_monitor" in text


def test_who_waits_for_a_safe_snapshot_is_seen_by_a_plain_role(cast: Cast, database: str, plain: str) -> None:
    writer = cast.opens("writer", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "UPDATE things SET v = 1")
    patient = cast.connects("patient", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE")
    waiter = cast.goes_on(patient, "SELECT count(*) FROM things")
    seen(database, lambda scene: edges(scene) == {(waiter, writer)})
    assert edges(seen(plain, lambda scene: bool(edges(scene)))) == {(waiter, writer)}


def test_a_plain_role_gets_no_count_that_covers_only_what_it_sees(
    cast: Cast, plain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = cast.opens("owner", "LOCK TABLE things")
    waiter = cast.waits("waiter", "LOCK TABLE things")
    seen(plain, lambda scene: edges(scene) == {(waiter, owner)})
    assert run(["activity", "--dsn", plain, "--longer", "1ms", "--seconds", "0.3"]) == 0
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if line.startswith(f"{waiter}  ")]
    assert line.endswith(f"waiter  not shown behind {owner}")
    assert "0 of the 0 that are shown longer than 0.001 s" in text
    hidden = sum(line.partition(" behind ")[0].endswith("  not shown") for line in text.splitlines())
    assert hidden >= 3  # the one that made the table is there too
    assert f"{hidden:4} not shown" in text.splitlines()
    assert "active of those that are shown" in text
    assert run(["activity", "--dsn", plain, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {(one["longer"], one["wait"], one["state"]) for one in document["sessions"]} == {(None, None, None)}
