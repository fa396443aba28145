"""One text for a statement: whatever is written, no constant is in it, and it is its own text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.sql.normal import normalise

SAME = [
    ("SELECT 1;", "select $1"),
    ("SELECT -1 , 3 -2", "select $1, $2 - $3"),
    ("SELECT 'it''s' /* a /* nested */ comment */", "SELECT $1"),
    ("SELECT E'a\\'b', $tag$ it's $tag$, B'1', x'ff', 1.5e-3, .5", "select $1,$2,$3,$4,$5,$6"),
    ("SELECT * FROM t WHERE a IN (1, 2, 3)", "select * from t where a in ($1 /*, ... */)"),
    ("SELECT * FROM t WHERE a IN ('1'::int, '2'::int)", "select * from t where a in ($1)"),
    ("SELECT ARRAY[1,2]", "SELECT ARRAY[$1 /*, ... */]"),
    ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "insert into t(a,b) values ($1,$2)"),
    ("SELECT a FROM t WHERE a != 1 AND b = NULL", "select a from t where a<>$1 and b=$2"),
    ("SELECT a FROM t WHERE a IS NOT NULL AND b", "select a from t where a is not null and b"),
    ("SELECT extract(year FROM now())", "SELECT extract($1 FROM now())"),
    ("SET work_mem TO '4MB'", "SET work_mem = $1"),
    ("SAVEPOINT a1", "SAVEPOINT $1"),
    ("SELECT 'a'\n 'b'", "SELECT $1"),
    ("SELECT a -- 'not a string\nFROM t", "SELECT a FROM t"),
]  # fmt: skip
APART = [
    ("SELECT a FROM t", "SELECT b FROM t"),
    ('SELECT "A" FROM t', "SELECT a FROM t"),
    ("SELECT 3 - 1", "SELECT -1"),
    ("SELECT t1.a FROM t1", "SELECT t2.a FROM t2"),
    ("SELECT * FROM t WHERE a IN (1, b)", "SELECT * FROM t WHERE a IN (1, c)"),
    ("SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE b IS TRUE"),
]
SECRET = "zq7secret"


@pytest.mark.parametrize(("logged", "counted"), SAME)
def test_the_log_and_the_view_have_one_text(logged: str, counted: str) -> None:
    assert normalise(logged) == normalise(counted)


@pytest.mark.parametrize(("one", "other"), APART)
def test_other_questions_have_other_texts(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text())
def test_any_text_has_a_normal_form_that_is_its_own(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


PIECES = r"""select - -- /* */ ( ) in values array [ ] , 1 ' '' " $$ $1 $a$ E' \ ? :: . .. int null is not true
    extract from set = to ; é U& deallocate savepoint limit x 0x 1e default"""


@given(st.lists(st.sampled_from([*PIECES.split(), " ", "\n", "\x00"])).map("".join))
def test_broken_statements_have_a_normal_form_that_is_its_own(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


LONG = 50_000  # characters: what is not linear in them does not come to an end here


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("select 1 " + "+" * LONG + "2", "select ?" + " +" * LONG + " ?"),
        ("select a " + "*-" * LONG + " b", "select a " + "*-" * (LONG - 1) + "* - b"),
        ("select a " + "+/**/" * LONG + "b", "select a" + " +" * LONG + " b"),
        ("select a " + "@-" * LONG + " b", "select a " + "@-" * LONG + " b"),
        ("select '" + "x''" * LONG + "' b", "select ? b"),
    ],
)
def test_a_long_run_is_cut_as_a_short_one(long: str, short: str) -> None:
    assert normalise(long) == short


REPEATED = [*PIECES.split(), "+", "*-", "/", "values (", "in (", "array[", "(1),", "+/**/", "'a'\n"]
RUNS = st.tuples(st.sampled_from(REPEATED), st.integers(1, 4000))


@settings(max_examples=60, deadline=None)
@given(st.lists(RUNS.map(lambda run: run[0] * run[1]), max_size=4).map(" ".join))
def test_long_runs_have_a_normal_form_that_is_its_own(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


WRAPPED = st.sampled_from([
    "'{}'", "E'\\'{}'", "$${}$$", "$x${}$x$", "/* {} */", "-- {}\n", "'{}", "$${}", "/* {}", "N'{}'",
    "'a''{}'", "'a'\n'{}'",
])  # fmt: skip


@given(
    st.text(alphabet=st.characters(exclude_characters="'$\\*/\"-\n\r")),
    WRAPPED,
    st.sampled_from(["select ", "a=", "f(", "-"]),
)
def test_no_literal_survives(filling: str, wrapped: str, before: str) -> None:
    assert SECRET not in normalise(before + wrapped.replace("{}", filling + SECRET + filling))


@given(st.integers(0), st.sampled_from(["select {}", "a={}", "limit -{}", "({})", "x+{}", "{}::int", "1.{}", "$1,{}"]))
def test_no_number_survives(number: int, wrapped: str) -> None:
    assert not any(character.isdigit() for character in normalise(wrapped.replace("{}", str(number))))


@given(st.lists(st.integers(), min_size=1), st.lists(st.text(alphabet="ab'", max_size=3), min_size=1))
def test_the_length_of_a_list_does_not_tell(numbers: list[int], words: list[str]) -> None:
    quoted = ["'" + word.replace("'", "''") + "'" for word in words]
    some = f"SELECT a FROM t WHERE b IN ({','.join(map(str, numbers))}) AND c IN ({', '.join(quoted)})"
    assert normalise(some) == "select a from t where b in (?) and c in (?)"
