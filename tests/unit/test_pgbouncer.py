"""What a PgBouncer is started with: its program, its configuration, and what is said where it is missing."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import site
from lab.config import PROJECT
from lab.errors import PoolerError, VariantError
from lab.plan import PoolConfig
from lab.server import checks, pgbouncer, pgbouncer_conf
from lab.server.dsn import Passfile
from lab.server.pgbouncer_conf import Door, Program, configuration, door_to, find, read_version, userlist

DOOR = Door("127.0.0.1", 5433, "lab_app", "lab", "s3cret")
OLD, NEW = (1, 18), (1, 21)


def settings(pool="pgbouncer:size=7", version=OLD, door=DOOR, workers=1):
    text = configuration(door, PoolConfig.parse(pool, workers), version, 6432, Path("/f"))
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line), text


def docker():
    return (PROJECT / "docker/pgbouncer.sh").read_text()


def test_size_and_mode_are_the_variants():
    found, _ = settings("pgbouncer:size=7,mode=session")
    assert (found["default_pool_size"], found["pool_mode"], found["listen_addr"]) == ("7", "session", "127.0.0.1")


def test_the_configuration_holds_no_password_and_is_named_alone_on_the_command_line():
    assert DOOR.password not in settings()[1]
    assert DOOR.password not in repr(DOOR)
    argv = pgbouncer.command(Program("/usr/sbin/pgbouncer", OLD, "1.18.0"), Path("/f"))
    assert argv == ["/usr/sbin/pgbouncer", "/f/pgbouncer.ini"]


@pytest.mark.parametrize(("version", "known"), [((1, 18), False), ((1, 20), False), ((1, 21), True), ((2, 0), True)])
def test_prepared_statements_are_configured_only_where_the_version_knows_them(version, known):
    assert ("max_prepared_statements" in settings(version=version)[0]) == known
    assert Program("p", version, "v").follows_prepared == known


def test_every_thread_of_every_worker_can_have_a_client_connection():
    assert settings("pgbouncer:threads=500", workers=4)[0]["max_client_conn"] == "2000"


def test_names_are_quoted_and_a_line_break_is_refused():
    odd = Door("h", 1, "o'brien", "my db", "p", "require")
    found, text = settings(door=odd)
    assert "dbname='my db' user='o''brien'" in text
    assert found["server_tls_sslmode"] == "require"
    with pytest.raises(PoolerError, match="line break"):
        settings(door=Door("h", 1, "u\nadmin_users = u", "d", "p"))


def test_only_the_console_user_is_an_admin_and_it_is_no_role_of_the_server():
    assert settings()[0]["admin_users"] == "lab_console" != DOOR.user
    assert "stats_users" not in settings()[0]


def test_the_one_of_docker_compose_is_told_the_same():
    theirs = dict(re.findall(r"^(\w+) = (.*)$", docker(), re.MULTILINE))
    ours, _ = settings(version=NEW)
    for name in ("auth_type", "pool_mode", "ignore_startup_parameters", "log_connections", "log_disconnections"):
        assert theirs[name] == ours[name]
    for name in ("log_stats", "unix_socket_dir", "max_client_conn"):
        assert theirs.get(name, "") == ours[name]
    assert f'"max_prepared_statements = {ours["max_prepared_statements"]}"' in docker()
    assert f'[ "$2" -ge {NEW[1]} ]' in docker()


def test_a_version_that_cannot_be_read_is_refused():
    with pytest.raises(PoolerError, match=r"says 'pgcat 1\.0' for its version"):
        read_version("/bin/x", "pgcat 1.0")


def test_a_missing_program_is_told_in_one_line_with_the_cure():
    with pytest.raises(PoolerError, match="apt-get install pgbouncer") as caught:
        find(places=[])
    assert "\n" not in str(caught.value)


def test_doctor_takes_a_missing_program_as_no_fault(monkeypatch):
    def missing():
        raise PoolerError("no pgbouncer was found")

    monkeypatch.setattr(checks, "find", missing)
    assert "optional" in checks._pgbouncer(None)


def test_quotes_in_the_file_of_users_are_doubled():
    assert userlist({'a"b': 'c"d'}) == '"a""b" "c""d"\n'


def test_the_password_is_found_for_a_server_of_its_own_and_for_an_attached_one(tmp_path):
    passfile = Passfile(tmp_path / "passfile")
    passfile.put("127.0.0.1", "*", "lab_app", "own")
    passfile.put("db", 5432, "lab_app", "attached")
    for host, expected in (("127.0.0.1:5433", "own"), ("db:5432", "attached")):
        dsn = f"postgresql://lab_app@{host}/lab?passfile={passfile.file}"
        assert door_to(SimpleNamespace(app_dsn=dsn)).password == expected
    with pytest.raises(PoolerError, match="has no password of stranger"):
        door_to(SimpleNamespace(app_dsn=f"postgresql://stranger@db/lab?passfile={passfile.file}"))


def test_a_variant_that_needs_one_is_refused_in_containers_and_where_there_is_none(monkeypatch):
    pools = [PoolConfig("null"), PoolConfig("pgbouncer")]
    with pytest.raises(VariantError, match="beside the lab only"):
        site.check_pools(SimpleNamespace(app_agent="http://app:8001"), pools)
    monkeypatch.setattr(pgbouncer_conf, "_PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PoolerError, match="no pgbouncer was found"):
        site.check_pools(SimpleNamespace(app_agent=""), pools)
    site.check_pools(SimpleNamespace(app_agent=""), pools[:1])


def test_an_app_that_stands_is_refused_what_only_a_run_can_have():
    with pytest.raises(VariantError, match="only lab compare starts a PgBouncer"):
        PoolConfig("pgbouncer").checked_direct("pgbouncer")
    assert PoolConfig("null").checked_direct("null") == PoolConfig("null")
