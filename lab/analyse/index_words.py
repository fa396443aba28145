"""The words and statements of findings about indexes: how often one was scanned, how large it is, what drops it."""

from collections.abc import Sequence
from datetime import datetime

from lab import sql
from lab.record.indexes import Catalog, Index, Table
from lab.units import format_bytes


def scanned(index: Index, catalog: Catalog | None = None) -> str:
    """Say how often *index* was scanned; with *catalog* also since when, and when last."""
    if index.scans is None:
        return "its scans are not known"
    text = f"{index.scans} scans" if index.scans != 1 else "1 scan"
    if catalog is not None:
        text += f" since {day(catalog.counted_since)}" if catalog.counted_since else ", since when is not known"
    if catalog is not None and index.last_scan:
        text += f", the last {(catalog.read_at - index.last_scan).days} days ago"
    return text


def day(moment: datetime) -> str:
    """Return a moment to the minute."""
    return f"{moment:%Y-%m-%d %H:%M}"


def elsewhere(catalog: Catalog) -> list[str]:
    """Say that other servers count their own reads, if there are any; each a caution."""
    if catalog.in_recovery:
        return ["this is a standby, which counts its own reads alone: look at the primary too"]
    if catalog.standbys:
        return [f"{catalog.standbys} standbys are attached: what is read there is counted there alone"]
    return []


def drop(index: Index) -> str:
    """Return the statement that drops *index*, or the constraint that it keeps."""
    if index.constraint:
        return _cure("drop_constraint", table=index.full_table, constraint=index.constraint)
    text = _cure("drop_index", index=index.full_name)
    # concurrently is not for partitioned indexes
    return text.replace(" CONCURRENTLY", "") if index.is_partitioned else text


def create(table: Table, columns: Sequence[str]) -> str:
    """Return the statement that makes an index on *columns*."""
    text = _cure("create_index", table=table.full_name, columns=", ".join(columns))
    return text.replace(" CONCURRENTLY", "") if table.is_partitioned else text


def while_built(table: Table, parts: int) -> list[str]:
    """Say what :func:`create` costs while it runs, and how else: for a partitioned table, each a caution."""
    if not table.is_partitioned:
        return []
    return [
        "its cure keeps writers out while it runs, since no index is made concurrently on a partitioned table; "
        f"without that: CREATE INDEX ... ON ONLY {table.full_name}, then CREATE INDEX CONCURRENTLY on each "
        f"partition ({parts}), then ALTER INDEX ... ATTACH PARTITION for each"
    ]


def leaves_out(index: Index, catalog: Catalog) -> str:
    """Say which rows a partial index holds, and how many by the last ANALYZE or VACUUM."""
    table = next((one for one in catalog.tables if one.oid == index.table_oid), None)
    text = f"{index.full_name} holds only rows WHERE {index.predicate}"
    if table is None or index.rows_estimated is None or not table.is_analyzed:
        return text
    return f"{text}, about {index.rows_estimated} of {table.rows_estimated}"


def _cure(name: str, **parts: str) -> str:
    return sql.load(f"indexes/{name}").partition("\n")[2].strip().format(**parts)


def size(index: Index) -> str:
    """Return how large *index* is."""
    return format_bytes(index.size_bytes) if index.size_bytes is not None else "unknown size"
