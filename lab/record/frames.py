"""Everything recorded, as pandas tables: of one run, or of all complete runs of an experiment, sweep or search.

Columns are those of :mod:`lab.record.tables`; ``describe`` says what each means, ``units`` in what it is counted. A
record need not have every table: what was only observed has no requests. With
several runs each table has two columns more: ``run`` (folder) and ``variant`` (pool, or cell of a sweep).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.errors import RecordError
from lab.record import run as record
from lab.record.run import Run
from lab.record.tables import TABLES, unit

_WHENCE = {"run": "the run's folder", "variant": "its pool, as it was named, or the cell of a sweep"}


class Frames(Mapping[str, Any]):
    """Tables by name, read when they are asked for: ``load(folder)["requests"]`` is a ``pandas.DataFrame``.

    Times are microseconds of the machine's monotonic clock (``_us``), durations and sizes as their names say. A frame
    takes about 120 bytes for each request: 1.3 GB for ten million, while it is made too.
    """

    def __init__(self, runs: tuple[Run, ...], several: bool) -> None:
        """Show the tables of *runs*, of which there is at least one."""
        self.runs = runs
        self._several = several
        self._names = [name for name in TABLES if any(name in run.manifest.files for run in runs)]

    def __getitem__(self, name: str) -> Any:
        """Return one table.

        :raises KeyError: if there is none of this name; the message names those there are.
        :raises RecordError: if a file is damaged.
        """
        if name not in self._names:
            raise KeyError(f"{name!r} was not recorded{self._why(name)}; there are {', '.join(self._names)}")
        parts = [self._part(run, name) for run in self.runs if name in run.manifest.files]
        whole = pa.concat_tables(parts, promote_options="default")
        del parts
        # column by column, and each is given back when it is copied: or else there would be two of everything
        return whole.to_pandas(split_blocks=True, self_destruct=True)

    def __iter__(self) -> Iterator[str]:
        """Yield the tables' names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return how many tables there are."""
        return len(self._names)

    def describe(self, name: str) -> dict[str, str]:
        """Return what each column of a table means, with its unit."""
        return {field.name: _meaning(field) for field in TABLES[name]} | (_WHENCE if self._several else {})

    def units(self, name: str) -> dict[str, str]:
        """Return the unit of each column that has one: us, ms, s, bytes or blocks; counts and ids have none."""
        return {field.name: unit(field.name) for field in TABLES[name] if unit(field.name)}

    def _why(self, name: str) -> str:
        own = self.runs[0].manifest.own
        if name not in own.get("lacks", ()):
            return ""
        return ": the load was somebody else's" if own["what"] == "observe" else ": a run on somebody's own lacks it"

    def _part(self, run: Run, name: str) -> pa.Table:
        table = run.table(name)
        if not self._several:
            return table
        where = str(run.folder.name)
        table = table.append_column("run", pa.array([where] * len(table), pa.string()).dictionary_encode())
        variant = pa.array([run.manifest.variant] * len(table), pa.string()).dictionary_encode()
        return table.append_column("variant", variant)


def _meaning(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"help", b"").decode())


def load(folder: Path | str) -> Frames:
    """Return what *folder* holds: a run, or an experiment, sweep or search with its complete runs.

    :raises RecordError: if there is no complete run in it.
    """
    place = Path(folder)
    if (place / record.MANIFEST).exists():
        return Frames((record.open_run(place),), several=False)
    runs = []
    for each in sorted(place.glob("run-*/")):
        try:
            runs.append(record.open_run(each))
        except RecordError:
            continue
    if not runs:
        raise RecordError(f"{place} holds no complete run; name the folder that a command printed")
    return Frames(tuple(runs), several=True)
