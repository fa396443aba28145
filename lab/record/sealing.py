"""What the raw files of a run become when it is sealed: tables, and counts that have to agree with the books."""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lab.errors import RecordError
from lab.record import histogram, raw
from lab.record.tables import TABLES

_GROUP = 1 << 20  # requests that are made into a table at a time
_ROWS = 1 << 15  # of an observer that are made into a table at a time
_Rows = np.ndarray[Any, Any]


def _whole_records(file: Path, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    size_bytes = file.stat().st_size
    if size_bytes % dtype.itemsize:
        raise RecordError(f"{file.name} ends within a record ({size_bytes} bytes); make the run again")
    return np.fromfile(file, dtype=dtype)


def requests(folder: Path, books: list[raw.Books]) -> tuple[_Rows, _Rows]:
    """Return the records of all load processes by their intended start, on the shared clock, and whose each is."""
    dtype = np.dtype(list(raw.REQUEST_FIELDS))
    parts = [_whole_records(raw.requests_file(folder, book.process), dtype) for book in books]
    counts = [len(part) for part in parts]
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
    del parts  # of ten million requests each copy is 400 MB
    rows["intended_us"] -= np.repeat(np.array([book.offset_us for book in books], np.int64), counts)
    process = np.repeat(np.array([book.process for book in books], np.int64), counts)
    order = np.argsort(rows["intended_us"], kind="stable")
    return rows[order], process[order]


def write_requests(file: Path, rows: _Rows, process: _Rows, names: pa.Array) -> None:
    """Write the requests, a million at a time: a table of ten million would take gigabytes.

    :param names: of the routes, in the order of their index.
    """
    with pq.ParquetWriter(file, TABLES["requests"], compression="zstd") as writer:
        for first in range(0, max(len(rows), 1), _GROUP):
            part = slice(first, first + _GROUP)
            writer.write_table(_request_table(rows[part], process[part], names))


def _request_table(rows: _Rows, process: _Rows, names: pa.Array) -> pa.Table:
    unfinished = (rows["flags"] & raw.UNFINISHED) != 0
    unsent = (rows["flags"] & raw.NEVER_SENT) != 0
    sent = rows["intended_us"] + rows["sent_after_us"].astype(np.int64)
    after = rows["done_after_us"].astype(np.int64)
    age = np.where(unsent, after, sent + after - rows["intended_us"])
    columns = {
        "intended_us": pa.array(rows["intended_us"]),
        "sent_us": pa.array(sent, mask=unsent),
        "done_us": pa.array(sent + after, mask=unfinished | unsent),
        "age_us": pa.array(age, mask=~(unfinished | unsent)),
        **{key: _optional(rows[key]) for key in ("pool_us", "connect_us", "sql_us", "app_us")},
        "bytes": pa.array(rows["bytes"].astype(np.int64)),
        "status": pa.array(rows["status"].astype(np.int32)),
        "route": pa.DictionaryArray.from_arrays(pa.array(rows["route"].astype(np.int16)), names),
        "first": pa.array((rows["flags"] & raw.FIRST) != 0),
        "failed": pa.array((rows["flags"] & raw.FAILED) != 0),
        "unfinished": pa.array(unfinished | unsent),
        "process": pa.array(process),
    }
    return pa.table(columns, schema=TABLES["requests"])


def _optional(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values.astype(np.int64), mask=values == raw.MISSING)


def lag(folder: Path, books: list[raw.Books]) -> pa.Table:
    """Return how late the event loops of all load processes were, on the shared clock."""
    dtype = np.dtype([("t_us", "<i8"), ("lag_us", "<u4")])
    parts = []
    for book in books:
        file = raw.lag_file(folder, book.process)
        rows = _whole_records(file, dtype) if file.exists() else np.empty(0, dtype)
        process = np.full(len(rows), book.process, np.int64)
        columns = [
            pa.array(rows["t_us"] - book.offset_us),
            pa.array(rows["lag_us"].astype(np.int64)),
            pa.array(process),
        ]
        parts.append(pa.table(columns, schema=TABLES["lag"]))
    return pa.concat_tables(parts)


def counts(folder: Path, books: list[raw.Books], slice_us: int, names: pa.Array) -> pa.Table:
    """Add up the cells of all load processes: slices count from the common start, so no clock is involved."""
    dtype = np.dtype(list(histogram.CELL_FIELDS))
    files = [raw.histogram_file(folder, book.process) for book in books]
    cells = np.concatenate([_whole_records(file, dtype) for file in files if file.exists()])
    keys, where = np.unique(cells[["slice", "route", "kind", "bucket"]], return_inverse=True)
    count, total = (np.zeros(len(keys), np.int64) for _ in range(2))
    np.add.at(count, where, cells["count"].astype(np.int64))
    np.add.at(total, where, cells["sum_us"].astype(np.int64))
    kinds = pa.array(histogram.KINDS, pa.string())
    columns = [
        pa.array(keys["slice"].astype(np.int64) * slice_us),
        pa.DictionaryArray.from_arrays(pa.array(keys["route"].astype(np.int8)), names),
        pa.DictionaryArray.from_arrays(pa.array(keys["kind"].astype(np.int8)), kinds),
        pa.array([histogram.middle_us(int(number)) for number in keys["bucket"]], pa.float64()),
        pa.array(count),
        pa.array(total),
    ]
    return pa.table(columns, schema=TABLES["histogram"])


def recorded(rows: _Rows) -> dict[str, int]:
    """Return what became of the requests that were recorded."""
    lost = (rows["flags"] & (raw.UNFINISHED | raw.NEVER_SENT)) != 0
    failed = int(np.count_nonzero(((rows["flags"] & raw.FAILED) != 0) & ~lost))
    unfinished = int(np.count_nonzero(lost))
    return {
        "planned": len(rows),
        "done": len(rows) - failed - unfinished,
        "failed": failed,
        "unfinished": unfinished,
    }


def counted(table: pa.Table) -> dict[str, int]:
    """Return what became of the requests in a histogram."""
    kinds, count = table["kind"].to_numpy(zero_copy_only=False), table["count"].to_numpy()
    done, failed, unfinished = (int(count[kinds == kind].sum()) for kind in ("latency", "failed", "unfinished"))
    return {"planned": done + failed + unfinished, "done": done, "failed": failed, "unfinished": unfinished}


def write_observed(folder: Path, names: Iterable[str]) -> dict[str, int]:
    """Write the tables *names* of what all observers wrote, some rows at a time; return how many rows each has.

    An observer may have looked for a week: no more than a group of each table's rows is in memory.

    :raises RecordError: if one of them ends within a line.
    """
    with ExitStack() as stack:
        tables = {name: stack.enter_context(_Grouped(folder / f"{name}.parquet", TABLES[name])) for name in names}
        for file in sorted(folder.glob("observer-*.jsonl")):
            with file.open(encoding="utf-8") as lines:
                for line in lines:
                    name, row = _observed(file, line)
                    if name in tables:  # what such a record lacks is not there, rather than empty
                        tables[name].add(row)
    return {name: table.rows for name, table in tables.items()}


def _observed(file: Path, line: str) -> tuple[str, dict[str, Any]]:
    try:
        row = json.loads(line)
    except ValueError:
        raise RecordError(f"{file.name} ends within a line; make the run again") from None
    return row.pop("table"), row


class _Grouped:
    """A table that is written as its rows come."""

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._waiting: list[dict[str, Any]] = []
        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")

    def add(self, row: dict[str, Any]) -> None:
        self.rows += 1
        self._waiting.append(row)
        if len(self._waiting) == _ROWS:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._waiting or not self.rows:
                self._write()
        finally:
            self._writer.close()
