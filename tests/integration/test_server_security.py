"""Who gets in, what stands in files, logs and process lists, and what the roles may do."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from sqlalchemy import create_engine, text

from lab import server as servers
from lab.config import Config
from lab.server import Server, dsn, non_default_settings, server_facts
from lab.server.dsn import Passfile
from tests.asking import value


@contextmanager
def _connected(text: str, **parameters: object) -> Iterator[Connection]:
    conn = psycopg2.connect(text, **parameters)
    try:
        conn.autocommit = True
        yield conn
    finally:
        conn.close()


@pytest.fixture(scope="module")
def passwords(server: Server, server_config: Config) -> list[str]:
    passfile = Passfile(server_config.home / "passfile")
    return [passfile.find("127.0.0.1", "*", name) or "" for name in ("lab_owner", "lab_app", "lab_observer")]


def _socket_folder(server: Server) -> str:
    return str(value(server.owner_dsn, "SHOW unix_socket_directories")).strip('"')


@pytest.mark.parametrize("role", ["owner", "app", "observer"])
def test_every_role_gets_in_through_its_dsn_with_both_drivers(server: Server, role: str) -> None:
    text_dsn = getattr(server, f"{role}_dsn")
    assert value(text_dsn, "SELECT current_user") == f"lab_{role}"
    engine = create_engine(text_dsn.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.connect() as conn:
        assert conn.execute(text("SELECT current_user")).scalar_one() == f"lab_{role}"
    engine.dispose()


@pytest.mark.parametrize("way", ["tcp", "socket"])
def test_a_wrong_password_is_refused(server: Server, way: str) -> None:
    host = "127.0.0.1" if way == "tcp" else _socket_folder(server)
    parts = {"host": host, "port": str(server.port), "user": "lab_owner", "dbname": "lab"}
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**parts, password="wrong")
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        psycopg2.connect(**parts, passfile="/dev/null")


def test_only_scram_is_asked_for_and_stored(server: Server) -> None:
    methods = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
    assert value(server.owner_dsn, methods) == "scram-sha-256"
    stored = "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolcanlogin"
    assert value(server.owner_dsn, stored) is True


def test_the_server_listens_on_loopback_alone(server: Server) -> None:
    assert value(server.owner_dsn, "SHOW listen_addresses") == "127.0.0.1"


def test_the_passfile_and_the_note_are_private(server: Server, server_config: Config) -> None:
    for name in ("passfile", "server.json"):
        assert stat.S_IMODE((server_config.home / name).stat().st_mode) == 0o600
    assert server.data_dir is not None
    assert stat.S_IMODE(server.data_dir.parent.stat().st_mode) == 0o700


def test_no_password_stands_in_dsns_files_or_logs(server: Server, server_config: Config, passwords: list[str]) -> None:
    with pytest.raises(psycopg2.Error), _connected(server.owner_dsn) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE ROLE lab_app")  # an error, so that the log repeats the statement
    assert all(passwords)
    assert not any(word in repr(server) for word in passwords)
    assert server.data_dir is not None
    texts = [file for file in server.data_dir.iterdir() if file.is_file()] + list((server.data_dir / "log").iterdir())
    texts += [server_config.home / "server.log", server_config.home / "server.json"]
    for file in texts:
        content = file.read_bytes().decode(errors="replace")
        assert not any(word in content for word in passwords), file
        assert "SCRAM-SHA-256$" not in content, file


def test_no_password_stands_in_the_process_list(server: Server, passwords: list[str]) -> None:
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        lines.append(" ".join(process.info["cmdline"] or ()))
    assert not any(word in line for line in lines for word in passwords)


def test_no_verifier_is_kept_among_the_statements(server: Server) -> None:
    assert value(server.owner_dsn, "SELECT count(*) FROM pg_stat_statements WHERE query ~ 'SCRAM-SHA'") == 0


def test_the_server_does_not_run_as_root(server: Server) -> None:
    assert server.pid is not None
    assert psutil.Process(server.pid).uids().real != 0


def test_the_app_reads_and_writes_rows_and_nothing_else(server: Server) -> None:
    with _connected(server.app_dsn) as conn, conn.cursor() as cursor:
        cursor.execute("INSERT INTO tags (name) VALUES ('by the app') RETURNING id")
        row = cursor.fetchone()
        assert row is not None
        cursor.execute("DELETE FROM tags WHERE id = %s", row)
        for forbidden in ("CREATE TABLE x (i int)", "DROP TABLE tags", "DELETE FROM lab.mark", "TRUNCATE tags"):
            with pytest.raises(psycopg2.Error):
                cursor.execute(forbidden)
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(server.app_dsn, dbname="postgres")


def test_tables_of_the_owner_are_open_to_the_app(server: Server) -> None:
    with _connected(server.owner_dsn) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TABLE later (id int GENERATED ALWAYS AS IDENTITY)")
        try:
            assert value(server.app_dsn, "INSERT INTO later DEFAULT VALUES RETURNING id") == 1
        finally:
            cursor.execute("DROP TABLE later")


def test_the_observer_sees_others_statements_and_no_passwords(server: Server) -> None:
    with _connected(server.app_dsn, application_name="watched") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT 4711")
        seen = "SELECT query FROM pg_stat_activity WHERE application_name = 'watched'"
        assert value(server.observer_dsn, seen) == "SELECT 4711"
    assert value(server.observer_dsn, "SELECT count(*) > 0 FROM pg_stat_statements") is True
    with pytest.raises(psycopg2.Error, match="permission denied"):
        value(server.observer_dsn, "SELECT rolpassword FROM pg_authid")


def test_the_observer_gets_in_when_the_app_has_taken_all_connections(server: Server) -> None:
    taken: list[Connection] = []
    try:
        with pytest.raises(psycopg2.OperationalError, match="remaining connection slots are reserved"):
            for _ in range(server.max_connections):
                taken.append(psycopg2.connect(server.app_dsn))
        assert len(taken) == server.app_slots == 94
        assert value(server.observer_dsn, "SELECT 1") == 1
        assert value(server.owner_dsn, "SELECT 1") == 1
    finally:
        for conn in taken:
            conn.close()


def test_libpqs_variables_do_not_lead_astray(
    server: Server, server_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.2")
    with servers.running(server_config) as again:
        assert again.pid == server.pid
        assert "PGPASSWORD" in again.notes[0]
    assert "PGPASSWORD" not in os.environ


def test_the_dsn_with_password_is_whole_only_when_asked_for(
    server: Server, server_config: Config, passwords: list[str]
) -> None:
    whole = servers.dsn_with_password(server_config, "app")
    assert passwords[1] in whole
    assert "passfile" not in whole
    assert value(whole, "SELECT current_user") == "lab_app"
    assert servers.dsn_of(server_config, "app") == server.app_dsn


def test_psql_is_started_without_a_password(server: Server, server_config: Config, passwords: list[str]) -> None:
    command = servers.psql_command(server_config, "app")
    assert Path(command[0]).name == "psql"
    assert not any(word in part for part in command for word in passwords)


def test_the_manifests_facts_hold_settings_and_no_paths(server: Server, server_config: Config) -> None:
    settings = non_default_settings(server.observer_dsn)
    assert settings["logging_collector"] == "on"
    # a file says it, and it is the default; or it is of the session that asks
    assert not {"max_connections", "fsync", "transaction_isolation", "transaction_read_only"} & set(settings)
    assert settings["log_destination"] == "csvlog,jsonlog"
    whole = json.dumps([settings, server_facts(server.observer_dsn)])
    assert str(server_config.home) not in whole
    assert server_facts(server.owner_dsn)["fsync"] == "on"
    assert dsn.parse(server.owner_dsn).get("password") is None
