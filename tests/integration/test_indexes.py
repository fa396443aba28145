"""``lab indexes`` on the lab's own server, and the demonstrations of indexes that are lent."""

import json
from pathlib import Path

import pytest

from lab import config as settings
from lab.cli.main import run
from lab.config import Config
from lab.demonstrate import index_use, run_statements
from lab.demonstrate.bench import Bench
from lab.observe import indexes
from lab.observe.index_plans import ALL
from lab.server import Server
from tests.asking import value


@pytest.fixture
def bench(server: Server, server_config: Config, tmp_path: Path) -> Bench:
    return Bench(server, settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"}), tmp_path)


@pytest.fixture
def at_home(server: Server, server_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(server_config.home))


def test_the_sample_blog_misses_two_indexes_for_foreign_keys(at_home: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["indexes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    missing = {f"{one['table']} {one['columns']}" for one in told["findings"] if one["kind"] == "missing"}
    assert {"public.comments ['author_id']", "public.post_tags ['tag_id']"} <= missing
    assert told["database"] == "lab" and told["counted_since"]


def test_each_finding_is_printed_with_evidence_and_what_a_trial_found(
    at_home: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["indexes", "--what-if"]) == 0
    text = capsys.readouterr().out
    assert "missing: public.comments (author_id)" in text
    assert "cure CREATE INDEX CONCURRENTLY ON public.comments (author_id);" in text
    assert "Seq Scan on comments before" in text


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--unused-after", "-1"], 2, "give 0 to"),
        (["--settle", "99"], 2, "give 0 to 60"),
        (["--dsn", "postgresql://localhost:1/x"], 1, "cannot be reached"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["indexes", *options]) == code
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_password_is_used_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "another")  # so that what is put there is taken away again
    assert run(["indexes", "--dsn", "postgresql://a:secret@localhost:1/x"]) == 1
    error = capsys.readouterr().err
    assert "passfile" in error and "cannot be reached" in error and "secret" not in error


def test_with_a_dsn_nothing_is_planned_unless_asked_and_never_by_a_superuser(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["indexes", "--dsn", server.owner_dsn, "--json"]) == 0
    assert any(text.startswith("plans: none was made") for text in json.loads(capsys.readouterr().out)["unseen"])
    assert run(["indexes", "--dsn", server.owner_dsn, "--plan"]) == 1
    error = capsys.readouterr().err
    assert "is a superuser" in error and error.count("\n") == 1


def test_lent_posts_and_indexes_are_gone_at_the_end(bench: Bench) -> None:
    posts = value(bench.where.owner_dsn, "SELECT count(*) FROM posts")
    before = {one.name for one in indexes.read(bench.where.owner_dsn).indexes}
    with index_use.more_posts(bench, 100), index_use.searchable(bench), index_use.indexed(bench, [index_use.USED]):
        during = {one.name for one in indexes.read(bench.where.owner_dsn).indexes}
        assert value(bench.where.owner_dsn, "SELECT count(*) FROM posts") == int(str(posts)) + 100
    assert during - before == {"lab_what_if", index_use.USED}
    assert {one.name for one in indexes.read(bench.where.owner_dsn).indexes} == before
    assert value(bench.where.owner_dsn, "SELECT count(*) FROM posts") == posts


def test_the_three_ways_of_a_page_answer_the_same(bench: Bench) -> None:
    from urllib.request import urlopen

    with bench.application("queue:size=1,overflow=0") as web:
        pages = [json.load(urlopen(f"{web.url}/patterns/{way}?limit=7")) for way in run_statements.WAYS]
    assert len(pages[0]) == 7
    assert pages[0] == pages[1] == pages[2]


def test_an_author_loop_is_recognised_and_its_cures_are_none(bench: Bench) -> None:
    found = run_statements.pages(bench)
    assert [one.each for one in found.values()] == [21, 1, 2]
    (loop,) = found["authors-each"].loops
    assert loop.certain and loop.child.calls == 100
    assert not found["authors-joined"].loops and not found["authors-listed"].loops


def test_the_plans_of_the_labs_own_reader_are_no_evidence(bench: Bench) -> None:
    index_use.what_if_comments(bench, "author_id")
    asked = indexes.read(bench.where.owner_dsn, plan=ALL).statements or ()
    assert not [one for one in asked if "lab_what_if" in one.query or "lab_planned" in one.query]
