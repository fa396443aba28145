"""A record of a database beside any load: activity over time, and what its counters grew by.

The load is somebody else's. The record is a run's folder, without requests.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.config import Config
from lab.errors import ObserverError, UsageError
from lab.own.eyes import POLL_S, TICK_S, Eyes, eyes, look, mark
from lab.own.folder import draft, lacks
from lab.own.place import Place, find
from lab.units import monotonic_us
from lab.watch import Tick, Watch

LONGEST_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What to observe: the database of a DSN, for some seconds or until it is stopped."""

    dsn: str
    seconds: float | None = None

    def checked(self) -> "Wish":
        """Return self if it can be done.

        :raises UsageError: naming the number and its limits.
        """
        if self.seconds is not None and not 1 <= self.seconds <= LONGEST_S:
            raise UsageError(f"seconds is {self.seconds:g}; give 1 to {LONGEST_S:g}, or leave it out and press Ctrl-C")
        return self


def observe(wish: Wish, config: Config, watch: Watch) -> Path:
    """Observe, and return the record's folder; a Ctrl-C ends it before its time, and the record is whole all the same.

    :raises ObserverError: if the database cannot be looked at, or the observer dies; the run is then kept as failed.
    """
    place = find(wish.checked().dsn)
    own: dict[str, Any] = {
        "what": "observe",
        "database": {"name": place.database, "version": place.version},
        "asked_s": wish.seconds,
        "interrupted": False,
        "hidden": [],
        "absent": list(place.absent),
        "lacks": lacks(place, load=False, histogram=False),
    }
    with draft(config, place, place.database, {}, own) as run:
        look(place, run.folder, "start", own)
        with eyes(place, run.folder, {"lab": os.getpid()}) as seeing:
            run.marks |= mark(seeing, "start", run.folder)
            try:
                _stay(wish, place, seeing, watch)
            except KeyboardInterrupt:
                own["interrupted"] = True
            run.marks |= mark(seeing, "after", run.folder)
        look(place, run.folder, "after", own)
        return run.seal()


def _stay(wish: Wish, place: Place, seeing: Eyes, watch: Watch) -> None:
    until = "" if wish.seconds is None else f" for {wish.seconds:g} s"
    watch.say(f"observing {place.database}{until}; Ctrl-C ends it and keeps the record")
    began_us = monotonic_us()
    ticked_s = 0.0
    while (elapsed_s := (monotonic_us() - began_us) / 1e6) < (wish.seconds or LONGEST_S):
        if not seeing.alive():
            raise ObserverError(f"the observer of {place.database} died; the run is kept as failed: observe again")
        if watch.live and wish.seconds and elapsed_s - ticked_s >= TICK_S:
            ticked_s = elapsed_s
            watch.tick(Tick(None, 1, elapsed_s, wish.seconds, 0.0))
        left_s = (wish.seconds or LONGEST_S) - elapsed_s
        time.sleep(max(0.0, min(POLL_S, left_s)))
