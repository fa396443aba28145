"""Which indexes are missing: for foreign keys, and for statements that read a whole table to return few of its rows.

A plan made for any value tells the condition by which rows are kept, and how many the planner thinks they are; what the
statement really read, in blocks for each call, tells that whole reads are what happened. A whole read that keeps most
of what it reads is no case for an index. Where an index begins with the same columns none is missing.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from lab.analyse import index_words as words
from lab.record.indexes import Asked, Catalog, Finding, ForeignKey, Index, Table, WholeRead

LEAST_ROWS = 1000  # tables below are read as a whole for good reason
FEW_OF_TABLE = 0.1  # a statement that returns more of a table than that is no case for an index
MOST_OF_TABLE = 0.5  # of a table's blocks, for each call: less is no whole read


def supports(index: Index, key: ForeignKey) -> bool:
    """Whether looking for the rows that refer to a parent can use *index*: the key's columns come first, in any order.

    A predicate that leaves out nulls alone does no harm, since a null refers to nothing.
    """
    if not index.is_valid or index.method not in ("btree", "hash"):
        return False
    if index.predicate and index.predicate not in {f"{column} IS NOT NULL" for column in key.columns}:
        return False
    return set(index.keys[: len(key.columns)]) == set(key.columns)


def missing(catalog: Catalog) -> list[Finding]:
    """Foreign keys first: a statement's condition on the same columns is told with them."""
    tables = {table.oid: table for table in catalog.tables}
    reads = _whole_reads(catalog)
    found: dict[tuple[str, frozenset[str]], Finding] = {}
    for key in catalog.foreign_keys:
        if not any(index.table_oid == key.table_oid and supports(index, key) for index in catalog.indexes):
            table = tables[key.table_oid]
            one = _missing_key(key, table, tables.get(key.parent_oid), reads.get((table.full_name, key.columns), ()))
            found.setdefault((table.full_name, frozenset(key.columns)), one)
    for (name, columns), asked in reads.items():
        (table,) = (one for one in catalog.tables if one.full_name == name)
        if columns and (name, frozenset(columns)) not in found:
            found[name, frozenset(columns)] = _missing_for(table, columns, asked)
    unplanned = _unexplained(catalog, {table for table, _ in reads})
    return [*found.values(), *unplanned]


def _missing_key(key: ForeignKey, table: Table, parent: Table | None, asked: Sequence[Asked]) -> Finding:
    evidence = [f"no index serves the foreign key {key.name}"]
    if parent is not None:
        gone = f"{parent.rows_deleted} rows of {parent.full_name} were deleted" if parent.rows_deleted else ""
        evidence.append(f"deleting a row of {parent.full_name} reads all of {table.full_name}, {_extent(table)}")
        evidence += [gone] if gone else []
    evidence += [_asked(one, table) for one in asked]
    cautions = [] if asked or (parent and parent.rows_deleted) else ["nothing was deleted or asked for by it so far"]
    if table.size_bytes is not None and table.rows_estimated < LEAST_ROWS:
        cautions.append("the table is small: reading all of it costs little")
    return Finding(
        "missing", table.full_name, "", None, tuple(evidence), tuple(cautions), words.create(table, key.columns),
        columns=key.columns,
    )  # fmt: skip


def _missing_for(table: Table, columns: tuple[str, ...], asked: Sequence[Asked]) -> Finding:
    evidence = [*_scans(table), *(_asked(one, table) for one in asked)]
    cautions = ("every write will have to keep it up to date", "which columns, and in which order, is for a what-if")
    return Finding(
        "missing", table.full_name, "", None, tuple(evidence), cautions if len(columns) > 1 else cautions[:1],
        words.create(table, columns), columns=columns,
    )  # fmt: skip


def _unexplained(catalog: Catalog, explained: set[str]) -> Iterator[Finding]:
    """Tables that are read as a whole again and again, by statements of which no plan tells by which condition."""
    for table in catalog.tables:
        if table.full_name in explained or table.rows_estimated < LEAST_ROWS or not table.seq_scans:
            continue
        if (table.seq_rows_read or 0) < LEAST_ROWS * table.seq_scans:
            continue
        seen = [one for one in catalog.statements or () if _suspect(one, table)]
        if catalog.statements is not None and not seen:
            continue
        cautions = ["by which condition its rows are chosen is not known; look at the plans of what reads it"]
        if catalog.statements is None:
            cautions.append("without pg_stat_statements nobody knows how few of the rows were wanted")
        evidence = (*_scans(table), *(_asked(one, table) for one in seen[:3]))
        yield Finding("missing", table.full_name, "", None, evidence, tuple(cautions), "", columns=("?",))


def _scans(table: Table) -> tuple[str, ...]:
    if not table.seq_scans:
        return ()
    return (f"{table.seq_scans} whole reads of {table.full_name}, {_extent(table)}, {table.seq_rows_read} rows read",)


def _extent(table: Table) -> str:
    return f"{table.rows_estimated} rows in {table.blocks} blocks"


def _asked(one: Asked, table: Table) -> str:
    blocks, rows = one.blocks / one.calls, one.rows / one.calls
    text = " ".join(re.sub(r"--[^\n]*|/\*.*?\*/", " ", one.query).split())
    cut = text if len(text) <= 100 else f"{text[:99]}…"
    return f"{one.calls} calls, {blocks:.0f} blocks and {rows:.3g} rows for each: {cut}"


def _suspect(one: Asked, table: Table) -> bool:
    """Whether a statement may read a whole table and return few of its rows, by its name and counts alone."""
    named = re.search(rf"(?<![\w$])\"?{re.escape(table.name.strip(chr(34)))}\"?(?![\w$])", one.query, re.IGNORECASE)
    return bool(named) and one.whole_reads is None and _reads_all(one, table) and _returns_few(one, table)


def _reads_all(one: Asked, table: Table) -> bool:
    return one.blocks / one.calls >= MOST_OF_TABLE * max(table.blocks, 1)


def _returns_few(one: Asked, table: Table) -> bool:
    return one.rows / one.calls <= FEW_OF_TABLE * max(table.rows_estimated, 1)


def _whole_reads(catalog: Catalog) -> dict[tuple[str, tuple[str, ...]], list[Asked]]:
    """Return the statements that read a table as a whole to keep few rows, by table and the columns compared.

    A plan for any value tells the condition; the counts tell that whole reads are what happened.
    """
    tables = {table.full_name: table for table in catalog.tables}
    found: dict[tuple[str, tuple[str, ...]], list[Asked]] = defaultdict(list)
    for one in catalog.statements or ():
        for read in one.whole_reads or ():
            table = tables.get(read.table)
            columns = compared(read.condition)
            if not table or not columns or any(_begins_with(index, table, columns) for index in catalog.indexes):
                continue
            if table.rows_estimated >= LEAST_ROWS and _keeps_few(one, read, table):
                found[table.full_name, columns].append(one)
    return found


def _keeps_few(one: Asked, read: WholeRead, table: Table) -> bool:
    """Whether few rows pass: by the planner's estimate, or by what is returned where that is what passed."""
    few = read.rows_kept <= FEW_OF_TABLE * table.rows_estimated
    return _reads_all(one, table) and (few or (not read.is_reduced and _returns_few(one, table)))


def _begins_with(index: Index, table: Table, columns: tuple[str, ...]) -> bool:
    same = set(index.keys[: len(columns)]) == set(columns)
    return index.table_oid == table.oid and index.is_valid and not index.predicate and same


def compared(condition: str) -> tuple[str, ...]:
    """Return the columns that a condition compares with given values, such that a B-tree could find the rows.

    Equalities first, as an index wants them, then one range. Nothing for what joins its parts by OR, or compares
    something else than a column.

    >>> compared("((views > $2) AND (author_id = $1))"), compared("((title ~~ $1) OR (body ~~ $1))")
    (('author_id', 'views'), ())
    """
    if re.search(r"\bOR\b", condition):
        return ()
    value = r"(?:\(*\$\d+|ANY \(|\(?'[^']*'|-?\d)"
    parts = re.findall(rf'\(("[^"]+"|[a-z_][a-z0-9_]*)(?:\)::text)? (=|<|>|<=|>=) {value}', condition)
    equal = [column for column, operator in parts if operator == "="]
    ranges = [column for column, operator in parts if operator != "=" and column not in equal]
    return tuple(dict.fromkeys([*equal, *ranges[:1]]))
