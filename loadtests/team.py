"""One load made by several processes: who leads them, and who is led.

The leader is Locust's master, the led are its workers: forked beside it (``--processes``), in other containers, or on
other machines. What they tell each other goes through Locust's own messages:

1. A worker whose users all wait at the gate says that it is ready.
2. When all are, the leader reads each one's clock: of several round trips the shortest gives the offset, which then is
   right within half of that trip. Where both read the same clock the offset is 0, and exact.
3. It sets one start for all, in the clock of each.
4. Twice a second each worker ships what it recorded; the leader writes it into the run's folder, unchanged.
5. Books come at the end. Who was not heard of for some seconds and sent none is lost: its books are then made from its
   last part, in which it also told what was in the air.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult

from lab.environment import code_digest
from lab.errors import LoadError
from lab.plan import LoadPlan
from lab.record import histogram, raw
from lab.units import monotonic_us
from loadtests.stores import BOOKS, PART, Channel, Files, Part, name_here

READY, CLOCK, START = "lab_ready", "lab_clock", "lab_start"
ROUND_TRIPS = 15
TRIP_S = 2.0  # a worker that does not answer within this, before the start, is gone
LEAD_US = 200_000  # between the leader's word and the start
SILENCE_S = 4.0  # parts come twice a second
LATE_S = 5.0  # how long after the drain a worker's books are waited for; the lab waits 10 s for all of it
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def machine() -> str:
    """Return what identifies the running machine, containers included; empty where nothing does."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


@dataclass(slots=True)
class Member:
    """What the leader knows of one worker."""

    client: str  # Locust's name for it
    name: str
    machine: str
    users: int
    lab: str = ""  # the version of the lab's own code there
    offset_us: int = 0
    error_us: int = 0
    drift_us: int = 0
    files: Files | None = None
    last: Part | None = None
    heard_us: int = 0
    silent_us: int = 0
    books: raw.Books | None = None
    trip: Any = field(default=None, repr=False)

    def heard(self) -> None:
        """Note that a sign of life came."""
        now_us = monotonic_us()
        if self.heard_us:
            self.silent_us = max(self.silent_us, now_us - self.heard_us)
        self.heard_us = now_us


class Leader:
    """Leads the workers of one load through its start and its end, and writes what they record."""

    def __init__(self, runner: Any, plan: LoadPlan, folder: Path | None) -> None:
        self._runner = runner
        self._plan = plan
        self._folder = folder
        self._members: dict[str, Member] = {}
        self._begun = False
        self._refused: OSError | None = None
        self.start_us = 0
        for kind, listener in ((READY, self._ready), (CLOCK, self._clock), (PART, self._part), (BOOKS, self._books)):
            runner.register_message(kind, listener)

    @property
    def missing(self) -> int:
        """How many users (sources of arrivals, in an open load) are not ready yet."""
        wanted = self._plan.users if self._plan.model == "closed" else self._plan.processes
        return wanted - sum(member.users for member in self._members.values())

    def freeze(self) -> None:
        """Keep Locust from moving users between the workers when one comes or goes: its users are spawned by now."""
        self._runner.start = lambda *_, **__: None

    def begin(self) -> int:
        """Read the workers' clocks and start them all; returns the start (us, monotonic, of this process).

        :raises LoadError: if one is gone already, or there are more than planned.
        """
        self._begun = True
        if len(self._members) != self._plan.processes:
            raise LoadError(
                f"{len(self._members)} load processes joined, {self._plan.processes} were planned; stop the others, or "
                "plan for all of them"
            )
        for member in self._members.values():
            if member.lab != code_digest():
                raise LoadError(
                    f"load process {member.name} runs another version of the lab ({member.lab}, here {code_digest()}); "
                    "bring both to the same"
                )
        members = sorted(self._members.values(), key=lambda member: self._runner.get_worker_index(member.client))
        self._members = {member.client: member for member in members}
        for number, member in enumerate(members, 1):
            member.offset_us, member.error_us = self._read_clock(member)
            if self._folder is not None:
                member.files = Files(self._folder, number, member.name)
        self.start_us = monotonic_us() + LEAD_US
        for rank, member in enumerate(members):
            member.heard_us = self.start_us
            self._tell(member, START, {"start_us": self.start_us + member.offset_us, "rank": rank})
        return self.start_us

    def end(self, stop_us: int) -> None:
        """Wait for everybody's books, and write those of all; the lost ones' are made of what they told last.

        :raises LoadError: if every worker was lost.
        """
        last_us = stop_us + round((self._plan.drain_s + LATE_S) * 1e6)
        while any(self._awaited(member, last_us) for member in self._members.values()):
            if self._refused:
                raise LoadError(f"the records cannot be written: {self._refused}")
            gevent.sleep(0.05)
        found = [member for member in self._members.values() if member.books]
        if not found:
            raise LoadError(f"every load process was lost: {', '.join(m.name for m in self._members.values())}")
        for number, member in enumerate(self._members.values(), 1):
            books = member.books or self._lost(member, stop_us)
            files, member.files = member.files, None  # a part that comes now is too late
            if files is not None:
                files.close()
                files.finish(replace(
                    books, process=number, name=member.name, offset_us=member.offset_us,
                    offset_error_us=member.error_us, drift_us=self._drift_us(member), silent_us=member.silent_us,
                ))  # fmt: skip

    def _awaited(self, member: Member, last_us: int) -> bool:
        now_us = monotonic_us()
        if member.books or now_us > last_us:
            return False
        # while the load lasts a silent worker may come back
        return now_us < self.start_us + self._plan.total_s * 1e6 or now_us - member.heard_us < SILENCE_S * 1e6

    def _lost(self, member: Member, stop_us: int) -> raw.Books:
        """Close the books of a worker that did not: what was in the air or waited when it was last heard stays so."""
        part = member.last or Part(b"", b"", b"", (0, 0, 0, 0), b"")
        planned, done, failed, unfinished = part.counts
        # what the worker did after its last part is in no record, and in no account either: the run's flag says so
        unfinished += len(part.open_rows) // raw.REQUEST.size
        if member.files is not None:
            cells = b""
            if self._plan.histogram:
                tally = histogram.Tally(self.start_us + member.offset_us, histogram.slice_us(self._plan.total_s))
                for row in raw.REQUEST.iter_unpack(part.open_rows):
                    tally.loss(row[9], histogram.UNFINISHED, row[0], row[1] + row[2])
                cells = tally.pack()
            rows = b"" if self._plan.histogram else part.open_rows
            member.files.add(Part(rows, b"", cells, part.counts, b""))
        return raw.Books(
            process=0, planned=planned, done=done, failed=failed, unfinished=unfinished,
            started_us=self.start_us + member.offset_us, stopped_us=stop_us + member.offset_us,
            clock_monotonic_us=0, clock_unix_us=0, lost_us=member.heard_us,
        )  # fmt: skip

    def _drift_us(self, member: Member) -> int:
        """Return by how much a worker's clock has moved against this one since the start."""
        if not member.books or not member.error_us:
            return 0
        try:
            return self._read_clock(member)[0] - member.offset_us
        except LoadError:
            return 0  # it has ended since: its records are all here

    def _read_clock(self, member: Member) -> tuple[int, int]:
        """Return a worker's clock minus this one's and the error of that, us; 0 and 0 if both read the same clock."""
        best_us, offset_us = 0, 0
        for _ in range(ROUND_TRIPS):
            member.trip = AsyncResult()
            sent_us = monotonic_us()
            self._tell(member, CLOCK, {"sent_us": sent_us})
            try:
                came_us, theirs_us = member.trip.get(timeout=TRIP_S)
            except gevent.Timeout:
                raise LoadError(
                    f"load process {member.name} did not answer within {TRIP_S:g} s before the start; try again"
                ) from None
            if not best_us or came_us - sent_us < best_us:
                best_us, offset_us = came_us - sent_us, theirs_us - (sent_us + came_us) // 2
        if member.machine and member.machine == machine() and abs(offset_us) <= best_us:
            return 0, 0
        return offset_us, (best_us + 1) // 2

    def _tell(self, member: Member, kind: str, data: dict[str, Any]) -> None:
        self._runner.send_message(kind, data, client_id=member.client)

    # what comes in

    def _ready(self, msg: Any, **_: Any) -> None:
        if self._begun:
            return  # came too late: this load goes on without it
        name = _known_as(msg.data["address"]) or msg.data["host"]
        said = msg.data
        self._members[msg.node_id] = Member(
            msg.node_id, f"{name}/{said['pid']}", said["machine"], said["users"], said.get("lab", "unknown")
        )

    def _clock(self, msg: Any, **_: Any) -> None:
        member = self._members.get(msg.node_id)
        if member and member.trip:
            member.trip.set((monotonic_us(), msg.data["now_us"]))

    def _part(self, msg: Any, **_: Any) -> None:
        member = self._members.get(msg.node_id)
        if member and not member.books:
            member.heard()
            member.last = Part(**msg.data)
            if member.files is not None:
                try:
                    member.files.add(member.last)
                except OSError as error:  # Locust would only log it, and go on
                    self._refused = self._refused or error

    def _books(self, msg: Any, **_: Any) -> None:
        member = self._members.get(msg.node_id)
        if member:
            member.heard()
            member.books = raw.Books(**msg.data)


class Follower:
    """One worker's side: it says that it is ready, lets its clock be read, and waits for the start."""

    def __init__(self, runner: Any, begin: Callable[[int, int], None]) -> None:
        """*begin* is called with the start (us, of this process's clock) and this worker's rank, from 0."""
        self._runner = runner
        self._begin = begin
        runner.register_message(CLOCK, self._clock)
        runner.register_message(START, self._start)

    def channel(self) -> Channel:
        """Return where the records go."""
        return Channel(self._runner.send_message)

    def ready(self, users: int) -> None:
        """Tell the leader that all users wait."""
        host, _, pid = name_here().rpartition("/")
        address = _address(self._runner.master_host)
        values = {"host": host, "pid": int(pid), "machine": machine(), "address": address, "users": users}
        self._runner.send_message(READY, {**values, "lab": code_digest()})

    def _clock(self, **_: Any) -> None:
        self._runner.send_message(CLOCK, {"now_us": monotonic_us()})

    def _start(self, msg: Any, **_: Any) -> None:
        self._begin(msg.data["start_us"], msg.data["rank"])


def _address(master_host: str) -> str:
    """Return the address under which the leader sees this machine; nothing is sent for that."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((master_host, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _known_as(address: str) -> str:
    """Return the name that this network gives to *address*, without its domain: a container's, not its number."""
    if not address or address.startswith("127."):
        return ""
    try:
        return socket.gethostbyaddr(address)[0].partition(".")[0]
    except OSError:
        return ""
