"""The folder of a run on what is not the lab's: begun, sealed, or marked as failed."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab import environment
from lab.config import Config
from lab.errors import LabError
from lab.own.place import Place
from lab.record import run as record
from lab.units import monotonic_us, utc_now

OBSERVED = ("activity", "samples", "database", "statements", "tables")
LOADED = ("requests", "lag")
NEVER = ("pool", "pool_routes", "memory")  # the lab's own application and server tell these


@dataclass(slots=True)
class Draft:
    """A run that is being made."""

    folder: Path
    manifest: record.Manifest
    own: dict[str, Any]
    marks: dict[str, int] = field(default_factory=dict)

    def seal(self) -> Path:
        """Make it a whole record.

        :raises RecordError: if what was written cannot be a record.
        """
        whole = replace(self.manifest, marks=self.marks, own=self.own)
        record.seal(self.folder, whole)
        return self.folder


def lacks(place: Place | None, load: bool, histogram: bool) -> list[str]:
    """Return the tables that a record does not have."""
    return [
        *NEVER,
        *(() if place else OBSERVED),
        *(() if load else LOADED),
        *(() if load and histogram else ("histogram",)),
    ]


@contextmanager
def draft(
    config: Config, place: Place | None, name: str, load: Mapping[str, Any], own: dict[str, Any]
) -> Iterator[Draft]:
    """Begin a run's folder in the home; if the body raises, it is marked as failed, with the reason, and kept.

    :param name: what was measured or observed, for people.
    """
    folder = config.home / "runs" / f"{utc_now():%Y%m%d-%H%M%S}-{own['what']}-{secrets.token_hex(2)}"
    facts = environment.capture(place.as_dict() if place else {})
    manifest = record.Manifest(
        run=folder.name,
        experiment="",
        variant=name,
        pool={},
        load=load,
        pair=1,
        position=0,
        started_utc=utc_now().isoformat(),
        clock_monotonic_us=monotonic_us(),
        clock_unix_us=time.time_ns() // 1000,
        environment=facts,
        environment_hash=record.digest(facts),
        own=own,
    )
    record.begin(folder, manifest)
    try:
        yield Draft(folder, manifest, own)
    except BaseException as error:
        why = str(error) if isinstance(error, LabError) else f"stopped by {type(error).__name__}"
        record.fail(folder, manifest, why)
        raise
