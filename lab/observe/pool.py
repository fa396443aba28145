"""What the app's workers sampled of their pools, fetched from them while the load goes on.

The workers keep their samples for two minutes (:mod:`lab.app.sampler`), so they are asked now and then, in a thread of
the lab's: a worker that does not answer delays nothing else, and is asked again.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.record.run import append_rows

EVERY_S = 5.0
_WRITER = "pool"

Answers = list[dict[str, Any]]  # of each worker: pid, samples, routes
Ask = Callable[[int], Answers]  # samples taken after (us, monotonic)


class PoolSamples:
    """Fetches samples through *ask* into the run's *folder*."""

    def __init__(self, ask: Ask, folder: Path, every_s: float = EVERY_S) -> None:
        self._ask = ask
        self._folder = folder
        self._every_s = every_s
        self._last_us: dict[int, int] = {}
        self._error: OSError | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pool samples", daemon=True)

    def begin(self) -> None:
        """Fetch once, before the load, and then again and again."""
        self.fetch()
        self._thread.start()

    def end(self) -> None:
        """Fetch for the last time, while the app is still up; may be called again.

        :raises OSError: if what was fetched could not be written, also earlier.
        """
        if not self._ends.is_set():
            self.abandon()
            self.fetch()
        if self._error:
            raise self._error

    def abandon(self) -> None:
        """Fetch no more; returns when no fetch is under way."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join()

    def fetch(self) -> None:
        """Write what is new; everybody is asked for what came after the last sample of whoever is furthest behind."""
        for answer in self._ask(min(self._last_us.values(), default=0)):
            last_us = self._last_us.get(answer["pid"], 0)
            new = [sample for sample in answer["samples"] if sample["t_us"] > last_us]
            self._last_us[answer["pid"]] = max([last_us, *(sample["t_us"] for sample in new)])
            append_rows(self._folder, _WRITER, "pool", new)
            append_rows(self._folder, _WRITER, "pool_routes", answer["routes"])

    def _run(self) -> None:
        while not self._ends.wait(self._every_s):
            try:
                self.fetch()
            except OSError as error:
                self._error = error
                return


@contextmanager
def pool_samples(ask: Ask, folder: Path) -> Iterator[PoolSamples]:
    """Fetch samples for the length of a ``with`` block, at whose end the app may be gone."""
    samples = PoolSamples(ask, folder)
    samples.begin()
    try:
        yield samples
    finally:
        samples.abandon()
