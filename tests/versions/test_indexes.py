"""Indexes known to be invalid, duplicate, overlapping, unused or missing are found as such, on every version."""

import secrets
from collections.abc import Callable

import psycopg2
import pytest

from lab.analyse.indexes import review
from lab.errors import ObserverError
from lab.observe import indexes
from lab.observe.index_plans import ALL, NO_PLANS, OWN
from lab.process import wait_until
from lab.record.indexes import Finding
from lab.server.private import Private
from tests.asking import value

SCENE = """
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE child (
    id int PRIMARY KEY, parent_id int REFERENCES parent, other_id int REFERENCES parent,
    a int, b int, c int, "Name" text, at timestamptz DEFAULT now()
);
INSERT INTO parent SELECT i, 'c' || i FROM generate_series(1, 100) AS i;
INSERT INTO child SELECT i, 1 + i % 100, 1 + i % 50, i % 500, i, i, 'n' || i FROM generate_series(1, 20000) AS i;
CREATE INDEX child_parent ON child (parent_id);
CREATE INDEX child_parent_b ON child (parent_id, b);
CREATE INDEX child_a ON child (a);
CREATE INDEX child_a_again ON child USING btree (a);
CREATE INDEX child_a_backwards ON child (a DESC NULLS FIRST);
CREATE INDEX child_a_nulls_first ON child (a NULLS FIRST);
CREATE INDEX child_a_some ON child (a) WHERE b > 10;
CREATE INDEX child_name ON child ("Name");
CREATE INDEX child_name_pattern ON child ("Name" text_pattern_ops);
CREATE INDEX child_name_c ON child ("Name" COLLATE "C");
CREATE INDEX child_upper ON child (upper("Name"));
CREATE UNIQUE INDEX child_id_again ON child (id);
ANALYZE
"""


def run(dsn: str, *statements: str) -> None:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()  # a backend that ends has reported all that it counted


def found(dsn: str, kind: str) -> dict[str, Finding]:
    return {one.what: one for one in review(indexes.read(dsn, plan=ALL, settle_s=5)) if one.kind == kind}


@pytest.fixture
def scene(database: str) -> str:
    run(database, *SCENE.split(";"))
    return database


def test_a_duplicate_has_the_same_key_order_class_collation_and_predicate(scene: str) -> None:
    duplicates = found(scene, "duplicate")
    assert {name: one.other for name, one in duplicates.items()} == {
        "public.child_a_again": "public.child_a",
        "public.child_id_again": "public.child_pkey",
    }
    assert duplicates["public.child_a_again"].cure == "DROP INDEX CONCURRENTLY public.child_a_again"
    assert duplicates["public.child_a_again"].size_bytes


def test_of_two_duplicates_the_one_that_was_scanned_stays(scene: str) -> None:
    # the planner takes one of the two, and after that the other one is gone
    run(scene, "BEGIN; DROP INDEX child_a; SET enable_seqscan = off; SELECT b FROM child WHERE a = 1; ROLLBACK")
    (one,) = (f for f in found(scene, "duplicate").values() if f.index != "public.child_id_again")
    assert {one.index, one.other} == {"public.child_a", "public.child_a_again"}


def test_overlapping_is_the_left_prefix_in_the_same_order_or_backwards(scene: str) -> None:
    overlapping = found(scene, "overlapping")
    assert {name: one.other for name, one in overlapping.items()} == {
        "public.child_parent": "public.child_parent_b",
        "public.child_a_backwards": "public.child_a",
        "public.child_a_some": "public.child_a",
    }


def test_unused_is_what_nobody_scanned_and_nothing_unique(scene: str) -> None:
    run(scene, "SET enable_seqscan = off; SELECT * FROM child WHERE upper(\"Name\") = 'N1'")
    unused = found(scene, "unused")
    names = ("parent_b", "a", "a_nulls_first", "name", "name_pattern", "name_c")
    assert set(unused) == {f"public.child_{name}" for name in names}
    assert any("0 scans since" in text for text in unused["public.child_name"].evidence)
    assert any("foreign key child_parent_id_fkey" in text for text in unused["public.child_parent_b"].cautions)


def test_a_unique_index_without_a_scan_is_never_called_unused(scene: str) -> None:
    seen = {one.name: one for one in indexes.read(scene, plan=ALL, settle_s=5).indexes}
    assert seen["parent_code_key"].scans == 0
    assert not any("parent_code_key" in one.what for one in review(indexes.read(scene, plan=ALL)))


def test_a_foreign_key_without_an_index_is_found_with_what_it_costs(scene: str) -> None:
    run(scene, "DELETE FROM child WHERE parent_id = 100 OR other_id = 100", "DELETE FROM parent WHERE id = 100")
    one = found(scene, "missing")["public.child (other_id)"]
    assert one.cure == "CREATE INDEX CONCURRENTLY ON public.child (other_id)"
    assert "1 rows of public.parent were deleted" in one.evidence
    assert not any("parent_id)" in name for name in found(scene, "missing"))


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("SELECT * FROM child WHERE c = 7", ("c",)),
        ("SELECT id FROM child WHERE c > 19999 AND \"Name\" <> 'x'", ("c",)),
        ("UPDATE child SET c = c WHERE c = 3", ("c",)),
        ("SELECT count(*) FROM child WHERE at = '2020-01-01' AND c = 4", ("at", "c")),
    ],
)
def test_a_statement_that_reads_a_whole_table_for_few_rows_names_the_missing_index(
    scene: str, statement: str, columns: tuple[str, ...]
) -> None:
    run(scene, *[statement] * 3)
    one = found(scene, "missing")[f"public.child ({', '.join(columns)})"]
    assert one.columns == columns
    assert any(text.startswith("3 calls") for text in one.evidence), one.evidence
    assert any("whole reads of public.child" in text for text in one.evidence)


def test_planning_what_was_asked_counts_no_scans(scene: str) -> None:
    joined = "SELECT * FROM child JOIN parent ON parent.id = child.parent_id"
    run(scene, *[f"{joined} WHERE child.a > 498", f"{joined} ORDER BY parent.id"] * 2)
    first, second = (
        {one.name: one.scans for one in indexes.read(scene, plan=ALL, settle_s=5).indexes} for _ in range(2)
    )  # fmt: skip
    assert first == second


@pytest.mark.parametrize("what", ["*", "count(*)"])
def test_a_statement_that_keeps_most_of_a_table_misses_no_index(scene: str, what: str) -> None:
    run(scene, *[f"SELECT {what} FROM child WHERE c > 5"] * 3)
    assert set(found(scene, "missing")) == {"public.child (other_id)"}


def test_an_index_that_was_not_completed_is_invalid(scene: str) -> None:
    with pytest.raises(psycopg2.errors.UniqueViolation):
        run(scene, "CREATE UNIQUE INDEX CONCURRENTLY child_broken ON child (a)")
    (one,) = found(scene, "invalid").values()
    assert (one.index, one.cure) == ("public.child_broken", "DROP INDEX CONCURRENTLY public.child_broken")


def test_a_partitioned_index_is_judged_as_a_whole(database: str) -> None:
    run(
        database,
        "CREATE TABLE parts (id int, a int) PARTITION BY RANGE (id)",
        "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10000)",
        "CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (10000) TO (20000)",
        "CREATE INDEX parts_a ON parts (a)",
        "CREATE INDEX parts_id ON parts (id)",
        "INSERT INTO parts SELECT i, i FROM generate_series(1, 19999) AS i",
        "SET enable_seqscan = off; SELECT * FROM part_2 WHERE a = 12345",
    )
    unused = found(database, "unused")
    assert set(unused) == {"public.parts_id"}
    assert unused["public.parts_id"].cure == "DROP INDEX public.parts_id"
    assert (unused["public.parts_id"].size_bytes or 0) > 2 * 8192


KEYS = """
CREATE TABLE two (a int, b int, PRIMARY KEY (a, b));
INSERT INTO two SELECT i, i % 5 FROM generate_series(1, 5000) AS i;
CREATE TABLE fine (a int, b int, FOREIGN KEY (a, b) REFERENCES two);
CREATE TABLE coarse (a int, b int, FOREIGN KEY (a, b) REFERENCES two) WITH (autovacuum_enabled = off);
CREATE TABLE hashed (a int, b int, FOREIGN KEY (a, b) REFERENCES two);
CREATE TABLE bare (a int, b int, FOREIGN KEY (a, b) REFERENCES two);
INSERT INTO fine SELECT i, i % 5 FROM generate_series(1, 5000) AS i;
INSERT INTO coarse SELECT i, i % 5 FROM generate_series(1, 5000) AS i;
INSERT INTO hashed SELECT i, i % 5 FROM generate_series(1, 5000) AS i;
INSERT INTO bare SELECT i, i % 5 FROM generate_series(1, 5000) AS i;
CREATE INDEX fine_a ON fine (a);
CREATE INDEX coarse_b ON coarse (b);
CREATE INDEX hashed_a ON hashed USING hash (a);
ANALYZE
"""


def test_an_index_on_a_part_of_a_foreign_key_serves_it_as_far_as_the_part_tells_rows_apart(database: str) -> None:
    run(database, *KEYS.split(";"))
    missing = found(database, "missing")
    assert set(missing) == {"public.coarse (a, b)", "public.bare (a, b)"}
    (coarse, bare) = missing["public.coarse (a, b)"].evidence, missing["public.bare (a, b)"].evidence
    assert "public.coarse_b finds them by b alone, with 1000 rows to look through for each" in coarse
    assert not any("reads all of" in text for text in coarse)
    assert any("reads all of public.bare" in text for text in bare)


@pytest.mark.parametrize(("index", "part"), [("fine_a", "a"), ("coarse_b", "b"), ("hashed_a", "a")])
def test_an_unused_index_on_a_part_of_a_foreign_key_is_told_to_serve_it(database: str, index: str, part: str) -> None:
    run(database, *KEYS.split(";"))
    cautions = found(database, "unused")[f"public.{index}"].cautions
    assert any("it serves the foreign key" in text and f"by {part}: without it" in text for text in cautions)


def test_how_many_rows_a_part_leaves_is_not_known_without_statistics(database: str) -> None:
    run(database, *[text for text in KEYS.split(";") if "ANALYZE" not in text])
    evidence = found(database, "missing")["public.coarse (a, b)"].evidence
    assert any("a number of rows that is not known" in text for text in evidence)


def test_a_partial_index_is_not_let_go_without_what_it_leaves_out(database: str) -> None:
    run(
        database,
        "CREATE TABLE c (k int, d bool)",
        "INSERT INTO c SELECT i % 5, i % 1000 = 0 FROM generate_series(1, 20000) AS i",
        "CREATE INDEX c_k1 ON c (k)",
        "CREATE INDEX c_part ON c (k) WHERE d",
        "ANALYZE c",
    )
    one = found(database, "overlapping")["public.c_part"]
    assert "public.c_part holds only rows WHERE d, about 20 of 20000" in one.evidence
    assert any("it is partial, public.c_k1 is not" in text for text in one.cautions)


def test_the_cure_of_a_partitioned_table_runs_and_its_size_is_that_of_its_partitions(database: str) -> None:
    run(
        database,
        "CREATE TABLE up (k int PRIMARY KEY)",
        "INSERT INTO up SELECT i FROM generate_series(1, 100) AS i",
        "CREATE TABLE pt (id int, k int REFERENCES up) PARTITION BY RANGE (id)",
        "CREATE TABLE pt_1 PARTITION OF pt FOR VALUES FROM (0) TO (10000)",
        "CREATE TABLE pt_2 PARTITION OF pt FOR VALUES FROM (10000) TO (20000)",
        "INSERT INTO pt SELECT i, 1 + i % 100 FROM generate_series(1, 19999) AS i",
        "ANALYZE",
        *["SELECT * FROM pt WHERE k = 7"] * 3,
    )
    blocks = value(database, "SELECT (pg_relation_size('pt_1') + pg_relation_size('pt_2')) / 8192")
    one = found(database, "missing")["public.pt (k)"]
    assert any(f"reads all of public.pt, 19999 rows in {blocks} blocks" in text for text in one.evidence)
    assert any("on each partition (2)" in text for text in one.cautions)
    assert any("3 calls" in text for text in one.evidence)
    assert set(found(database, "missing")) == {"public.pt (k)"}
    run(database, one.cure)
    assert "public.pt (k)" not in found(database, "missing")


def test_building_indexes_misses_none(database: str) -> None:
    run(
        database,
        "DROP EXTENSION pg_stat_statements",
        "CREATE TABLE built AS SELECT i AS a, i AS b FROM generate_series(1, 5000) AS i",
        "CREATE INDEX built_a ON built (a)",
        "CREATE INDEX CONCURRENTLY built_b ON built (b)",
    )
    read = "SELECT seq_scan >= 3 FROM pg_stat_user_tables WHERE relname = 'built'"
    assert wait_until(lambda: value(database, read), timeout_s=30)
    assert found(database, "missing") == {}
    run(database, *["SELECT * FROM built WHERE a + b = 7"] * 9)
    assert wait_until(lambda: "public.built (?)" in found(database, "missing"), timeout_s=30)


def test_what_nobody_planned_is_not_said_to_be_never_asked(scene: str) -> None:
    def cautions() -> str:
        missing = [one for one in review(indexes.read(scene, settle_s=5)) if one.columns == ("other_id",)]
        return " ".join(missing[0].cautions)

    run(scene, *["SELECT * FROM child WHERE other_id = 7"] * 3)
    assert "statements ask by it is not known without plans" in cautions()
    assert any("3 calls" in text for text in found(scene, "missing")["public.child (other_id)"].evidence)


def test_a_role_that_may_not_see_texts_is_told_so_and_pg_monitor_may(
    scene: str, any_server: Private, role: Callable[..., str]
) -> None:
    run(scene, *["SELECT * FROM child WHERE c = 7"] * 3)
    plain = indexes.read(role())
    assert any("hidden from this role" in text for text in plain.unseen)
    watching = indexes.read(role("pg_monitor"), plan=ALL, settle_s=5)
    assert any("could not be planned by this role" in text for text in watching.unseen)
    missing = [one for one in review(watching) if one.kind == "missing" and "?" in one.columns]
    assert any("3 calls" in text for one in missing for text in one.evidence)


EVIL = """
CREATE SCHEMA evil;
CREATE TABLE evil.mine AS SELECT i AS a FROM generate_series(1, 5000) AS i;
CREATE FUNCTION evil.f() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 7; END';
CREATE FUNCTION public.cardinality(regtype[]) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN evil.f(); END';
CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN evil.f(); END'
"""
ASKED = "SELECT * FROM evil.mine WHERE a = evil.f()"


@pytest.fixture
def trap(database: str, any_server: Private, role: Callable[..., str]) -> str:
    """A database in which a role with no rights but on its own things has asked for a function of its own, once."""
    base = psycopg2.extensions.parse_dsn(database)["dbname"]
    mallory = role()
    run(
        database,
        f"ALTER DATABASE {base} SET track_functions = 'all'",
        *EVIL.strip().split(";\n"),
        f"GRANT USAGE ON SCHEMA evil TO {psycopg2.extensions.parse_dsn(mallory)['user']}",
        "GRANT SELECT ON evil.mine TO public",
    )
    run(mallory, ASKED)
    assert wait_until(lambda: calls(database), timeout_s=30)
    return database


def calls(dsn: str) -> int:
    return int(value(dsn, "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE schemaname = 'evil'"))


def settled_calls(dsn: str) -> int:
    """The calls after every reader of indexes has ended, and so reported."""
    gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'lab-admin-indexes')"
    assert wait_until(lambda: value(dsn, gone), timeout_s=30)
    return calls(dsn)


def test_a_superuser_who_reads_runs_no_function_of_others(trap: str) -> None:
    before = settled_calls(trap)
    seen = indexes.read(trap)
    assert any(one.query.startswith("SELECT * FROM evil.mine") for one in seen.statements or ())
    assert all(one.whole_reads is None for one in seen.statements or ())
    assert NO_PLANS in seen.unseen
    with pytest.raises(ObserverError, match="is a superuser or may become one"):
        indexes.read(trap, plan=OWN)
    assert settled_calls(trap) == before
    indexes.read(trap, plan=ALL)  # what it is kept from
    assert wait_until(lambda: calls(trap) > before, timeout_s=30)


def test_a_role_that_plans_its_own_statements_runs_no_function_of_others(
    trap: str, any_server: Private, role: Callable[..., str]
) -> None:
    watching = role("pg_monitor")
    user = psycopg2.extensions.parse_dsn(watching)["user"]
    run(trap, f"GRANT USAGE ON SCHEMA evil TO {user}")
    run(watching, "SELECT * FROM evil.mine WHERE a = 3")
    before = settled_calls(trap)
    seen = indexes.read(watching, plan=OWN)
    mine = {one.query: one.whole_reads for one in seen.statements or () if "evil.mine" in one.query}
    assert {"evil.f" in query: reads is not None for query, reads in mine.items()} == {False: True, True: False}
    assert any("another role asked them" in text for text in seen.unseen)
    assert settled_calls(trap) == before


def test_a_role_that_may_become_a_superuser_plans_nothing(
    trap: str, any_server: Private, role: Callable[..., str]
) -> None:
    with any_server.owner() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user)")
        owner = cursor.fetchone()[0]
    with pytest.raises(ObserverError, match="superuser"):
        indexes.read(role(owner), plan=OWN)


@pytest.fixture
def role(any_server: Private, database: str) -> Callable[..., str]:
    """Make a role with no right to any table, a member of the roles named, and return its DSN for the database."""

    def make(*member_of: str) -> str:
        name = f"looker_{secrets.token_hex(4)}"
        any_server.add_role(name)
        with any_server.owner() as connection, connection.cursor() as cursor:
            for group in member_of:
                cursor.execute(f"GRANT {group} TO {name}")
        parts = psycopg2.extensions.parse_dsn(database)
        return any_server.dsn(role=name, database=parts["dbname"])

    return make
