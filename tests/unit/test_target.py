"""Every command that looks at a server finds it in one way."""

import importlib
import inspect
import os
from pathlib import Path

import pytest

from lab import conninfo
from lab.cli.main import _ELSEWHERE, run
from lab.compose import stack
from lab.errors import ObserverError
from lab.observe import connection
from lab.observe.connection import connected

# what must be said beside the options
_WORDS = {
    "cancel": ["2080@hoewnoff4v-q32r"],
    "terminate": ["2080@hoewnoff4v-t32r"],
    "run": ["--host", "http://127.0.0.1:9", "--path", "/"],
}


def _looking() -> list[str]:
    """The registered commands that have --dsn."""
    return [
        name
        for name, (module, _) in _ELSEWHERE.items()
        if "dsn" in inspect.signature(getattr(importlib.import_module(f"lab.cli.{module}"), name)).parameters
    ]


@pytest.fixture
def passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the lab in the containers is asked to do, of a home whose lab is in containers."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setattr(stack.Stack, "lab", lambda self, *words: asked.append(words) or "said in there\n")
    (tmp_path / stack.FILE).write_text("{}")
    return asked


def test_the_commands_that_look_at_a_server_are_these() -> None:
    assert sorted([*_looking(), "slowlog"]) == [
        "activity", "autovacuum", "bloat", "cancel", "indexes", "locks", "observe", "run", "slowlog", "statements",
        "terminate",
    ]  # fmt: skip


# an application out here cannot be reached from in there
@pytest.mark.parametrize("name", [name for name in _looking() if name != "run"])
def test_a_lab_in_containers_is_asked_there(
    name: str, passed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, *_WORDS.get(name, []), "--json"]) == 0
    assert capsys.readouterr().out == "said in there\n"
    ((command, *words),) = passed
    assert command == name
    assert words[-1] == "--json"


@pytest.mark.parametrize("name", _looking())
@pytest.mark.parametrize("text", ["postgresql://me:secret@127.0.0.1:1/shop", "password=secret host=127.0.0.1 port=1"])
def test_a_password_on_the_command_line_is_taken_out_of_the_dsn_and_said(
    name: str,
    text: str,
    passed: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "another")
    assert run([name, *_WORDS.get(name, []), "--dsn", text]) == 1
    note, error = capsys.readouterr().err.splitlines()
    assert "PGPASSWORD" in note
    assert "the server cannot be reached" in error
    assert "secret" not in note + error
    assert os.environ["PGPASSWORD"] == "secret"


@pytest.mark.parametrize("name", _looking())
def test_an_empty_dsn_is_not_taken_for_none(
    name: str, passed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, *_WORDS.get(name, []), "--dsn", ""]) == 2
    assert "--dsn is empty; is the variable set" in capsys.readouterr().err
    assert passed == []


# libpq quotes each of these in its error, or a part of it that is the password's
@pytest.mark.parametrize(
    "text",
    [
        "postgressql://looker:s3cretLook@127.0.0.1:1/shop",
        "mysql://looker:s3cretLook@127.0.0.1:1/shop",
        "postgresql://looker:s3c@Look@127.0.0.1:1/shop",
        "postgresql://looker:s3c/Look@127.0.0.1:1/shop",
        "postgresql://looker:12/Look@127.0.0.1:1/shop",
        "postgresql://looker:s3c Look@127.0.0.1:port/shop",
        "host=127.0.0.1 port=1 password=s3c Look",
        "host=127.0.0.1 port=1 password=s3c Look=1",
        "host=127.0.0.1 port=1 password='s3cLook",
    ],
)
def test_no_part_of_a_password_is_repeated(
    text: str, passed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["observe", "--dsn", text]) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert "stands in the process list" in note
    assert "write postgresql://USER@HOST" in error
    assert not any(part in note + error for part in ("s3c", "Look", "looker"))


@pytest.mark.parametrize(
    "text", ["postgresql://me@/shop?host=/tmp&port=1", "postgresql://a:1,b:2/shop", "postgresql:///shop?user=me@realm"]
)
def test_a_dsn_of_any_form_is_read(text: str) -> None:
    assert conninfo.parse(text)["dbname"] == "shop"


@pytest.mark.parametrize("name", _looking())
def test_another_server_is_never_looked_for_in_the_containers(
    name: str, passed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, *_WORDS.get(name, []), "--dsn", "host=127.0.0.1 port=1 user=me"]) == 1
    assert "the server cannot be reached" in capsys.readouterr().err
    assert passed == []


def test_what_was_asked_is_passed_on_as_it_was_said(passed: list[tuple[str, ...]]) -> None:
    assert run(["bloat", "public.posts", "--exact", "--least", "1MB"]) == 0
    assert run(["autovacuum", "posts", "--watch", "0", "--all"]) == 0
    assert run(["indexes", "--what-if"]) == 0
    assert passed == [
        ("bloat", "public.posts", "--exact", "--limit=100MB", "--least=1MB"),
        ("autovacuum", "posts", "--watch=0.0", "--all"),
        ("indexes", "--unused-after=30", "--settle=0.0", "--what-if"),
    ]


@pytest.mark.parametrize("words", [["autovacuum", "--file", "x"], ["autovacuum", "--check", "--log", "x"], ["slowlog"]])
def test_files_out_here_are_not_looked_for_in_the_containers(
    words: list[str], passed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert "docker compose exec" in capsys.readouterr().err
    assert passed == []


def test_the_time_to_connect_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr("psycopg2.connect", lambda dsn, **more: given.update(more) or 1 / 0)
    for text in ("host=nowhere", "host=nowhere connect_timeout=3 options='-c role=monitor'"):
        with pytest.raises(ZeroDivisionError), connected(text):
            pass
        assert given["connect_timeout"] == ("3" if "timeout" in text else 10)
    assert str(given["options"]).startswith("-c role=monitor -c")
    assert "read_only=on" in str(given["options"])


def test_the_library_refuses_a_password_too() -> None:
    with pytest.raises(ObserverError, match="PGPASSWORD"), connected("postgresql://me:secret@127.0.0.1:1/shop"):
        pass


def test_nobody_else_opens_a_connection_to_look_with() -> None:
    folder = Path(connection.__file__).parent.parent
    openers = {
        file.stem
        for part in ("cli", "observe")
        for file in (folder / part).glob("*.py")
        if "psycopg2.connect(" in file.read_text(encoding="utf-8")
    }
    assert openers == {"connection", "session", "gone"}  # the observer's process, and the end of an application
