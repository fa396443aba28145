"""jsonlog (PostgreSQL 15 and later): one JSON object for each entry, and each on a line of its own."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from lab.slowlog.block import Entries, Row, clean, from_rows, whole_lines

_KEYS = ("timestamp", "session_id", "error_severity", "message", "detail")
_SCHEMA = pa.schema([(key, pa.string()) for key in _KEYS])
_OBJECT = re.compile(r'\{\s*"timestamp"')
_DECODER = json.JSONDecoder(strict=False)


def blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a file into blocks of whole lines, the last one as it is; of a line longer than 16 MB a part is left."""
    return (data for data, _ in whole_lines(chunks))


def parse(data: bytes) -> Entries:
    """Return the entries of a block."""
    data = clean(data)
    return _whole(data) or _line_by_line(data)


def _whole(data: bytes) -> Entries | None:
    """Read the block with Arrow; None if it is not as it should be."""
    try:
        table = arrow_json.read_json(
            pa.BufferReader(data),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=arrow_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    columns = [pa.concat_arrays(table[key].chunks) for key in _KEYS]
    if table.num_rows != lines or columns[2].null_count or columns[3].null_count:
        return None
    return Entries(*(pc.fill_null(column, "") for column in columns))


def _line_by_line(data: bytes) -> Entries:
    rows: list[Row] = []
    skipped = 0
    for line in data.decode(errors="replace").split("\n"):
        if line.strip():
            found, lost = _objects(line)
            rows += found
            skipped += lost
    return from_rows(rows, skipped)


def _objects(line: str) -> tuple[list[Row], int]:
    """Return the entries on a line, of which there is one if nothing is broken, and how many are lost."""
    rows: list[Row] = []
    lost, end = 0, 0
    for start in [match.start() for match in _OBJECT.finditer(line)] or [0]:
        if start < end:  # inside the one before, in a statement
            continue
        try:
            value, end = _DECODER.raw_decode(line, start)
        except (ValueError, RecursionError):
            lost += 1
            continue
        row = _row(value)
        rows += [row] if row else []
        lost += row is None
    return rows, lost


def _row(value: Any) -> Row | None:
    if not isinstance(value, dict) or not isinstance(value.get("message"), str) or "error_severity" not in value:
        return None
    time, session, severity, message, detail = (str(value.get(key, "")) for key in _KEYS)
    return time, session, severity, message, detail
