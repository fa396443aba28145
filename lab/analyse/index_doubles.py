"""Which indexes do the same work: duplicates, and those whose key another one begins with."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from lab.analyse import index_words as words
from lab.record.indexes import Catalog, Finding, Index

_MIRROR = 3  # a column's order read backwards: ascending and descending, nulls last and first


def doubled(indexes: Iterable[Index], catalog: Catalog) -> Iterator[Finding]:
    """Duplicates first, then those whose work a wider one does; nothing that could not be dropped."""
    by_table: dict[int, list[Index]] = defaultdict(list)
    for index in indexes:
        if index.is_valid:
            by_table[index.table_oid].append(index)
    for same_table in by_table.values():
        # who is kept first: what others depend on, then what was scanned most
        kept: list[Index] = []
        for index in sorted(same_table, key=_worth):
            twin = next((one for one in kept if duplicates(index, one)), None)
            if twin is None or not may_go(index, twin):
                kept.append(index)
                continue
            yield _double("duplicate", index, twin, catalog)
        for index in kept:
            wider = [one for one in kept if one is not index and overlaps(index, one)]
            if wider and may_go(index, None):
                yield _double("overlapping", index, min(wider, key=lambda one: one.size_bytes or 0), catalog)


def _worth(index: Index) -> tuple[bool, ...] | tuple[object, ...]:
    return (
        not index.is_primary, not index.is_replica_identity, not index.is_referenced, index.constraint is None,
        not index.is_unique, -(index.scans or 0), index.oid,
    )  # fmt: skip


def duplicates(index: Index, other: Index) -> bool:
    """Whether both serve the same reads: method, columns, operator classes, collations, order, predicate, included."""
    return _serves(index) == _serves(other) and index.orders == other.orders and index.included == other.included


def _serves(index: Index) -> tuple[object, ...]:
    return (index.table_oid, index.method, index.keys, index.kinds, index.predicate)


def may_go(index: Index, twin: Index | None) -> bool:
    """Whether *index* could be dropped: nothing depends on it, or *twin* keeps the same true."""
    if index.is_primary or index.is_replica_identity or index.is_referenced or index.is_exclusion:
        return False
    if not index.is_unique:
        return True
    same = twin is not None and twin.is_unique and twin.nulls_not_distinct == index.nulls_not_distinct
    # one that is checked at the commit does not keep a statement from breaking it meanwhile
    return same and twin is not None and (twin.is_immediate or not index.is_immediate)


def overlaps(index: Index, wider: Index) -> bool:
    """Whether *wider*, a B-tree whose key begins with that of *index*, can serve the same reads.

    In the same order, or in its mirror image, since a B-tree is read backwards as well.
    """
    if index.method != "btree" or wider.method != "btree" or index.table_oid != wider.table_oid:
        return False
    size = len(index.keys)
    if index.keys != wider.keys[:size] or index.kinds != wider.kinds[:size]:
        return False
    if wider.predicate not in ("", index.predicate):
        return False
    if not set(index.included) <= {*wider.keys, *wider.included}:
        return False
    begins = wider.orders[:size]
    if index.orders not in (begins, tuple(order ^ _MIRROR for order in begins)):
        return False
    more = (len(wider.keys), len(wider.included), not wider.predicate) > (
        size,
        len(index.included),
        not index.predicate,
    )
    # of two that serve each other the one made later goes, so that they are not both found
    return more or (_equally_wide(index, wider) and (index.oid > wider.oid or wider.is_unique))


def _equally_wide(index: Index, other: Index) -> bool:
    return (
        index.keys == other.keys and set(index.included) == set(other.included) and index.predicate == other.predicate
    )


def _double(kind: str, index: Index, other: Index, catalog: Catalog) -> Finding:
    same = "has the same key, order, operator classes and predicate" if kind == "duplicate" else "begins with its key"
    evidence = [f"{other.full_name} {same}", f"{words.scanned(index)}; {other.full_name}: {words.scanned(other)}"]
    cautions = []
    if kind == "overlapping":
        evidence.append(f"sizes: {words.size(index)} and {words.size(other)}")
        if (other.size_bytes or 0) > 2 * (index.size_bytes or 0):
            cautions.append("the wider one is over twice as large: a range read takes more blocks there")
    if index.predicate != other.predicate:
        evidence.append(words.leaves_out(index, catalog))
        cautions.append(
            f"it is partial, {other.full_name} is not: what asks for its rows alone passes over all the others there, "
            "which can take many times the blocks"
        )
    if index.constraint:
        cautions.append(f"it is kept by the constraint {index.constraint}, which would go with it")
    cautions += words.elsewhere(catalog) if index.scans else []
    return Finding(
        kind, index.full_table, index.full_name, index.size_bytes, tuple(evidence), tuple(cautions), words.drop(index),
        other.full_name,
    )  # fmt: skip
