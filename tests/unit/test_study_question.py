"""A sweep's file: its cells, and what is refused with its line."""

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.study.question import parse, read
from lab.study.sweep import STARTING_S

PLAIN = """
question = "Does the size matter?"
repeats = 2

[grid]
size = [2, 10]
users = [4, 16]

[load]
pool = "queue:overflow=0"
journey = "mixed"
warmup_s = 0.5
measured_s = 1

[objective]
p95_ms = 50
"""


def test_the_cells_are_all_combinations_in_the_order_of_the_file():
    question = parse(PLAIN)
    assert [dict(cell.parameters) for cell in question.cells] == [
        {"size": 2, "users": 4},
        {"size": 2, "users": 16},
        {"size": 10, "users": 4},
        {"size": 10, "users": 16},
    ]
    assert [cell.id for cell in question.cells] == ["cell-1", "cell-2", "cell-3", "cell-4"]


def test_a_cell_holds_what_is_to_be_run():
    cell = parse(PLAIN).cells[3]
    assert (cell.pool.size, cell.pool.overflow, cell.load.users, cell.load.journey) == (10, 0, 16, "mixed")
    assert (cell.load.total_s, parse(PLAIN).objective) == (1.5, {"p95_ms": 50})


def test_settings_and_storage_parameters_are_varied_too():
    text = '[grid.server]\nshared_buffers = ["16MB", "64MB"]\n[grid.table.sessions]\nfillfactor = [100, 70]\n'
    last = parse(text).cells[-1]
    assert (last.settings, last.storage) == ({"shared_buffers": "64MB"}, {"sessions": {"fillfactor": "70"}})


def test_a_rate_makes_the_load_an_open_one():
    assert [cell.load.model for cell in parse("[grid]\nrate_per_s = [10, 20.5]\n").cells] == ["open", "open"]


def test_the_hash_is_of_what_is_asked_and_not_of_how_it_is_written():
    same = PLAIN.replace("[2, 10]", "[ 2,10 ]  # small and large").replace("Does the size matter?", "Well?")
    assert parse(same).hash == parse(PLAIN).hash
    assert parse(PLAIN.replace("[2, 10]", "[2, 11]")).hash != parse(PLAIN).hash


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("users = [4, 16]", "users = [4, 0]", 7, "give 1 to 5000"),
        ("users = [4, 16]", 'users = [4, "many"]', 7, "no whole number"),
        ("users = [4, 16]", "users = 4", 7, "give a list"),
        ("users = [4, 16]", "users = [4, 4]", 7, "twice"),
        ("users = [4, 16]", "clients = [4, 16]", 7, "there are pool, size"),
        ('journey = "mixed"', 'journey = "shop"', 11, "give one of read, mixed, churn"),
        ("warmup_s = 0.5", "warmup_s = -1", 12, "give 0 to 3600"),
        ("warmup_s = 0.5", "size = 3", 12, "stands in [grid] too"),
        ("p95_ms = 50", "p95 = 50", 16, "there are p50_ms"),
        ("[objective]", "[goal]", 15, "there are question, repeats, seed, grid, load, objective"),
        ("repeats = 2", "repeats = 0", 3, "give 1 to 100"),
        ("repeats = 2", "repeat = 2", 3, "there are question, repeats, seed"),
        ('pool = "queue:overflow=0"', 'pool = "pond"', 6, "pond"),
        ('pool = "queue:overflow=0"', 'pool = "null"', 6, "null"),
        ("measured_s = 1", "measured_s = true", 13, "no number"),
        ("measured_s = 1", "rate_per_s = 5", 6, "give one of them"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old, new, line, words):
    with pytest.raises(UsageError) as caught:
        parse(PLAIN.replace(old, new), "mine.toml")
    assert str(caught.value).startswith(f"mine.toml, line {line}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_toml_is_refused_with_its_line():
    with pytest.raises(UsageError, match=r"line 2"):
        parse("[grid]\nusers = [4,, 16]\n")


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(UsageError, match="varies nothing"):
        parse("[load]\nusers = 4\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grid.users = [1]\nload.warmup_s = -2\n", "line 2: warmup_s is -2; give 0 to 3600"),
        ("grid = {users = [1, 0]}\n", "line 1: users is 0"),
        ("[grid]\nusers = [\n  1,\n  0,\n]\n", "line 2: users is 0"),
        ("grid = 3\n", "line 1: grid is no table; write [grid]"),
        ("[grid]\nusers = [true]\n", "users is true, which is no whole number; give 1 to 5000"),
        ("[grid]\nrate_per_s = [nan]\n", "rate_per_s is nan; give 0.1 to 50000"),
        ("[grid]\nrate_per_s = [inf]\n", "rate_per_s is inf; give 0.1 to 50000"),
        ("[grid]\nusers = [2020-01-01]\n", "users is 2020-01-01, which is no whole number"),
        ("[grid]\nusers = [1]\nusers = [2]\n", "line 3: this is no TOML: Cannot overwrite a value"),
        ("[grid]\nusers = [" + "[" * 3000 + "]" * 3001 + "\n", "nested too deeply"),
        ('[grid.server]\nlisten_addresses = ["*"]\n', "line 2: listen_addresses is the lab's own"),
        ("[grid.server]\nwork_mem = [nan]\n", "line 2: work_mem is nan; give a number"),
        ("[grid.server.work_mem]\na = [1]\n", "line 1: server.work_mem is"),
        ('[grid]\nusers = [1, 2]\n"foo.bar" = [1, 2]\n', "line 3: foo.bar is nothing that [grid] has; there are pool"),
        ('[grid]\nusers = [1]\n[load]\n"typo.users" = 5\n', "line 4: typo.users is nothing that [load] has; there are"),
        ('[grid]\n"server.work_mem" = ["1MB"]\n', "line 2: server.work_mem is nothing that [grid] has"),
        ("[grid]\nusers = [1]\n[load]\nserver = 3\n", "line 4: server is 3, and no table; write [load.server]"),
        ("[grid]\ntable = [90, 80]\n", "line 2: table is [90, 80], and no table; write [grid.table.NAME]"),
        ("[grid]\nthink_s = [1, 2]\n", "line 2: think_s is nothing that [grid] has"),
        ("[grid]\nrate_per_s = [5]\n[load]\nthink_s = 1\n", "think_s is a pause of a closed load"),
        (
            f"[grid]\nusers = {list(range(1, 101))}\nsize = {list(range(1, 101))}\n",
            "has 10,000 cells; give at most 1,000",
        ),
    ],
)
def test_whatever_else_is_wrong_is_one_line_too(text, words):
    with pytest.raises(UsageError) as caught:
        parse(text, "mine.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[grid]\nusers = [1] # \xff\n", "mine.toml, line 2: this is no UTF-8 text"),
        ("[grid]\nusers = [1]\n".encode("utf-16"), "line 1: this is no UTF-8 text"),
        (b"[grid]\r\nusers = [0]\r\n", "line 2: users is 0"),
    ],
)
def test_a_file_that_is_no_plain_text_is_refused_with_its_line(tmp_path, data, words):
    file = tmp_path / "mine.toml"
    file.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read(file)
    assert words in str(caught.value)


def test_a_mark_at_the_beginning_and_ends_of_lines_of_windows_change_nothing(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert read(file).hash == parse(PLAIN).hash


@pytest.mark.parametrize("name", [".", "none.toml", "x" * 300])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"experiments/quick\.toml"):
        read(tmp_path / name)


def test_every_ready_made_question_can_be_asked():
    files = sorted((Path(__file__).parents[2] / "experiments").glob("*.toml"))
    assert len(files) > 5
    assert all(read(file).question.endswith("?") for file in files)


def test_the_quick_one_is_of_four_cells_and_planned_for_less_than_two_minutes():
    quick = read(Path(__file__).parents[2] / "experiments" / "quick.toml")
    runs = len(quick.cells) * quick.repeats
    assert (len(quick.cells), quick.load_s + STARTING_S * runs < 110) == (4, True)
