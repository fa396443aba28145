"""A server that somebody else runs: what is refused, what is written, and by whom.

The session's embedded server plays the stranger's; each test has a database of its own on it.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg2
import pytest
from sqlalchemy import create_engine

from lab import server as servers
from lab.config import Config
from lab.errors import NotMarkedError, ServerError, UsageError
from lab.server import Server, dsn
from lab.server.dsn import Passfile
from tests.asking import value


@pytest.fixture
def stranger(server: Server, server_config: Config, make_config: Callable[..., Config]) -> Iterator[Config]:
    """Settings whose LAB_DSN is the owner's, with password, of an empty database."""
    name = f"stranger {secrets.token_hex(3)}"
    value(server.owner_dsn, f'CREATE DATABASE "{name}"')
    parts = dsn.parse(servers.dsn_with_password(server_config, "owner"))
    config = make_config(dsn=dsn.build(parts | {"dbname": name}))
    yield config
    value(server.owner_dsn, f'DROP DATABASE "{name}" WITH (FORCE)')
    instance = Passfile(config.home / "passfile").instance()
    for role in (f"lab_app_{instance}", f"lab_observer_{instance}"):
        value(server.owner_dsn, f"DROP ROLE IF EXISTS {role}")


def _objects(config: Config) -> object:
    return value(config.dsn, "SELECT count(*) FROM pg_class WHERE oid >= 16384") or 0


def test_an_unmarked_database_is_refused_and_unchanged(stranger: Config) -> None:
    value(stranger.dsn, "CREATE TABLE theirs (i int)")
    before = _objects(stranger)
    for attempt in (servers.ensure, servers.reset):
        with pytest.raises(NotMarkedError, match="not marked as the lab's own; nothing was written; run `lab adopt`"):
            attempt(stranger)
    with pytest.raises(NotMarkedError, match=r"not empty \(1 relations: public.theirs"):
        servers.adopt(stranger)
    assert _objects(stranger) == before
    assert servers.status(stranger).state == "foreign"


def test_an_empty_database_is_adopted_and_used(stranger: Config, server: Server) -> None:
    adopted = servers.adopt(stranger)
    assert (adopted.kind, adopted.size, adopted.keys, adopted.pid) == (
        "attached",
        "small",
        {"post": 1000, "user": 100},
        None,
    )
    assert value(adopted.app_dsn, "SELECT count(*) FROM posts") == 1000
    assert str(value(adopted.app_dsn, "SELECT current_user")).startswith("lab_app_")
    assert value(adopted.observer_dsn, "SELECT current_database()") != "stranger"
    assert adopted.app_slots == server.app_slots
    assert servers.adopt(stranger).app_dsn == adopted.app_dsn
    with servers.running(stranger) as lent:
        assert lent == adopted
    assert servers.stop(stranger) is False
    assert servers.status(stranger).state == "running"


def test_the_owners_password_is_not_handed_around(stranger: Config) -> None:
    password = dsn.parse(stranger.dsn)["password"]
    adopted = servers.adopt(stranger)
    assert password not in repr(adopted)
    assert value(adopted.owner_dsn, "SELECT current_user") == "lab_owner"
    assert (stranger.home / "passfile").stat().st_mode & 0o777 == 0o600
    assert password in servers.dsn_with_password(stranger, "owner")


def test_reset_restores_the_labs_tables_only(stranger: Config) -> None:
    adopted = servers.adopt(stranger)
    value(adopted.owner_dsn, "DELETE FROM comments; UPDATE posts SET views = 1; CREATE TABLE mine AS SELECT 1 AS one")
    again = servers.reset(stranger)
    assert again == adopted
    assert value(adopted.app_dsn, "SELECT count(*) FROM comments") == 5000
    assert value(adopted.app_dsn, "SELECT sum(views) FROM posts") == 0
    assert value(adopted.owner_dsn, "SELECT one FROM mine") == 1
    with pytest.raises(UsageError, match="embedded"):
        servers.reset(stranger, fresh=True)


def test_a_copy_of_a_marked_database_is_not_marked(stranger: Config, server: Server) -> None:
    servers.adopt(stranger)
    original, copy = dsn.parse(stranger.dsn)["dbname"], f"copy {secrets.token_hex(3)}"
    value(server.owner_dsn, f'CREATE DATABASE "{copy}" TEMPLATE "{original}"')
    try:
        with pytest.raises(NotMarkedError):
            servers.ensure(replace(stranger, dsn=dsn.build(dsn.parse(stranger.dsn) | {"dbname": copy})))
    finally:
        value(server.owner_dsn, f'DROP DATABASE "{copy}"')


def test_another_home_gets_roles_of_its_own(
    stranger: Config, make_config: Callable[..., Config], server: Server
) -> None:
    first = servers.adopt(stranger)
    other = make_config(dsn=stranger.dsn)
    second = servers.ensure(other)
    assert first.app_dsn.split("@")[0] != second.app_dsn.split("@")[0]
    assert value(first.app_dsn, "SELECT 1") == value(second.app_dsn, "SELECT 1") == 1
    instance = Passfile(other.home / "passfile").instance()
    for role in (f"lab_app_{instance}", f"lab_observer_{instance}"):
        value(stranger.dsn, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_an_owner_without_rights_to_make_roles_is_used_for_all(
    server: Server, make_config: Callable[..., Config]
) -> None:
    name, password = f"renter_{secrets.token_hex(3)}", secrets.token_urlsafe(9)
    value(server.owner_dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    value(server.owner_dsn, f"CREATE DATABASE {name} OWNER {name}")
    try:
        parts = {"user": name, "password": password, "host": "127.0.0.1", "port": str(server.port), "dbname": name}
        adopted = servers.adopt(make_config(dsn=dsn.build(parts)))
        assert adopted.app_dsn == adopted.owner_dsn
        assert value(adopted.observer_dsn, "SELECT current_user") == name
        assert "may not create roles" in adopted.notes[0]
        assert value(adopted.app_dsn, "SELECT count(*) FROM posts") == 1000
    finally:
        value(server.owner_dsn, f"DROP DATABASE {name} WITH (FORCE)")
        value(server.owner_dsn, f"DROP ROLE {name}")


def test_a_failed_adoption_leaves_nothing(server: Server, make_config: Callable[..., Config]) -> None:
    name, password = f"guest_{secrets.token_hex(3)}", secrets.token_urlsafe(9)
    value(server.owner_dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    value(server.owner_dsn, f"CREATE DATABASE {name}")
    try:
        parts = {"user": name, "password": password, "host": "127.0.0.1", "port": str(server.port), "dbname": name}
        config = make_config(dsn=dsn.build(parts))
        with pytest.raises(ServerError, match="could not be loaded, nothing is left: permission denied") as caught:
            servers.adopt(config)
        assert "\n" not in str(caught.value)
        assert _objects(config) == 0
    finally:
        value(server.owner_dsn, f"DROP DATABASE {name} WITH (FORCE)")
        value(server.owner_dsn, f"DROP ROLE {name}")


def test_a_server_that_does_not_answer_is_told_in_one_line(make_config: Callable[..., Config]) -> None:
    config = make_config(dsn="postgresql://me:secret@127.0.0.1:1/blog")
    with pytest.raises(ServerError, match="Connection refused") as caught:
        servers.ensure(config)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert servers.status(config).state == "unreachable"
    assert [check.name for check in servers.doctor(config) if not check.ok] == ["attached server"]


def test_adopting_without_a_dsn_is_a_slip(make_config: Callable[..., Config]) -> None:
    with pytest.raises(UsageError, match="LAB_DSN"):
        servers.adopt(make_config())


def test_the_guard_lets_through_marked_databases_only(server: Server) -> None:
    for text, marked in ((server.owner_dsn, True), (server.owner_dsn.replace("/lab?", "/postgres?"), False)):
        raw = psycopg2.connect(text)
        engine = create_engine(text.replace("postgresql://", "postgresql+psycopg2://"))
        with engine.connect() as conn:
            for one in (raw, conn):
                if marked:
                    servers.guard(one)
                else:
                    with pytest.raises(NotMarkedError, match=r"database postgres on 127\.0\.0\.1"):
                        servers.guard(one)
        raw.close()
        engine.dispose()


def test_the_guard_breaks_no_transaction(server: Server) -> None:
    conn = psycopg2.connect(server.owner_dsn.replace("/lab?", "/postgres?"))
    try:
        with pytest.raises(NotMarkedError):
            servers.guard(conn)
        with conn.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        conn.close()
