"""A server that another container runs for the lab alone: prepared once, whoever asks and whoever is killed.

A cluster of the test's own plays the container's: made as the image makes it, with ``lab_owner`` and nothing else.
"""

import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from lab import experiment, process
from lab import server as servers
from lab.analyse.memory import backend_memory
from lab.config import PROJECT, Config
from lab.errors import NotMarkedError, ServerError, SettingError, UsageError
from lab.observe.cpu import LINUX
from lab.plan import LoadPlan, PoolConfig, Variant
from lab.record.run import open_run
from lab.server import account, binaries, cluster, composed, data, dsn
from lab.server.build import APP, OBSERVER, OWNER
from lab.server.dsn import Passfile

PASSWORDS = {name: f"{name}'s: secret\\" for name in (OWNER, APP, OBSERVER)}


def ask(text: str, query: str, **parameters: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(text, **parameters)) as conn:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture(scope="module")
def bare(open_folder: Path) -> Path:
    """A data directory as the image's initdb leaves it."""
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    who = account.choose()
    folder.chmod(0o711)
    inside = account.private_folder(folder / "made", who)
    found = binaries.runnable(binaries.find(), who, folder / "binaries")
    cluster.initdb(found, inside / "data", PASSWORDS[OWNER], who, folder / "log")
    return inside / "data"


@contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    """Run a server on a data directory, as another container would."""
    who = account.choose()
    sockets = account.private_folder(folder.parent / "s", who)
    found = binaries.runnable(binaries.find(), who, folder.parents[1] / "binaries")
    parts = {"user": OWNER, "password": PASSWORDS[OWNER], "host": "127.0.0.1", "port": str(port), "dbname": "postgres"}
    child = cluster.start(
        found, folder, port, sockets, who, folder.parents[1] / "log", dsn.build(parts), lambda _: None
    )  # fmt: skip
    try:
        yield
    finally:
        child.stop()


@pytest.fixture
def cluster_folder(bare: Path) -> Iterator[Path]:
    folder = bare.parent / "now"
    account.copy_tree(bare, folder, account.choose())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def config(make_config: Callable[..., Config], cluster_folder: Path, tmp_path: Path) -> Iterator[Config]:
    """Settings with a composed server that is up and holds nothing."""
    for name, password in PASSWORDS.items():
        (tmp_path / name).write_text(password + "\n")
    port = process.free_port(0, "LAB_PORT")
    with serving(cluster_folder, port):
        yield make_config(server=f"127.0.0.1:{port}", secrets=tmp_path)


def as_owner(config: Config, query: str, database: str = "postgres") -> list[tuple[object, ...]]:
    host, port = composed.place(config.server)
    parts = {"host": host, "port": str(port), "user": OWNER, "password": PASSWORDS[OWNER], "dbname": database}
    return ask(dsn.build(parts), query)


def test_it_is_prepared_once_and_then_found(config: Config) -> None:
    assert servers.status(config).state == "missing"
    with pytest.raises(ServerError, match="holds no database of the lab yet; run `lab up`"):
        servers.dsn_of(config)
    names = [check.name for check in servers.doctor(config) if check.ok]
    assert len(names) == len(servers.doctor(config)) >= 4
    told: list[str] = []
    first = servers.ensure(config, told.append)
    made = as_owner(config, "SELECT made_at FROM lab.mark", "lab")
    assert (first.kind, first.size, first.keys, first.pid, first.data_dir) == (
        "composed",
        "small",
        {"post": 1000, "user": 100},
        None,
        None,
    )
    assert "making database lab" in told[0]
    assert servers.ensure(config, told.append) == first
    with servers.running(config) as lent:
        assert lent == first
    assert len(told) == 1
    assert as_owner(config, "SELECT made_at FROM lab.mark", "lab") == made
    assert ask(first.app_dsn, "SELECT count(*), current_user::text FROM posts") == [(1000, APP)]
    assert ask(first.observer_dsn, "SELECT current_database()::text") == [("postgres",)]
    seen = servers.status(config)
    assert (seen.state, seen.kind, seen.version, seen.size) == ("running", "composed", first.version, "small")
    assert servers.stop(config) is False
    servers.remove(config)
    assert servers.dsn_of(config, "observer") == first.observer_dsn


def test_passwords_stand_in_the_passfile_alone(config: Config) -> None:
    server = servers.ensure(config)
    assert not any(password in repr(server) for password in PASSWORDS.values())
    assert stat.S_IMODE((config.home / "passfile").stat().st_mode) == 0o600
    whole = servers.dsn_with_password(config, "app")
    assert dsn.parse(whole)["password"] == PASSWORDS[APP]
    assert as_owner(config, "SELECT count(*) FROM pg_stat_statements WHERE query ~ 'SCRAM-SHA'") == [(0,)]


ROLES = "SELECT (to_jsonb(r) - 'oid')::text FROM pg_roles AS r WHERE rolname LIKE 'lab%' ORDER BY rolname"
MEMBERS = "SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members ORDER BY 1, 2"
DATABASES = "SELECT datname, datacl::text, pg_encoding_to_char(encoding), datcollate FROM pg_database ORDER BY 1"
EXTENSIONS = "SELECT extname, extversion, extnamespace::regnamespace::text FROM pg_extension ORDER BY 1"
RIGHTS = """
SELECT oid::regclass::text, relacl::text FROM pg_class WHERE relacl IS NOT NULL AND oid >= 16384
UNION ALL SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE pronamespace = to_regnamespace('lab')
UNION ALL SELECT nspname::text, nspacl::text FROM pg_namespace
UNION ALL SELECT defaclobjtype::text, defaclacl::text FROM pg_default_acl
ORDER BY 1, 2
"""
SETTINGS = "SELECT name, setting, source FROM pg_settings WHERE source = 'configuration file' ORDER BY 1"


def test_it_holds_what_the_embedded_server_holds(config: Config, own_config: Config) -> None:
    servers.ensure(config)
    server = servers.ensure(own_config)
    for query, databases in (
        (ROLES, ["postgres"]),
        (MEMBERS, ["postgres"]),
        (DATABASES, ["postgres"]),
        (SETTINGS, ["postgres"]),
        (EXTENSIONS, ["postgres", "lab"]),
        (RIGHTS, ["postgres", "lab"]),
    ):
        for database in databases:
            assert as_owner(config, query, database) == ask(server.owner_dsn, query, dbname=database)
    digest = "SELECT md5(string_agg(p::text, '|' ORDER BY id)) FROM (SELECT id, author_id, title, body FROM posts) AS p"
    assert as_owner(config, digest, "lab") == [("e032704e343ce940f25c17384ca82a8f",)]


KILLED = """
import os, signal, sys
from pathlib import Path
from lab import config as settings, server
from lab.server import data
step, when = sys.argv[3:]
run = data.run
def killing(conn, name, **values):
    if name == step and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    rows = run(conn, name, **values)
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
    return rows
data.run = killing
server.ensure(settings.read({"LAB_HOME": sys.argv[1], "LAB_SERVER": sys.argv[2], "LAB_SECRETS": os.environ["SECRETS"]}))
"""


def child(config: Config, program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(config.home), config.server, *arguments],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT), "SECRETS": str(config.secrets)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("create_role", "after"),
        ("database", "after"),
        ("constraints", "after"),
        ("vacuum", "before"),
        ("grant_app", "before"),
        ("write_mark", "before"),
        ("write_mark", "after"),
    ],
)
def test_what_a_killed_process_began_is_finished_by_the_next(config: Config, step: str, when: str) -> None:
    with child(config, KILLED, step, when) as began:
        assert began.wait(60) == -signal.SIGKILL
    whole = (step, when) == ("write_mark", "after")
    assert servers.status(config).state == ("running" if whole else "missing")
    server = servers.ensure(config)
    assert ask(server.app_dsn, "SELECT count(*) FROM comments") == [(5000,)]
    assert ask(server.owner_dsn, "SELECT count(*) FROM lab.mark") == [(1,)]
    # every right was given: the app's, the observer's, its slot's
    assert ask(server.app_dsn, "INSERT INTO tags (name) VALUES ('x') RETURNING id") == [(21,)]
    assert ask(server.observer_dsn, "SELECT count(*) FROM lab.server_usage()") == [(1,)]
    frozen = "SELECT sum(relallvisible) = sum(relpages) FROM pg_class WHERE relname IN ('posts', 'comments', 'users')"
    assert ask(server.owner_dsn, frozen) == [(True,)]


def test_what_was_begun_in_another_size_is_made_in_the_one_asked_for(config: Config) -> None:
    with child(config, KILLED, "vacuum", "before") as began:
        began.wait(60)
    server = servers.ensure(replace(config, size="medium"))
    assert (server.size, server.keys["post"]) == ("medium", 50_000)
    assert ask(server.app_dsn, "SELECT count(*) FROM posts") == [(50_000,)]


ENSURE = """
import os, sys
from lab import config as settings, server
here = settings.read({"LAB_HOME": sys.argv[1], "LAB_SERVER": sys.argv[2], "LAB_SECRETS": os.environ["SECRETS"]})
print(server.ensure(here).size)
"""


@pytest.mark.parametrize("homes", ["the same", "their own"])
def test_several_may_prepare_it_at_once(config: Config, make_config: Callable[..., Config], homes: str) -> None:
    places = [config, *(config if homes == "the same" else make_config() for _ in range(2))]
    with ExitStack() as stack:
        started = [
            stack.enter_context(child(replace(config, home=place.home), ENSURE)) for place in places
        ]  # fmt: skip
        said = [one.communicate(timeout=60) for one in started]
    assert said == [("small\n", "")] * 3
    server = servers.ensure(config)
    assert ask(server.owner_dsn, "SELECT count(*) FROM lab.mark") == [(1,)]
    assert ask(server.app_dsn, "SELECT count(*) FROM posts") == [(1000,)]


def test_who_comes_second_says_that_it_waits(config: Config) -> None:
    servers.ensure(config)
    as_owner(config, "DROP FUNCTION lab.server_usage()")
    told: list[str] = []
    host, port = composed.place(config.server)
    parts = {"host": host, "port": str(port), "user": OWNER, "password": PASSWORDS[OWNER], "dbname": "postgres"}
    with closing(psycopg2.connect(dsn.build(parts))) as holder:
        data.lock(holder)

        def tell(text: str) -> None:
            told.append(text)
            holder.close()

        server = servers.ensure(config, tell)
    assert "waiting for another lab command" in told[0]
    assert ask(server.observer_dsn, "SELECT count(*) FROM lab.server_usage()") == [(1,)]


def test_a_database_that_is_not_the_labs_is_left_alone(config: Config) -> None:
    as_owner(config, "CREATE DATABASE lab")
    as_owner(config, "CREATE TABLE theirs (i int)", "lab")
    with pytest.raises(NotMarkedError, match=r"not empty \(\d relations: public.theirs, ...\) and not marked"):
        servers.ensure(config)
    with pytest.raises(NotMarkedError):
        servers.reset(config)
    assert servers.status(config).state == "foreign"
    assert as_owner(config, "SELECT count(*) FROM pg_roles WHERE rolname IN ('lab_app', 'lab_observer')") == [(0,)]
    as_owner(config, "DROP TABLE theirs", "lab")
    assert servers.ensure(config).size == "small"


def test_a_copy_of_the_labs_database_is_not_the_labs(config: Config) -> None:
    servers.ensure(config)
    as_owner(config, "ALTER DATABASE lab RENAME TO other")
    as_owner(config, "CREATE DATABASE lab TEMPLATE other")
    with pytest.raises(NotMarkedError):
        servers.ensure(config)


@pytest.mark.parametrize("name", [OWNER, APP, OBSERVER])
def test_a_secret_that_is_missing_is_named(config: Config, name: str) -> None:
    file = config.secrets / name
    file.unlink()
    with pytest.raises(ServerError, match=f"cannot read the password of {name} in .*: No such file.*LAB_SECRETS") as no:
        servers.ensure(config)
    assert "\n" not in str(no.value)
    file.write_text("\n")
    with pytest.raises(ServerError, match=f"{name} holds no password; write the password of {name}"):
        servers.ensure(config)
    file.write_text("one\ntwo\n")
    with pytest.raises(ServerError, match="several lines"):
        servers.ensure(config)
    assert servers.status(config).state == "unreachable"
    assert [check.name for check in servers.doctor(config) if not check.ok] == ["composed server"]


def test_a_new_password_of_the_owner_is_told_and_does_nothing(config: Config) -> None:
    servers.ensure(config)
    (config.secrets / OWNER).write_text("another")
    for attempt in (servers.ensure, servers.reset, servers.dsn_of):
        with pytest.raises(ServerError, match=r"keeps the one it was made with.*`docker compose down -v`") as no:
            attempt(config)
        assert "\n" not in str(no.value)
        assert "another" not in str(no.value)
    assert "docker compose down -v" in servers.status(config).note
    (config.secrets / OWNER).write_text(PASSWORDS[OWNER])
    assert servers.ensure(config).size == "small"


def test_new_passwords_of_the_other_roles_are_set(config: Config) -> None:
    before = servers.ensure(config)
    for name in (APP, OBSERVER):
        (config.secrets / name).write_text(f"new {name}")
    told: list[str] = []
    assert servers.ensure(config, told.append) == before
    assert [line.split(" has changed")[0] for line in told] == [f"the password of {name}" for name in (APP, OBSERVER)]
    assert ask(before.app_dsn, "SELECT current_user::text") == [(APP,)]
    assert ask(before.observer_dsn, "SELECT current_user::text") == [(OBSERVER,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        ask(before.app_dsn, "SELECT 1", password=PASSWORDS[APP])
    told.clear()
    servers.ensure(config, told.append)
    assert told == []


def test_reset_brings_the_first_rows_back_and_changes_the_size(config: Config) -> None:
    first = servers.reset(config)  # which prepares it
    assert first is not None
    ask(first.owner_dsn, "DELETE FROM comments; UPDATE posts SET views = 1")
    assert servers.reset(config) == first
    assert ask(first.app_dsn, "SELECT count(*) FROM comments") == [(5000,)]
    medium = replace(config, size="medium")
    with pytest.raises(ServerError, match="LAB_SIZE is medium; run `lab reset`"):
        servers.ensure(medium)
    again = servers.reset(medium)
    assert again is not None
    assert again.keys["post"] == 50_000
    with pytest.raises(UsageError, match="docker compose down -v"):
        servers.reset(config, fresh=True)


@pytest.mark.skipif(not LINUX, reason="the server reads its own /proc, which only Linux has")
def test_a_run_on_it_knows_the_servers_time_and_memory(config: Config) -> None:
    variant = Variant("queue", PoolConfig(size=4, overflow=0))
    load = LoadPlan(users=4, warmup_s=0.5, measured_s=1.5)
    folder = experiment.perform(experiment.Question((variant,), load, pairs=1), config)
    run = open_run(folder / "run-01-queue")
    took = backend_memory(run)
    assert took and took.backends == 4
    assert took.private_bytes and took.pss_bytes and took.rss_bytes
    assert took.private_bytes <= took.pss_bytes < took.rss_bytes
    used = [row["cpu_s"] for row in run.table("system").to_pylist() if row["role"] == "server"]
    assert used[-1] > used[0]


def test_a_version_that_the_lab_does_not_know_is_refused(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "NEWEST", 12)
    with pytest.raises(ServerError, match="the lab knows 13 to 12: use the image"):
        servers.ensure(config)
    assert as_owner(config, "SELECT count(*) FROM pg_database WHERE datname = 'lab'") == [(0,)]


def test_adopting_and_two_servers_at_once_are_slips(config: Config) -> None:
    with pytest.raises(UsageError, match="needs no adopting"):
        servers.adopt(config)
    with pytest.raises(SettingError, match="LAB_DSN and LAB_SERVER"):
        servers.ensure(replace(config, dsn="postgresql://me@127.0.0.1/lab"))


@pytest.mark.parametrize("text", ["postgres", "postgres:", ":5432", "postgres:0", "a/b:1", "postgres:many"])
def test_a_place_that_is_none_is_refused(make_config: Callable[..., Config], text: str) -> None:
    with pytest.raises(SettingError, match="is no HOST:PORT"):
        servers.status(make_config(server=text))


def test_a_server_that_does_not_come_up_is_told_in_one_line(
    make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, password in PASSWORDS.items():
        (tmp_path / name).write_text(password)
    monkeypatch.setattr(composed, "READY_S", 0.3)
    monkeypatch.setattr(composed, "_TELL_S", 0.1)
    config, told = make_config(server="127.0.0.1:1", secrets=tmp_path), list[str]()
    with pytest.raises(ServerError, match=r"does not let the lab in after .*refused.*docker compose logs") as no:
        servers.ensure(config, told.append)
    assert "\n" not in str(no.value)
    assert told == ["waiting for PostgreSQL on 127.0.0.1:1"]
    assert servers.status(config).state == "unreachable"


def test_it_waits_for_a_server_that_comes_up_later(
    make_config: Callable[..., Config], cluster_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, password in PASSWORDS.items():
        (tmp_path / name).write_text(password)
    port = process.free_port(0, "LAB_PORT")
    monkeypatch.setattr(composed, "_TELL_S", 0.0)
    config = make_config(server=f"127.0.0.1:{port}", secrets=tmp_path)
    with ExitStack() as stack:

        def tell(text: str) -> None:
            if text.startswith("waiting for PostgreSQL"):
                stack.enter_context(serving(cluster_folder, port))

        assert servers.ensure(config, tell).size == "small"
    assert Passfile(config.home / "passfile").find("127.0.0.1", port, APP) == PASSWORDS[APP]
