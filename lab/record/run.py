"""The run folder: one immutable folder for each run, and how it is told from one that was cut short.

``manifest.json`` says ``running`` from the first moment and ``complete`` only after every table is on disk with the
number of rows that it names; it is replaced by renaming. So a ``kill -9`` at any moment leaves either a whole run or
one that :func:`open_run` refuses.

Format history: 1 — first; 2 — several load processes (``loaders``), histograms. Tables that came later are missing in
older runs of the same format (``pool``, ``pool_routes``): the manifest's ``files`` says which there are.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lab.errors import IncompleteRunError, RecordError
from lab.plan import ROUTES, LoadPlan
from lab.record import histogram, raw, sealing
from lab.record.files import flush, write_atomically
from lab.record.tables import TABLES

FORMAT = 2
SILENT_LIMIT_US = 2_000_000  # of a load process that ships its records twice a second
LATE_LIMIT_US = 100_000  # of a load process behind the common start; a tenth of the shortest usual warm-up
MANIFEST = "manifest.json"
_RAW = ("requests-*.bin", "histogram-*.bin", "lag-*.bin", "books-*.json", "observer-*.jsonl", raw.NAMES, raw.UNANSWERED)
_OF_THE_MACHINE = ("host", "python", "packages")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run was: enough to read it, to judge it, and to make it again."""

    run: str  # name of the folder
    experiment: str
    variant: str
    pool: Mapping[str, Any]
    load: Mapping[str, Any]
    pair: int  # 1, 2, ...: runs of the same pair are compared with each other
    position: int  # 0 or 1: which of its pair came first
    started_utc: str
    clock_monotonic_us: int  # with clock_unix_us: the same moment on both clocks
    clock_unix_us: int
    environment: Mapping[str, Any] = field(default_factory=dict)
    environment_hash: str = ""
    application: str = ""  # application_name of the app's connections
    marks: Mapping[str, int] = field(default_factory=dict)  # phase boundary -> us, monotonic
    books: Mapping[str, int] = field(default_factory=dict)  # planned, done, failed, unfinished; over all processes
    loaders: tuple[Mapping[str, Any], ...] = ()  # the books of each load process
    detail: str = "requests"  # or histogram: requests were counted, and not kept one by one
    pool_counters: Mapping[str, Any] = field(default_factory=dict)  # what the app's meter counted
    files: Mapping[str, int] = field(default_factory=dict)  # Parquet file -> rows
    flags: tuple[str, ...] = ()  # reasons for which the run is not valid
    own: Mapping[str, Any] = field(default_factory=dict)  # of a run on what is not the lab's: see lab.own; else empty
    state: str = "running"  # running, complete or failed
    reason: str = ""
    format: int = FORMAT


def digest(values: Mapping[str, Any]) -> str:
    """Return a short hash of plain values, the same for the same values in any order."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def machine_hash(facts: Mapping[str, Any], server: Mapping[str, Any] | None = None) -> str:
    """Return what a machine and the packages on it come to; the lab's own code may change without changing it.

    The memory is left out: what the kernel keeps of it for itself differs from one boot to the next.

    :param facts: what :func:`lab.environment.capture` gave, or a run's manifest has.
    :param server: what must not change of PostgreSQL either.
    """
    same = {name: facts.get(name) for name in _OF_THE_MACHINE}
    same["host"] = {name: value for name, value in (same["host"] or {}).items() if name != "memory_bytes"}
    return digest(same if server is None else {**same, "server": server})


def begin(folder: Path, manifest: Manifest) -> Manifest:
    """Make the run's folder and write its manifest, marked as running."""
    folder.mkdir(parents=True)
    _write_manifest(folder, manifest)
    return manifest


def fail(folder: Path, manifest: Manifest, reason: str) -> Manifest:
    """Mark the run as failed, with the reason; its raw files stay."""
    failed = replace(manifest, state="failed", reason=reason)
    _write_manifest(folder, failed)
    return failed


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Turn the raw files into tables, then mark the run as complete, in that order; raw files are removed last.

    A run on what is not the lab's that made no load has neither requests nor books.

    :raises RecordError: if a load process left no books, or its file and its books disagree.
    """
    books = read_books(folder) if manifest.load or not manifest.own else []
    counted = any(folder.glob("histogram-*.bin"))
    # what nobody looked at is not there, rather than empty
    lacks = {"requests", "lag", "histogram", *(manifest.own["lacks"] if manifest.own else ())}
    observed = sealing.write_observed(folder, [name for name in TABLES if name not in lacks])
    requests, tables = _loaded(folder, manifest, books, counted) if books else (None, {})
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    rows = {} if requests is None else {"requests": len(requests)}
    rows |= observed | {name: table.num_rows for name, table in tables.items()}
    for name in rows:
        flush(folder / f"{name}.parquet")
    totals = {key: sum(getattr(book, key) for book in books) for key in ("planned", "done", "failed", "unfinished")}
    for book in books:
        if not book.balanced:
            raise RecordError(
                f"run {folder.name}: load process {book.process} planned {book.planned} requests and tells of "
                f"{book.done} done, {book.failed} failed, {book.unfinished} unfinished; make the run again"
            )
    recorded = totals if requests is None else sealing.recorded(requests)
    if counted:
        recorded = sealing.counted(tables["histogram"])
    if recorded != totals:
        raise RecordError(f"run {folder.name}: the books say {totals}, the records {recorded}; make the run again")
    flags = tuple(flag for book in books for flag in _flags(book))
    sealed = replace(
        manifest,
        state="complete",
        files=rows,
        books=totals,
        loaders=tuple(book.as_dict() for book in books),
        detail="histogram" if counted else "requests",
        flags=manifest.flags + flags,
    )
    _write_manifest(folder, sealed)
    tidy(folder)
    return sealed


def tidy(folder: Path) -> None:
    """Remove what a complete run needs no more: raw files, if its sealing was cut short at the very end."""
    for pattern in (*_RAW, "*.part"):
        for file in folder.glob(pattern):
            file.unlink()


def _loaded(
    folder: Path, manifest: Manifest, books: list[raw.Books], counted: bool
) -> tuple[np.ndarray[Any, Any], dict[str, pa.Table]]:
    """Write the requests; return their records, and the other tables of the load."""
    plan, names = LoadPlan.from_dict(manifest.load), _route_names(folder, manifest)
    requests, process = sealing.requests(folder, books)
    sealing.write_requests(folder / "requests.parquet", requests, process, names)
    tables = {"lag": sealing.lag(folder, books)}
    if counted:
        tables["histogram"] = sealing.counts(folder, books, histogram.slice_us(plan.total_s), names)
    return requests, tables


def _route_names(folder: Path, manifest: Manifest) -> pa.Array:
    names = raw.read_names(folder) or list(manifest.load.get("paths", ())) or [route.name for route in ROUTES]
    return pa.array(names, pa.string())


def _flags(book: raw.Books) -> Iterator[str]:
    """Say what is wrong with one load process's share of the run."""
    who = f"load process {book.process} ({book.name})" if book.name else f"load process {book.process}"
    if book.saturated:
        yield f"generator saturated: {who} used {book.cpu_pct:.0f} % of a core"
    if book.lost_us:
        after_s = (book.lost_us - book.started_us + book.offset_us) / 1e6
        yield (
            f"load process lost: {who} was last heard of {after_s:.1f} s after the start; what it did then is not "
            f"known, and {book.unfinished} of its requests were in the air"
        )
    elif book.silent_us > SILENT_LIMIT_US:
        yield f"load process silent: nothing was heard of {who} for {book.silent_us / 1e6:.1f} s"
    if book.late_us > LATE_LIMIT_US:
        yield f"load process late: {who} began {book.late_us / 1e3:.0f} ms after the others"


def read_books(folder: Path) -> list[raw.Books]:
    """Read the books of every load process of a run that is not sealed yet.

    :raises RecordError: if a process left requests and no books: it was killed.
    """
    books = [raw.Books(**json.loads(file.read_text())) for file in folder.glob("books-*.json")]
    books.sort(key=lambda book: book.process)
    left = {file.stem.split("-")[1] for file in folder.glob("requests-*.bin")}
    missing = left - {str(book.process) for book in books}
    if missing or not books:
        who = ", ".join(sorted(missing)) or "every one"
        raise RecordError(f"run {folder.name}: load process {who} ended without closing its books; run it again")
    return books


def read_manifest(folder: Path) -> Manifest:
    """Read a run's manifest, whatever its state.

    :raises RecordError: if there is none, it is damaged, or of a later format.
    """
    file = folder / MANIFEST
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"{folder} is no run: it holds no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise RecordError(f"{file} cannot be read ({error}); the run is lost, make it again") from None
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise RecordError(f"{file} is no manifest of a run; make the run again")
    if values["format"] > FORMAT:
        raise RecordError(f"{file} has format {values['format']}; this version reads up to {FORMAT}: update the lab")
    known = {item.name for item in fields(Manifest)}
    try:
        manifest = Manifest(**{key: value for key, value in values.items() if key in known})
    except TypeError as error:
        raise RecordError(f"{file} is damaged ({error}); make the run again") from None
    return replace(manifest, flags=tuple(manifest.flags), loaders=tuple(manifest.loaders))


@dataclass(frozen=True, slots=True)
class Run:
    """A complete run: its manifest, and its tables on demand."""

    folder: Path
    manifest: Manifest

    def table(self, name: str, columns: Iterable[str] | None = None) -> pa.Table:
        """Read one table; an empty one if the run is of a kind that lacks it.

        :raises RecordError: if the file is missing or has not the number of rows that the manifest names.
        """
        file = self.folder / f"{name}.parquet"
        if name in self.manifest.own.get("lacks", ()):
            empty = TABLES[name].empty_table()
            return empty if columns is None else empty.select(list(columns))
        try:
            # read_table would load pandas for it, which takes longer than most tables
            with pq.ParquetFile(file) as parts:
                table = parts.read(columns=list(columns) if columns is not None else None)
        except FileNotFoundError:
            raise RecordError(f"{file} is missing; make the run again") from None
        except (OSError, pa.ArrowException) as error:
            raise RecordError(f"{file} cannot be read ({error}); make the run again") from None
        if table.num_rows != self.manifest.files.get(name):
            raise RecordError(
                f"{file} has {table.num_rows} rows, its manifest says {self.manifest.files.get(name)}; "
                "make the run again"
            )
        return table


def open_run(folder: Path) -> Run:
    """Open a complete run.

    :raises IncompleteRunError: if the run was cut short or failed.
    :raises RecordError: if the folder is no run, or damaged.
    """
    manifest = read_manifest(folder)
    if manifest.state != "complete":
        why = manifest.reason or "it was cut short"
        raise IncompleteRunError(f"run {folder.name} is {manifest.state}, not complete ({why}); make it again")
    return Run(folder, manifest)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    write_atomically(folder / MANIFEST, json.dumps(asdict(manifest), indent=1, default=str) + "\n")


def append_row(folder: Path, pid: int, table: str, row: Mapping[str, Any]) -> None:
    """Add one row, seen by the process *pid*, to what the observers write."""
    append_rows(folder, pid, table, [row])


def append_rows(folder: Path, who: int | str, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add several rows, seen by *who*, to what the observers write."""
    lines = "".join(json.dumps({"table": table, **row}) + "\n" for row in rows)
    with raw.observer_file(folder, who).open("a", encoding="utf-8") as stream:
        stream.write(lines)


def append_event(folder: Path, event: str, t_us: int, **values: Any) -> None:
    """Add one line to the run's ``events.jsonl``: something that happened once, at *t_us* (monotonic)."""
    line = json.dumps({"t_us": t_us, "event": event, **values}, default=str)
    with (folder / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Return the run's events in the order of their time; a half-written last line is left out."""
    file = folder / "events.jsonl"
    lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
    return sorted((json.loads(line) for line in lines), key=lambda event: int(event["t_us"]))
