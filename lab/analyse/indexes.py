"""Which indexes are invalid, duplicate, overlapping, unused or missing: a judgement on what the reader saw.

Every finding carries its evidence, what speaks against acting on it, and the statement that would act. None is a
verdict: counters tell what was read on this server since they began, and nothing of a job that runs once a year.

What is never called unused: an index that keeps something true (unique, primary key, exclusion), that tells a
subscriber's rows apart (replica identity), or that a foreign key relies on. Looking for a row to be unique is no scan,
so such an index can work all day and show none.

Source: PostgreSQL manual, "Indexes" and "pg_stat_all_indexes"; ``nbtree`` for what a left prefix can serve.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from lab.analyse import index_words as words
from lab.analyse.index_doubles import doubled
from lab.analyse.index_missing import leading, missing, supports
from lab.record.indexes import Catalog, Finding, ForeignKey, Index, Table

KINDS = ("invalid", "duplicate", "overlapping", "unused", "missing")
UNUSED_AFTER_DAYS = 30  # without a scan, where the server tells of the last one (16 and later)


def review(catalog: Catalog, unused_after_days: int = UNUSED_AFTER_DAYS) -> tuple[Finding, ...]:
    """Return all findings, by kind, the largest first. An index is found once, by the first kind that fits it."""
    indexes = rolled_up(catalog.indexes)
    found: list[Finding] = [*_invalid(indexes)]
    found += _without(found, doubled(indexes, catalog))
    found += _without(found, _unused(indexes, catalog, timedelta(days=unused_after_days)))
    found += missing(catalog)
    return tuple(sorted(found, key=lambda one: (KINDS.index(one.kind), -(one.size_bytes or 0), one.table, one.what)))


def rolled_up(indexes: Sequence[Index]) -> tuple[Index, ...]:
    """Return the indexes that stand alone, and partitioned ones with the sums of their parts: a part cannot be dropped.

    The sum of scans is None if one of the parts has none kept.
    """
    parts = defaultdict(list)
    for index in indexes:
        if index.parent is not None:
            parts[index.parent].append(index)

    def whole(index: Index) -> Index:
        if not index.is_partitioned:
            return index
        below = [whole(part) for part in parts[index.oid]]
        scans = [part.scans for part in below]
        return replace(
            index,
            size_bytes=sum(part.size_bytes or 0 for part in below),
            scans=None if not below or None in scans else sum(count or 0 for count in scans),
            last_scan=max((part.last_scan for part in below if part.last_scan), default=None),
        )

    return tuple(whole(index) for index in indexes if index.parent is None)


def _without(found: Iterable[Finding], later: Iterable[Finding]) -> list[Finding]:
    known = {one.index for one in found}
    return [one for one in later if one.index not in known]


def _invalid(indexes: Iterable[Index]) -> Iterator[Finding]:
    """What a failed CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY left, or a partition that lacks its part."""
    for index in indexes:
        if index.is_valid or index.built_by is not None:
            continue
        if index.is_partitioned:
            evidence = ("not every partition has its part of it attached",)
            yield Finding("invalid", index.full_table, index.full_name, index.size_bytes, evidence, (), "")
            continue
        cost = "writers keep it up to date" if index.is_ready else "writers do not keep it up to date either"
        yield Finding(
            "invalid", index.full_table, index.full_name, index.size_bytes,
            ("no statement may use it: its building was not completed", cost), (), words.drop(index),
        )  # fmt: skip


def _unused(indexes: Iterable[Index], catalog: Catalog, after: timedelta) -> Iterator[Finding]:
    """What nobody has scanned, or nobody for long; and what the counters cannot tell."""
    for index in indexes:
        if not index.is_valid or index.enforces or index.is_referenced or index.scans is None or not catalog.counts:
            continue
        if index.scans and not (index.last_scan and catalog.read_at - index.last_scan > after):
            continue
        tables = {table.oid: table for table in catalog.tables}
        yield Finding(
            "unused", index.full_table, index.full_name, index.size_bytes,
            (words.scanned(index, catalog), *_written(tables.get(index.table_oid), index)),
            tuple(_doubts(index, catalog)), words.drop(index),
        )  # fmt: skip


def _written(table: Table | None, index: Index) -> tuple[str, ...]:
    if table is None or index.predicate:
        return ()
    told = f"{table.rows_inserted} rows were inserted into its table in that time"
    return (told,) if table.rows_inserted else ()


def _doubts(index: Index, catalog: Catalog) -> Iterator[str]:
    if catalog.counted_since is None or catalog.read_at - catalog.counted_since < timedelta(days=UNUSED_AFTER_DAYS):
        yield "counted for less than a month: a job that runs more rarely was not seen"
    yield "when it was made is not recorded: it may be younger than the counters"
    for key in catalog.foreign_keys:
        if key.table_oid == index.table_oid and leading(index, key):
            yield _serves(index, key, catalog)
    if index.has_expression:
        yield "the planner uses the statistics of its expression, also without a scan"
    yield from words.elsewhere(catalog)


def _serves(index: Index, key: ForeignKey, catalog: Catalog) -> str:
    part = "" if supports(index, key) else f" by {', '.join(leading(index, key))}"
    also = [
        one.full_name
        for one in catalog.indexes
        if one.oid != index.oid and one.table_oid == key.table_oid and leading(one, key)
    ]
    without = f"so does {', '.join(also)}" if also else "without it, deleting a parent reads the whole table"
    return f"it serves the foreign key {key.name}{part}: {without}"
