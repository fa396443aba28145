"""The private server of demonstrations: who gets in and how, what a restart keeps, and that nothing is left of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from lab import config as settings
from lab.demonstrate.bench import Bench
from lab.process import is_running
from lab.server.private import MD5, NO_PASSWORD, SCRAM, Private, private

HBA = ("local all open trust", "host all open 127.0.0.1/32 trust", "local all old md5", "host all old 127.0.0.1/32 md5")


@pytest.fixture(scope="module")
def bench(server, server_config, tmp_path_factory) -> Bench:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    return Bench(server, quick, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def lent(bench: Bench) -> Iterator[Private]:
    roles = {"open": NO_PASSWORD, "old": MD5, "new": SCRAM}
    with private(bench.config, roles=roles, hba=HBA, settings={"max_connections": "25"}, tls=True) as server:
        yield server


def value(dsn: str, question: str) -> object:
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("unix", [False, True])
@pytest.mark.parametrize("role", ["open", "old", "new"])
def test_each_role_gets_in_over_tcp_and_the_socket(lent: Private, role: str, unix: bool) -> None:
    assert value(lent.dsn(role, unix=unix), "SELECT current_user") == role


def test_only_a_line_of_its_own_lets_a_role_in_without_a_password(lent: Private) -> None:
    for role in ("old", "new", "lab_owner"):
        bare = lent.dsn(role).replace("passfile=", "passfile=/nonexistent")
        with pytest.raises(psycopg2.OperationalError, match="no password"):
            psycopg2.connect(bare)


def test_no_password_stands_in_what_is_said(lent: Private) -> None:
    passwords = [line.rsplit(":", 1)[1] for line in lent.where.passfile.file.read_text().splitlines()[1:]]
    shown = lent.log.read_text() + repr(lent) + lent.dsn("new")
    assert len(passwords) == 4
    assert not any(password in shown for password in passwords)


def test_tls_is_there_or_it_is_said_why_not(lent: Private) -> None:
    question = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert value(lent.dsn("new"), question) is False
    if lent.no_tls:
        assert "TLS" in lent.no_tls or "openssl" in lent.no_tls
        with pytest.raises(psycopg2.OperationalError, match="SSL"):
            psycopg2.connect(lent.dsn("new", tls=True))
    else:
        assert value(lent.dsn("new", tls=True), question) is True


def test_a_restart_ends_sessions_and_takes_settings(lent: Private) -> None:
    assert value(lent.dsn("open"), "SHOW max_connections") == "25"
    before, held = lent.pid, psycopg2.connect(lent.dsn("open"))
    lent.restart(max_connections="30")
    with pytest.raises(psycopg2.OperationalError), held.cursor() as cursor:
        cursor.execute("SELECT 1")
    held.close()
    assert lent.pid != before
    assert value(lent.dsn("open"), "SHOW max_connections") == "30"


def test_nothing_is_left_also_when_the_borrower_fails(bench: Bench) -> None:
    with pytest.raises(RuntimeError), private(bench.config) as server:
        home, pid, socket = server.where.home, server.pid, server.dsn(unix=True)
        raise RuntimeError
    assert not home.exists()
    assert not is_running(pid)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(socket)


def test_the_folder_of_a_killed_holder_is_removed_by_the_next(bench: Bench) -> None:
    with private(bench.config) as first:
        kept, left = first.where.home, first.where.home.with_name("lab-private-999999999-left")
        left.mkdir()
        with private(bench.config):
            assert kept.exists()
            assert not left.exists()
    assert os.getpid() == int(Path(kept).name.split("-")[2])
