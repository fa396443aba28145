"""What is made of a database's indexes: known catalogs, known findings."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.analyse.index_doubles import duplicates, may_go, overlaps
from lab.analyse.index_missing import compared, rows_for_key, supports
from lab.analyse.indexes import review, rolled_up
from lab.record.indexes import Asked, Catalog, ForeignKey, Index, Table, WholeRead

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TABLE = Table(1, "public", "posts", "posts", 100_000, True, 8192 * 1000, 8192, 20, 2_000_000, 5, 100_000, 100, 0, 0)


def index(name: str, oid: int = 10, **values: Any) -> Index:
    keys = values.pop("keys", ("a",))
    defaults: Mapping[str, Any] = {
        "parent": None, "schema": "public", "table": "posts", "table_oid": 1, "method": "btree", "keys": keys,
        "kinds": tuple("1978 0" for _ in keys), "orders": tuple(0 for _ in keys), "included": (), "predicate": "",
        "has_expression": False, "is_unique": False, "is_primary": False, "is_exclusion": False,
        "is_replica_identity": False, "is_immediate": True, "is_valid": True, "is_ready": True,
        "is_partitioned": False, "constraint": None, "is_referenced": False, "built_by": None, "size_bytes": 8192,
        "definition": "", "scans": 0, "last_scan": None, "nulls_not_distinct": False,
    }  # fmt: skip
    return Index(oid=oid, name=name, **{**defaults, **values})


def catalog(*indexes: Index, **values: Any) -> Catalog:
    defaults: Mapping[str, Any] = {
        "database": "d", "read_at": NOW, "counted_since": NOW - timedelta(days=90), "in_recovery": False,
        "counts": True, "standbys": 0, "tables": (TABLE,), "foreign_keys": (), "statements": (),
    }  # fmt: skip
    return Catalog(indexes=indexes, **{**defaults, **values})


def kinds(*indexes: Index, **values: Any) -> dict[str, str]:
    return {one.index: one.kind for one in review(catalog(*indexes, **values))}


@pytest.mark.parametrize(
    "other",
    [
        {"kinds": ("1994 0",)},
        {"kinds": ("1978 950",)},
        {"orders": (1,)},
        {"predicate": "a > 1"},
        {"method": "hash"},
        {"included": ("b",)},
        {"keys": ("b",)},
        {"table_oid": 2},
    ],
)
def test_what_differs_in_class_collation_order_predicate_method_or_columns_is_no_duplicate(
    other: dict[str, Any],
) -> None:
    assert duplicates(index("x"), index("y"))
    assert not duplicates(index("x"), index("y", **other))


def test_a_plain_twin_of_a_unique_index_goes_and_never_the_unique_one() -> None:
    unique, plain = index("u", 11, is_unique=True), index("p", 10, scans=9)
    assert kinds(unique, plain) == {"public.p": "duplicate"}


def test_of_two_unique_twins_the_one_that_a_constraint_needs_stays() -> None:
    kept, free = index("k", 12, is_unique=True, constraint="posts_a_key"), index("f", 11, is_unique=True)
    assert kinds(kept, free) == {"public.f": "duplicate"}


def test_a_constraint_that_is_checked_at_the_commit_does_not_stand_in_for_one_that_is_checked_at_once() -> None:
    late = index("l", is_unique=True, is_immediate=False, constraint="c")
    assert not may_go(index("i", is_unique=True), late)
    assert may_go(index("i", is_unique=True), index("j", is_unique=True))


@pytest.mark.parametrize(
    "kept", [{"is_primary": True}, {"is_replica_identity": True}, {"is_referenced": True}, {"is_exclusion": True}]
)
def test_what_something_depends_on_is_never_proposed(kept: dict[str, Any]) -> None:
    assert "public.k" not in kinds(index("k", is_unique=True, **kept), index("w", 11, keys=("a", "b"), scans=5))


@pytest.mark.parametrize(
    ("wider", "found"),
    [
        ({"keys": ("a", "b")}, True),
        ({"keys": ("a", "b"), "orders": (3, 0)}, True),
        ({"keys": ("a", "b"), "orders": (1, 0)}, False),
        ({"keys": ("b", "a")}, False),
        ({"keys": ("a", "b"), "predicate": "b > 0"}, False),
        ({"included": ("b",)}, True),
        ({"keys": ("a", "b"), "method": "hash"}, False),
        ({"keys": ("a", "b"), "kinds": ("1994 0", "1978 0")}, False),
    ],
)
def test_a_wider_index_serves_if_its_key_begins_with_the_other_in_its_order(wider: dict[str, Any], found: bool) -> None:
    assert overlaps(index("x"), index("y", 11, **wider)) is found


def test_what_another_includes_must_be_there_too() -> None:
    narrow = index("x", included=("c",))
    assert not overlaps(narrow, index("y", 11, keys=("a", "b")))
    assert overlaps(narrow, index("y", 11, keys=("a", "b", "c")))


def test_two_indexes_are_never_both_proposed_for_each_other() -> None:
    assert kinds(index("x", 10, scans=1), index("y", 11, orders=(3,), scans=1)) == {"public.y": "overlapping"}


def test_an_index_that_was_scanned_long_ago_is_unused_where_the_server_tells() -> None:
    old = index("o", scans=7, last_scan=NOW - timedelta(days=40))
    assert kinds(old) == {"public.o": "unused"}
    assert kinds(replace(old, last_scan=NOW - timedelta(days=3))) == {}
    assert kinds(replace(old, last_scan=None)) == {}


def test_unused_is_told_with_what_speaks_against_it() -> None:
    key = ForeignKey("posts_a_fkey", 1, ("a",), 2)
    young = catalog(
        index("x", has_expression=True), counted_since=NOW - timedelta(days=2), standbys=1, foreign_keys=(key,)
    )
    (one,) = (found for found in review(young) if found.kind == "unused")
    told = " ".join(one.cautions)
    assert all(text in told for text in ("less than a month", "posts_a_fkey", "expression", "1 standbys"))


def test_nothing_is_called_unused_where_nothing_is_counted() -> None:
    assert kinds(index("x"), counts=False) == {}
    assert kinds(index("x", scans=None)) == {}


def test_an_index_that_is_being_built_is_not_called_invalid() -> None:
    assert kinds(index("x", is_valid=False, built_by=4711)) == {}
    assert kinds(index("x", is_valid=False)) == {"public.x": "invalid"}


def test_a_partitioned_index_has_the_scans_of_its_parts() -> None:
    whole = index("w", 1, is_partitioned=True, scans=None, size_bytes=None)
    parts = [index("p", 2, parent=1, scans=3), index("q", 3, parent=1, scans=0)]
    assert [(one.scans, one.size_bytes) for one in rolled_up([whole, *parts])] == [(3, 16384)]


@pytest.mark.parametrize(
    ("found", "serves"),
    [
        ({"keys": ("b", "a", "c")}, True),
        ({"keys": ("c", "a", "b")}, False),
        ({"keys": ("a", "b"), "predicate": "a IS NOT NULL"}, True),
        ({"keys": ("a", "b"), "predicate": "a > 0"}, False),
        ({"keys": ("a", "b"), "method": "gin"}, False),
        ({"keys": ("a", "b"), "is_valid": False}, False),
    ],
)
def test_a_foreign_key_is_served_by_its_columns_first_in_any_order(found: dict[str, Any], serves: bool) -> None:
    assert supports(index("x", **found), ForeignKey("f", 1, ("a", "b"), 2)) is serves


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        ({"keys": ("a", "c")}, 100.0),
        ({"keys": ("b",)}, 10.0),
        ({"keys": ("b",), "method": "hash"}, 10.0),
        ({"keys": ("a", "b")}, 10.0),
        ({"keys": ("c", "a")}, None),
    ],
)
def test_a_part_of_a_foreign_key_is_graded_by_its_most_telling_column(found: dict[str, Any], rows: float) -> None:
    key = ForeignKey("f", 1, ("a", "b"), 2, (1000.0, -0.1))
    assert rows_for_key(index("x", **found), key, TABLE) == rows


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("(author_id = $1)", ("author_id",)),
        ("((b > $2) AND (a = $1) AND (c < $3))", ("a", "b")),
        ("(id = ANY ($1))", ("id",)),
        ('(("Name")::text = $1)', ("Name",)),
        ("((a = $1) OR (b = $2))", ()),
        ("(upper(name) = $1)", ()),
        ("((a)::numeric = $1)", ()),
        ("(a <> $1)", ()),
        ("(a = b)", ()),
        ("(created_at > ($1 - '1 day'::interval))", ("created_at",)),
    ],
)
def test_the_columns_that_a_b_tree_could_find_are_read_off_a_condition(
    condition: str, columns: tuple[str, ...]
) -> None:
    assert tuple(column.strip('"') for column in compared(condition)) == columns


def test_a_whole_read_counts_only_if_the_statement_returns_little_of_it() -> None:
    read = (WholeRead("public.posts", "(a = $1)", 50_000),)
    wasteful = Asked("SELECT * FROM posts WHERE a = $1", 10, 30, 10_000, 50.0, read)
    for asked, found in (
        (wasteful, [("a",)]),
        (replace(wasteful, rows=900_000), []),
        (replace(wasteful, blocks=100), []),
    ):
        assert [one.columns for one in review(catalog(statements=(asked,)))] == found


def test_what_an_aggregate_returns_does_not_tell_how_much_it_kept() -> None:
    def found(rows_kept: int, is_reduced: bool) -> bool:
        read = WholeRead("public.posts", "(a > $1)", rows_kept, is_reduced)
        counted = Asked("SELECT count(*) FROM posts WHERE a > $1", 10, 10, 10_000, 50.0, (read,))
        return bool(review(catalog(statements=(counted,))))

    assert not found(33_000, is_reduced=True)
    assert found(33_000, is_reduced=False)
    assert found(10, is_reduced=True)


def test_an_index_that_is_there_and_was_not_chosen_is_not_missing() -> None:
    read = (WholeRead("public.posts", "(a = $1)", 10),)
    asked = Asked("SELECT * FROM posts WHERE a = $1", 10, 30, 10_000, 50.0, read)
    there = index("x", keys=("a", "b"), scans=1)
    assert review(catalog(there, statements=(asked,))) == ()
    assert review(catalog(replace(there, predicate="b > 0"), statements=(asked,)))


def test_a_table_read_as_a_whole_for_no_known_reason_is_told_without_a_cure() -> None:
    (one,) = review(catalog(statements=None))
    assert (one.columns, one.cure) == (("?",), "")
    assert review(catalog(statements=())) == ()
