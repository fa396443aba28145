"""What every request was, in 40 bytes, kept in memory and written twice a second.

The recorder counts what was planned apart from what became of it, so that the books can show a loss. Requests in the
air when it is closed are written with their age; its books come last, by renaming, and only then is the run whole.
It knows neither Locust nor gevent: :mod:`loadtests.conductor` stamps, and calls.

Where the records go is a :mod:`loadtests.stores`'s business; format: :mod:`lab.record.raw`.
"""

import re
import time
from collections.abc import Iterable

from lab import limits
from lab.record import histogram, raw
from lab.units import monotonic_us
from loadtests.stores import Part, Store

FLUSH_EVERY_S = 0.5  # what a live chart may lag behind
Timing = tuple[int, int, int, int]  # pool, connect, sql, app: microseconds, or raw.MISSING

_NO_TIMING: Timing = (raw.MISSING,) * 4
_METRIC = re.compile(r'(?:^|,)\s*(pool|connect|sql|app)\s*(?:;[^,;]*?)*?;\s*dur="?(\d+(?:\.\d+)?)"?\s*(?=[,;]|$)')
_MS = r"(\d{1,6}\.\d+)"
_ALL_FOUR = re.compile(rf"pool;dur={_MS}, connect;dur={_MS}, sql;dur={_MS}, app;dur={_MS}").fullmatch
_pack = raw.REQUEST.pack


def server_timing(header: str | list[str] | None) -> Timing:
    """Return pool, connect, sql and app of a Server-Timing header, in microseconds; MISSING for what is not there.

    Source: W3C Server Timing; the durations of the header are milliseconds.

    >>> server_timing("pool;dur=0.25, app;dur=3")
    (250, 4294967295, 4294967295, 3000)
    """
    if not header:
        return _NO_TIMING
    if isinstance(header, list):
        header = ",".join(header)
    if match := _ALL_FOUR(header):  # as the sample app writes it: a third of the general way's cost
        pool, connect, sql, app = match.groups()
        return (
            int(float(pool) * 1000 + 0.5),
            int(float(connect) * 1000 + 0.5),
            int(float(sql) * 1000 + 0.5),
            int(float(app) * 1000 + 0.5),
        )
    found = dict(_METRIC.findall(header))
    return _us(found, "pool"), _us(found, "connect"), _us(found, "sql"), _us(found, "app")


def _us(found: dict[str, str], name: str) -> int:
    if name not in found:
        return raw.MISSING
    return min(round(float(found[name]) * 1000), raw.LONGEST_US)


class Flight:
    """One connection's request in the air: at most one at a time. *sent_us* is 0 while there is none."""

    __slots__ = ("first", "intended_us", "route", "sent_us")

    def __init__(self) -> None:
        self.sent_us = 0
        self.intended_us = 0
        self.route = 0
        self.first = False


class Recorder:
    """Keeps one load process's requests, its event loop's lateness, and its books.

    Without a store it only counts. With *slice_us* it keeps histograms, of slices so long, instead of single requests.

    :raises OSError: from :meth:`flush` and :meth:`close`, if the store refuses.
    """

    def __init__(self, store: Store | None, slice_us: int = 0) -> None:
        self.planned = self.done = self.failed = self.unfinished = 0
        self.closed = False
        self.late_us = 0  # how long after the common start this process began
        self._store = store
        self._tally = histogram.Tally(0, slice_us) if slice_us else None
        self._rows, self._lags = bytearray(), bytearray()
        self._flights: list[Flight] = []
        self._cpus = limits.here()["cpus"]
        self._anchor = monotonic_us(), time.time_ns() // 1000
        self._cpu_s = time.process_time()

    def begin(self, start_us: int) -> None:
        """Count CPU time from now on: the load begins, at *start_us*."""
        self._cpu_s = time.process_time()

    def began(self, start_us: int) -> None:
        """Note that one user begins now, which should have begun at *start_us*."""
        self.late_us = max(self.late_us, monotonic_us() - start_us)
        if self._tally:
            self._tally.start_us = start_us

    def flight(self) -> Flight:
        """Return the place of one connection's requests; what is in it at the end counts as unfinished."""
        flight = Flight()
        self._flights.append(flight)
        return flight

    @property
    def in_flight(self) -> int:
        """How many requests are in the air."""
        return sum(1 for flight in self._flights if flight.sent_us)

    def plan(self) -> None:
        """Count a request whose intended start has come."""
        if not self.closed:
            self.planned += 1

    def depart(self, flight: Flight, route: int, intended_us: int, sent_us: int) -> None:
        """Note that a planned request leaves now, at *sent_us*."""
        flight.route = route
        flight.intended_us = intended_us
        flight.sent_us = sent_us
        flight.first = False

    def land(
        self,
        flight: Flight,
        done_us: int,
        status: int,
        size: int,
        timing: str | list[str] | None,
        failed: bool | None = None,
    ) -> None:
        """Write the request that departed with *flight*. *status* 0: no answer; *size*: bytes of the body.

        *failed* is what a locustfile says of it; None: the status says.
        """
        if self.closed or not flight.sent_us:
            return
        sent_us, intended_us = flight.sent_us, flight.intended_us
        flight.sent_us = 0
        flags = raw.FIRST if flight.first else 0
        if 0 < status < 400 if failed is None else not failed:
            self.done += 1
        else:
            self.failed += 1
            flags |= raw.FAILED
        if self._store is None:
            return
        if self._tally:
            if flags & raw.FAILED:
                self._tally.loss(flight.route, histogram.FAILED, intended_us, done_us - intended_us)
            else:
                self._tally.success(flight.route, intended_us, sent_us, done_us)
            return
        parts = server_timing(timing)
        wait_us, service_us = clamp_us(sent_us - intended_us), clamp_us(done_us - sent_us)
        size = min(size, raw.LONGEST_US)
        self._rows += _pack(intended_us, wait_us, service_us, *parts, size, status, flight.route, flags)

    def give_up(self, flight: Flight, now_us: int) -> None:
        """Write a request that was broken off before its answer came, as unfinished."""
        if self.closed or not flight.sent_us:
            return
        self._leave(flight.intended_us, flight.sent_us, now_us, flight.route, _flags(flight))
        flight.sent_us = 0

    def lag(self, now_us: int, late_us: int) -> None:
        """Write how late the event loop was at *now_us*."""
        if self._store is not None and not self.closed:
            self._lags += raw.LAG.pack(now_us, clamp_us(late_us))

    def flush(self, waiting: Iterable[tuple[int, int]] = ()) -> None:
        """Hand what has gathered to the store. *waiting*: route and intended start of what was not sent yet."""
        if self._store is None:
            return
        rows, self._rows = self._rows, bytearray()
        lags, self._lags = self._lags, bytearray()
        cells = self._tally.pack() if self._tally else b""
        open_rows = bytearray()
        if self._store.wants_open:
            now_us = monotonic_us()
            for flight in self._flights:
                if flight.sent_us:
                    open_rows += _unfinished(flight.intended_us, flight.sent_us, now_us, flight.route, _flags(flight))
            for route, intended_us in waiting:
                open_rows += _unfinished(intended_us, intended_us, now_us, route, raw.UNFINISHED | raw.NEVER_SENT)
        counts = (self.planned, self.done, self.failed, self.unfinished)
        self._store.add(Part(bytes(rows), bytes(lags), cells, counts, bytes(open_rows)))

    def close(self, started_us: int, stopped_us: int, waiting: Iterable[tuple[int, int]] = ()) -> raw.Books:
        """Write what is unfinished, then the books. *waiting*: route and intended start of what was never sent."""
        now_us = monotonic_us()
        for flight in self._flights:
            self.give_up(flight, now_us)
        for route, intended_us in waiting:
            self._leave(intended_us, intended_us, now_us, route, raw.UNFINISHED | raw.NEVER_SENT)
        self.abandon()
        books = self._books(started_us, stopped_us)
        if self._store is not None:
            self._store.finish(books)
        return books

    def abandon(self) -> None:
        """Write what has gathered and stop, without books: the run is then known as incomplete."""
        if self.closed:
            return
        self.flush()
        self.closed = True
        if self._store is not None:
            self._store.close()

    def _books(self, started_us: int, stopped_us: int) -> raw.Books:
        counts = (self.planned, self.done, self.failed, self.unfinished)
        elapsed_s = max(1e-6, (monotonic_us() - started_us) / 1e6)
        cpu_pct = 100 * (time.process_time() - self._cpu_s) / elapsed_s
        # a container that may use half a core is full at half of one
        saturated = cpu_pct > raw.SATURATED_PCT * min(1.0, self._cpus or 1.0)
        process, name = (self._store.process, self._store.name) if self._store else (0, "")
        return raw.Books(
            process, *counts, started_us, stopped_us, *self._anchor,
            cpu_pct=cpu_pct, saturated=saturated, name=name, cpus=self._cpus, late_us=self.late_us,
        )  # fmt: skip

    def _leave(self, intended_us: int, sent_us: int, now_us: int, route: int, flags: int) -> None:
        self.unfinished += 1
        if self._tally:
            self._tally.loss(route, histogram.UNFINISHED, intended_us, now_us - intended_us)
        else:
            self._rows += _unfinished(intended_us, sent_us, now_us, route, flags)


def _flags(flight: Flight) -> int:
    return raw.UNFINISHED | (raw.FIRST if flight.first else 0)


def _unfinished(intended_us: int, sent_us: int, now_us: int, route: int, flags: int) -> bytes:
    wait_us, age_us = clamp_us(sent_us - intended_us), clamp_us(now_us - sent_us)
    return _pack(intended_us, wait_us, age_us, *_NO_TIMING, 0, 0, route, flags)


def clamp_us(value_us: int) -> int:
    """Return a duration that fits the record.

    >>> clamp_us(-1), clamp_us(7), clamp_us(2**40) == raw.LONGEST_US
    (0, 7, True)
    """
    return 0 if value_us < 0 else min(value_us, raw.LONGEST_US)
