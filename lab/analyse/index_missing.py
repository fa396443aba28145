"""Which indexes are missing: for foreign keys, and for statements that read a whole table to return few of its rows.

A plan made for any value tells the condition by which rows are kept, and how many the planner thinks they are; what the
statement really read, in blocks for each call, tells that whole reads are what happened. A whole read that keeps most
of what it reads is no case for an index. Where an index begins with the same columns none is missing.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lab.analyse import index_words as words
from lab.record.indexes import Asked, Catalog, Finding, ForeignKey, Index, Table, WholeRead

LEAST_ROWS = 1000  # tables below are read as a whole for good reason
FEW_OF_TABLE = 0.1  # a statement that returns more of a table than that is no case for an index
READS_FOR_BUILD = 2  # whole reads that CREATE INDEX CONCURRENTLY is counted with; without that word, one
FEW_FOR_KEY = 100  # rows that an index on a key's first columns leaves to look through: no more is missing
MOST_OF_TABLE = 0.5  # of a table's blocks, for each call: less is no whole read


def supports(index: Index, key: ForeignKey) -> bool:
    """Whether looking for the rows that refer to a parent can use *index*: the key's columns come first, in any order.

    A predicate that leaves out nulls alone does no harm, since a null refers to nothing.
    """
    return set(leading(index, key)) == set(key.columns)


def leading(index: Index, key: ForeignKey) -> tuple[str, ...]:
    """Return the columns of *key* that *index* begins with: by these it finds the rows that may refer to a parent.

    All of them is best; by some it finds more rows than refer. A hash index has one, and looks for nothing less.
    """
    if not index.is_valid or index.method not in ("btree", "hash"):
        return ()
    if index.predicate and index.predicate not in {f"{column} IS NOT NULL" for column in key.columns}:
        return ()
    others = (place for place, column in enumerate(index.keys) if column not in key.columns)
    return index.keys[: next(others, len(index.keys))]


def rows_for_key(index: Index, key: ForeignKey, table: Table) -> float | None:
    """Return how many rows *index* leaves to look through for one parent, at most; None: not known.

    By the column of its beginning that has the most values, as if no other told rows apart.
    """
    distinct = dict(zip(key.columns, key.distinct, strict=False))
    values = [distinct.get(column) for column in leading(index, key)]
    known = [count if count > 0 else -count * table.rows_estimated for count in values if count is not None]
    return table.rows_estimated / max(*known, 1.0) if known and table.rows_estimated else None


def missing(catalog: Catalog) -> list[Finding]:
    """Foreign keys first: a statement's condition on the same columns is told with them."""
    tables = {table.oid: table for table in rolled_up(catalog.tables)}
    reads = _whole_reads(catalog)
    found: dict[tuple[str, frozenset[str]], Finding] = {}
    told: set[tuple[str, frozenset[str]]] = set()
    for key in catalog.foreign_keys:
        table = tables[key.table_oid]
        partly = _partly(catalog.indexes, key, table)
        if partly is None:
            continue
        names = _with_parts(table, catalog.tables)
        asked = _asked_by(key, reads, names)
        one = _missing_key(key, table, partly, catalog, asked, tables.get(key.parent_oid))
        found.setdefault((table.full_name, frozenset(key.columns)), one)
        told |= {(name, frozenset(key.columns)) for name in names}
    for (name, columns), asked in reads.items():
        (table,) = (one for one in tables.values() if one.full_name == name)
        if columns and (name, frozenset(columns)) not in {*found, *told}:
            found[name, frozenset(columns)] = _missing_for(table, columns, asked)
    unplanned = _unexplained(catalog, {table for table, _ in reads})
    return [*found.values(), *unplanned]


def _with_parts(table: Table, tables: Sequence[Table]) -> set[str]:
    """Return the names of a table and of its partitions: these are what a plan reads."""
    below = (_with_parts(one, tables) for one in tables if one.parent == table.oid)
    return {table.full_name}.union(*below)


def _asked_by(
    key: ForeignKey, reads: Mapping[tuple[str, tuple[str, ...]], Sequence[Asked]], names: set[str]
) -> list[Asked]:
    """Return the statements that compare the columns of *key*, and perhaps more, each once."""
    found = (asked for (name, columns), asked in reads.items() if name in names and set(key.columns) <= set(columns))
    return list(dict.fromkeys(one for asked in found for one in asked))


def rolled_up(tables: Sequence[Table]) -> tuple[Table, ...]:
    """Return the tables; what partitioned ones have no count of is the sum of their partitions, as far as counted."""
    below: dict[int, list[Table]] = defaultdict(list)
    for table in tables:
        if table.parent is not None:
            below[table.parent].append(table)

    def whole(table: Table) -> Table:
        if not table.is_partitioned:
            return table
        parts = [whole(part) for part in below[table.oid]]
        return replace(
            table,
            rows_estimated=max(table.rows_estimated, sum(part.rows_estimated for part in parts)),
            size_bytes=sum(part.size_bytes or 0 for part in parts),
            rows_deleted=sum(part.rows_deleted or 0 for part in parts),
        )

    return tuple(whole(table) for table in tables)


def _partly(indexes: Sequence[Index], key: ForeignKey, table: Table) -> list[str] | None:
    """Say which indexes begin with a part of *key*; none may be missing beside one that leaves few rows: None."""
    told = []
    for index in indexes:
        columns = leading(index, key) if index.table_oid == key.table_oid else ()
        rows = rows_for_key(index, key, table) if columns else None
        if columns and (set(columns) == set(key.columns) or (rows is not None and rows <= FEW_FOR_KEY)):
            return None
        if columns:
            many = f"{rows:.0f} rows to look through" if rows is not None else "a number of rows that is not known"
            told.append(f"{index.full_name} finds them by {', '.join(columns)} alone, with {many} for each")
    return told


def _missing_key(
    key: ForeignKey, table: Table, partly: Sequence[str], catalog: Catalog, asked: Sequence[Asked],
    parent: Table | None,
) -> Finding:  # fmt: skip
    whose = "all columns" if partly else "a column"
    evidence = [f"no B-tree or hash index begins with {whose} of the foreign key {key.name}"]
    deleted = parent.rows_deleted if parent is not None else None
    if parent is not None:
        looks = "looks for what refers to it in" if partly else "reads all of"
        evidence.append(f"deleting a row of {parent.full_name} {looks} {table.full_name}, {_extent(table)}")
        evidence += [f"{deleted} rows of {parent.full_name} were deleted"] if deleted else []
    evidence += [*partly, *(_asked(one, table) for one in asked)]
    cautions = [] if asked or deleted else [_unasked(table, catalog)]
    if table.size_bytes is not None and table.rows_estimated < LEAST_ROWS:
        cautions.append("the table is small: reading all of it costs little")
    cautions += words.while_built(table, sum(one.parent == table.oid for one in catalog.tables))
    return Finding(
        "missing", table.full_name, "", None, tuple(evidence), tuple(cautions), words.create(table, key.columns),
        columns=key.columns,
    )  # fmt: skip


def _unasked(table: Table, catalog: Catalog) -> str:
    """Say that no parent was deleted, and what is known of statements: of one without a plan, not its columns."""
    unplanned = sum(one.whole_reads is None and _names(one, table) for one in catalog.statements or ())
    if catalog.statements is None:
        return "nothing was deleted by it so far; what was asked for is not known"
    if unplanned:
        return f"nothing was deleted by it so far; whether {unplanned} statements ask by it is not known without plans"
    return "nothing was deleted by it so far, and no statement was seen that it would spare much"


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
        builds = sum(index.table_oid == table.oid for index in catalog.indexes) * READS_FOR_BUILD
        if not seen and (catalog.statements is not None or table.seq_scans <= builds):
            continue
        cautions = ["by which condition its rows are chosen is not known; look at the plans of what reads it"]
        cautions.append("building an index, adding a constraint and a dump count as whole reads as well")
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
    return _names(one, table) and one.whole_reads is None and _reads_all(one, table) and _returns_few(one, table)


def _names(one: Asked, table: Table) -> bool:
    name = re.escape(table.name.strip(chr(34)))
    return bool(re.search(rf"(?<![\w$])\"?{name}\"?(?![\w$])", one.query, re.IGNORECASE))


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
