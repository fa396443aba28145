"""What the server stage writes and reads as text, without a server."""

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url

from lab import sql
from lab.errors import ServerError, UsageError
from lab.server import binaries, cluster, conf, dsn, reason
from lab.server.binaries import Binaries
from lab.server.values import SIZES

HERE = Binaries(Path("/opt/pg/bin"), 18, "18.6", "system")


def test_only_scram_is_in_the_access_rules() -> None:
    rules = [line.split() for line in conf.HBA.splitlines() if not line.startswith("#")]
    assert {rule[-1] for rule in rules} == {"scram-sha-256"}
    assert {rule[3] for rule in rules if rule[0] == "host"} == {"127.0.0.1/32", "::1/128"}


@pytest.mark.parametrize(
    ("major", "log", "reserved", "query_id"),
    [
        (13, "csvlog", None, None),
        (14, "csvlog", None, "on"),
        (15, "csvlog,jsonlog", None, "on"),
        (18, "csvlog,jsonlog", "3", "on"),
    ],
)
def test_settings_leave_out_what_a_version_does_not_know(
    major: int, log: str, reserved: str | None, query_id: str | None
) -> None:
    values = conf.values(major)
    assert values["log_destination"] == log
    assert values.get("reserved_connections") == reserved
    assert values.get("compute_query_id") == query_id


def test_settings_hold_nothing_of_this_machine() -> None:
    assert not {"port", "listen_addresses", "unix_socket_directories", "data_directory"} & conf.values(18).keys()
    assert "/" not in "".join(conf.values(18).values())


def test_every_setting_has_its_reason_or_belongs_to_a_section() -> None:
    assert conf.values(18)["fsync"] == "on"
    assert conf.source().count("\n# ") > 15


def test_the_command_names_no_password_and_quotes_the_socket() -> None:
    extra = {"fsync": "off", "listen_addresses": "*"}
    command = cluster.postgres_command(HERE, Path("/d"), 5433, Path('/a "b", c'), extra)
    assert command[:3] == ["/opt/pg/bin/postgres", "-D", "/d"]
    assert 'unix_socket_directories="/a ""b"", c"' in command
    assert "listen_addresses=127.0.0.1" in command
    assert "fsync=off" in command
    assert "listen_addresses=*" not in command


@pytest.mark.parametrize(("major", "provider"), [(13, False), (16, False), (17, True), (18, True)])
def test_initdb_orders_text_the_same_everywhere(major: int, provider: bool) -> None:
    command = cluster.initdb_command(Binaries(Path("/b"), major, str(major), "x"), Path("/d"), Path("/p"))
    assert ("--builtin-locale" in command) is provider
    assert ("--no-instructions" in command) is (major >= 14)
    assert command[command.index("--auth") + 1] == "scram-sha-256"


@pytest.mark.parametrize(
    "folder", ["/plain", "/with space", "/quote'and\"more", "/größe/日本", "/per%cent+plus&amp=1?#"]
)
def test_a_dsn_means_the_same_to_libpq_and_sqlalchemy(folder: str) -> None:
    text = dsn.embedded(5433, "lab_app", "lab", Path(folder) / "passfile")
    parts, url = dsn.parse(text), make_url(text.replace("postgresql://", "postgresql+psycopg2://"))
    assert parts == {
        "user": "lab_app",
        "host": "127.0.0.1",
        "port": "5433",
        "dbname": "lab",
        "passfile": f"{folder}/passfile",
    }
    assert url.query["passfile"] == f"{folder}/passfile"
    assert (url.username, url.port, url.database, url.password) == ("lab_app", 5433, "lab", None)


@pytest.mark.parametrize(
    "parts",
    [
        {"user": "me", "password": "p:@/%ä", "host": "::1", "port": "5432", "dbname": "a b"},
        {"user": "me", "dbname": "x", "port": "6000", "host": "/var/run/my sockets"},
        {"dbname": "x", "host": "db.example.org", "sslmode": "require"},
    ],
)
def test_parameters_survive_writing_and_reading(parts: dict[str, str]) -> None:
    assert dsn.parse(dsn.build(parts)) == parts


def test_a_bad_dsn_is_refused_without_repeating_it() -> None:
    with pytest.raises(UsageError) as caught:
        dsn.parse("postgresql://me:secret@[host/db")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_passfile_is_private_and_keeps_odd_passwords(tmp_path: Path) -> None:
    passfile = dsn.Passfile(tmp_path / "passfile")
    passfile.put("::1", 5432, "a:b", "c:d\\:e\\")
    passfile.put("127.0.0.1", "*", "lab_app", "x")
    passfile.put("127.0.0.1", "*", "lab_app", "y")
    assert passfile.find("::1", 5432, "a:b") == "c:d\\:e\\"
    assert passfile.find("127.0.0.1", "*", "lab_app") == "y"
    assert stat.S_IMODE(passfile.file.stat().st_mode) == 0o600


def test_the_passfile_keeps_its_instance_and_its_passwords(tmp_path: Path) -> None:
    passfile = dsn.Passfile(tmp_path / "passfile")
    first, password = passfile.instance(), passfile.ensure("127.0.0.1", "*", "lab_owner")
    assert (passfile.instance(), passfile.ensure("127.0.0.1", "*", "lab_owner")) == (first, password)
    assert len(first) == 8
    assert len(password) >= 32


def test_passwords_of_two_homes_differ(tmp_path: Path) -> None:
    made = [dsn.Passfile(tmp_path / name).ensure("127.0.0.1", "*", "lab_owner") for name in ("a", "b")]
    assert made[0] != made[1]


def test_libpqs_variables_that_would_win_are_dropped() -> None:
    environ = {"PGPASSWORD": "x", "PGHOSTADDR": "10.0.0.1", "PATH": "/bin"}
    assert set(dsn.drop_overriding(environ)) == {"PGPASSWORD", "PGHOSTADDR"}
    assert environ == {"PATH": "/bin"}


def _fake(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("version", ["12.22", "19beta1"])
def test_other_versions_are_refused_in_one_line(tmp_path: Path, version: str) -> None:
    with pytest.raises(ServerError, match=rf"PostgreSQL {version}.*13 to 18") as caught:
        binaries.find(_fake(tmp_path / "bin", version))
    assert "\n" not in str(caught.value)


def test_a_folder_without_programs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="LAB_PG_BIN"):
        binaries.find(tmp_path)


def test_a_program_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = _fake(tmp_path / "bin", "x")
    with pytest.raises(ServerError, match="--version"):
        binaries.find(folder)


def test_the_newest_of_the_systems_versions_is_taken(tmp_path: Path) -> None:
    folders = [_fake(tmp_path / name, version) for name, version in (("a", "15.9"), ("b", "15.18"), ("c", "12.1"))]
    assert binaries._newest(iter(folders)).version_text == "15.18"


def test_programs_without_their_executable_bit_are_copied(tmp_path: Path) -> None:
    folder = _fake(tmp_path / "pg" / "bin", "18.6")
    for name in ("lib", "share"):
        (tmp_path / "pg" / name).mkdir()
    found = Binaries(folder, 18, "18.6", "wheel")
    for name in ("initdb", "postgres"):
        (folder / name).chmod(0o644)
    copy = binaries.runnable(found, None, tmp_path / "shelf")
    assert copy.bin_dir != folder
    assert os.access(copy.program("postgres"), os.X_OK)
    assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o644


def test_the_cause_is_found_in_a_log_that_ends_with_its_consequence() -> None:
    text = (
        'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\n'
        "FATAL:  could not create any TCP/IP sockets\nLOG:  database system is shut down\n"
    )
    assert reason.in_output(text) == 'could not bind IPv4 address "127.0.0.1": Address already in use'


@pytest.mark.parametrize("key", ["No space left on device", "Permission denied", "Address already in use"])
def test_known_causes_come_with_a_cure(key: str) -> None:
    assert reason.advised(f"PostgreSQL did not start: {key}").count(";") == 1


def test_a_stale_pid_file_is_no_running_server(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n1\n5432\n/tmp\n127.0.0.1\n\nready\n")
    assert cluster.read_pid_file(tmp_path) is not None
    assert cluster.find_running(tmp_path) is None


def test_the_sizes_are_those_of_the_documentation() -> None:
    rows = {size.name: (size.users, size.posts, size.comments, size.tags) for size in SIZES.values()}
    assert rows["small"] == (100, 1000, 5000, 20)
    assert rows["medium"] == (1000, 50000, 200000, 50)
    assert rows["large"] == (10000, 500000, 2000000, 100)


def test_every_question_of_the_server_has_a_title_and_is_never_random() -> None:
    titles = {name: title for name, title in sql.titles().items() if name.startswith("server/")}
    assert len(titles) > 20
    assert all(len(title) > 10 for title in titles.values())
    assert not any("random()" in sql.load(name) for name in titles)
