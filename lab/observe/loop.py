"""The observer's one thread: it waits for the next look, for an order, or for the server's answer, all at once.

psycopg2 hands every wait for the server to :meth:`Loop.wait`, so a server that has stopped answering stops the
sampling and nothing else: orders are still answered, rows still flushed, CPU times still read, and the end of
standard input still ends the process.
"""

import os
import random
import select
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE, connection

from lab.errors import ObserverError
from lab.observe.orders import HolderGone, Order, Orders, Stop
from lab.observe.rows import Rows
from lab.observe.schedule import moments, next_due
from lab.observe.session import Session, one_line
from lab.observe.system import System
from lab.units import monotonic_us

FLUSH_US = 500_000
SYSTEM_US = 1_000_000
USAGE_AGAIN_US = 10_000_000  # after a question for the server's CPU time that failed
RETRY_US = 500_000
PATIENCE_US = 3_000_000  # a mark gets its answer within this, if only an error
SILENCE_US = 1_000_000  # a server that is silent for this long is worth an event
CONNECT_US = 10_000_000
MEMORY_MARK = "load_done"  # the load is over, and the pool's connections are still open

T = TypeVar("T")


class Unanswered(Exception):
    """The server did not answer in time; the connection is of no more use."""


class Loop:
    """Samples, marks and orders."""

    def __init__(
        self, dsn: str, target: str, rows: Rows, system: System, hz: float, orders: Orders, anyone: bool = False
    ) -> None:
        """Prepare; nothing is asked yet. *anyone*: as for :class:`Session`."""
        self._dsn, self._target, self._anyone = dsn, target, anyone
        self._rows, self._system, self._orders = rows, system, orders
        self._session: Session | None = None
        self._schedule = moments(monotonic_us(), hz, random.Random())
        self._marks: deque[Order] = deque()
        self._holder = os.getppid()
        self._flush_us = self._system_us = self._usage_us = self._retry_us = 0
        self._asked_us = self._deadline_us = 0
        self._silent = False

    def connect(self, limit_us: int = CONNECT_US) -> Session:
        """Open the connection within *limit_us*; standard input is obeyed meanwhile.

        :raises ObserverError: if the server cannot be reached or the target is not there.
        """
        try:
            session = self._ask(lambda: Session(self._dsn, self._target, self._anyone), limit_us)
        except (psycopg2.Error, Unanswered) as error:
            raise ObserverError(f"the observer cannot reach the server: {one_line(error)}") from None
        self._session = session
        self._system.backend_is(session.backend_pid)
        return session

    def run(self) -> None:
        """Observe until told to stop; returns only by exception.

        :raises Stop: on the order to stop.
        :raises HolderGone: if standard input ends.
        :raises OSError: if the rows cannot be written.
        """
        while True:
            due_us = next_due(self._schedule, monotonic_us())
            self._idle(due_us)
            if self._session:
                self._sample(self._session, due_us)
                if monotonic_us() >= self._usage_us:
                    self._usage()
            elif monotonic_us() >= self._retry_us:
                self._reconnect(CONNECT_US)

    # what goes on between two looks

    def _idle(self, until_us: int) -> None:
        while (now_us := monotonic_us()) < until_us:
            self._housekeep(now_us)
            left_us = min(until_us, self._flush_us, self._system_us) - now_us
            if select.select([self._orders.source], [], [], max(0, left_us) / 1e6)[0]:
                self._obey()
            while self._marks:
                self._mark(self._marks.popleft())

    def _housekeep(self, now_us: int) -> None:
        if now_us >= self._system_us:
            self._system_us = now_us + SYSTEM_US
            self._system.record()
            # where another process holds our standard input open, its end never comes
            if os.getppid() != self._holder:
                raise HolderGone
        if now_us >= self._flush_us:
            self._flush_us = now_us + FLUSH_US
            self._rows.flush()

    def _obey(self) -> None:
        for order in self._orders.read():
            match order.words:
                case ("mark", _):
                    self._marks.append(order)
                case ("watch", role, pid) if pid.isdecimal():
                    self._watch(role, int(pid))
                case ("stop",):
                    raise Stop
                case _:
                    self._orders.error(order.name, "no such order; there are: mark NAME, watch ROLE PID, stop")

    def _watch(self, role: str, pid: int) -> None:
        try:
            self._system.watch(role, pid)
        except ObserverError as error:
            self._orders.error(role, str(error))
        else:
            self._orders.ok(role, monotonic_us())

    # questions to the server

    def wait(self, conn: connection) -> None:
        """Wait for the server on psycopg2's behalf; what else is due is done meanwhile.

        :raises Unanswered: when the question in hand has taken longer than it may.
        """
        while (state := conn.poll()) != POLL_OK:
            server = [conn.fileno()]
            writes = server if state == POLL_WRITE else []
            reads = [self._orders.source, *([] if writes else server)]
            readable, writable, _ = select.select(reads, writes, [], 0.1)
            if self._orders.source in readable:
                self._obey()
            if not writable and server[0] not in readable:
                self._endure(monotonic_us())

    def _endure(self, now_us: int) -> None:
        """Do what must go on while the server is silent."""
        self._housekeep(now_us)
        while self._marks and now_us - self._marks[0].came_us > PATIENCE_US:
            self._orders.error(self._marks.popleft().name, "the server does not answer")
        if not self._silent and now_us - self._asked_us > SILENCE_US:
            self._silent = True
            self._rows.event("server silent", "it does not answer; sampling pauses", self._asked_us)
        if self._deadline_us and now_us > self._deadline_us:
            raise Unanswered("the server does not answer")

    def _ask(self, question: Callable[[], T], limit_us: int | None = None) -> T:
        """Ask the server; without a limit it waits as long as it takes."""
        self._asked_us = monotonic_us()
        self._deadline_us = self._asked_us + limit_us if limit_us is not None else 0
        try:
            answer = question()
        finally:
            self._deadline_us = 0
        if self._silent:
            self._silent = False
            self._rows.event("server answers", f"again, after {(monotonic_us() - self._asked_us) / 1e6:.1f} s")
        return answer

    def _sample(self, session: Session, due_us: int) -> None:
        t_us = monotonic_us()
        try:
            found = self._ask(session.activity)
        except psycopg2.Error as error:
            self._trouble(session, "sample failed", error)
            return
        took_us = monotonic_us() - t_us
        self._rows.add("samples", {"t_us": t_us, "late_us": t_us - due_us, "took_us": took_us})
        for application, state, wait_type, wait, backends in found:
            row = {"application": application, "state": state, "wait_event_type": wait_type, "wait_event": wait}
            self._rows.add("activity", {"t_us": t_us, **row, "backends": backends})

    def _mark(self, order: Order) -> None:
        """Take a snapshot, all of it or nothing."""
        name, end_us = order.name, order.came_us + PATIENCE_US
        session = self._session or self._reconnect(end_us - monotonic_us())
        if session is None:
            self._orders.error(name, "the server is gone")
            return
        t_us = monotonic_us()
        try:
            database, statements = self._ask(lambda: (session.database(), session.statements()), end_us - t_us)
        except (psycopg2.Error, Unanswered, ObserverError) as error:
            self._trouble(session, f"mark {name} failed", error)
            self._orders.error(name, one_line(error))
            return
        for table, row in [("database", database), *(("statements", row) for row in statements)]:
            self._rows.add(table, {"t_us": t_us, "mark": name, **row})
        if name == MEMORY_MARK:
            self._memory(session, name, end_us)
        self._usage(end_us)
        self._system.record()
        self._rows.flush()
        self._orders.ok(name, t_us)

    def _memory(self, session: Session, mark: str, end_us: int) -> None:
        """Ask for the backends' memory; without an answer the snapshot is whole all the same."""
        if self._anyone:
            return  # nobody's server has the lab's functions but the lab's
        if not session.tells_memory:
            why = "the observer's database has no function lab.backend_memory; `lab reset` makes it"
            self._rows.event("memory unknown", why)
            return
        t_us = monotonic_us()
        try:
            backends = self._ask(session.memory, end_us - t_us)
        except (psycopg2.Error, Unanswered) as error:
            self._trouble(session, "memory unknown", error)
            return
        if not backends:
            self._rows.event("memory unknown", "the server's system has no /proc/PID/smaps_rollup")
        for row in backends:
            self._rows.add("memory", {"t_us": t_us, "mark": mark, **row})

    def _usage(self, end_us: int | None = None) -> None:
        """Ask a server that is not watched by its pid what it has used; never while another question is in hand."""
        session, now_us = self._session, monotonic_us()
        if session is None or not session.tells_usage or self._system.watches("server"):
            return
        try:
            used = self._ask(session.usage, end_us - now_us if end_us is not None else None)
        except (psycopg2.Error, Unanswered) as error:
            self._usage_us = now_us + USAGE_AGAIN_US
            self._trouble(session, "server usage unknown", error)
            return
        self._usage_us = now_us + SYSTEM_US
        if used:
            self._system.told(*used)

    def _trouble(self, session: Session, what: str, error: Exception) -> None:
        """Note a failed question. The connection survives what the server itself answered with an error."""
        answered = isinstance(error, ObserverError) or getattr(error, "pgcode", None)
        if answered and not session.lost:
            self._rows.event(what, one_line(error))
            return
        session.close()
        self._session, self._silent = None, False
        self._system.backend_is(0)
        self._rows.event("server lost", one_line(error))

    def _reconnect(self, limit_us: int) -> Session | None:
        try:
            session = self.connect(limit_us)
        except ObserverError:
            self._retry_us = monotonic_us() + RETRY_US
            return None
        self._rows.event("server back", "sampling goes on")
        return session
