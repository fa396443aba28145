"""The open model: requests arrive at a fixed mean rate, as from people who do not know of each other.

The arrivals are drawn beforehand, and nothing that the server or this process does moves them: a request's latency
counts from its arrival. Each finds a free executor, or waits for one, and that wait is latency too.
"""

import gevent
from locust import FastHttpUser, task
from locust.exception import StopUser

from loadtests.alarm import Alarm
from loadtests.conductor import Conductor, Lane
from loadtests.journey import Request, arrivals

BURST = 32  # arrivals that a late schedule hands out before it lets the executors go on

conductor = Conductor("open").attach()


class Executors:
    """Connections that are made as they are needed, up to a limit; each carries one request at a time."""

    def __init__(self) -> None:
        self._free: list[Lane] = []
        self._made = 0

    def take(self, request: Request, intended_us: int) -> None:
        """Send the request on a free connection, or queue it until there is one."""
        limit = max(1, conductor.plan.executors // conductor.plan.processes)
        if self._free:
            lane = self._free.pop()
        elif self._made < limit:
            lane = Lane(conductor)
            self._made += 1
        else:
            conductor.waiting.append((request, intended_us))
            return
        lane.take(request, intended_us)
        gevent.spawn(self._work, lane, request, intended_us)

    def _work(self, lane: Lane, request: Request, intended_us: int) -> None:
        while lane.send(request, intended_us):
            if not conductor.waiting:
                self._free.append(lane)
                return
            request, intended_us = conductor.waiting.popleft()


executors = Executors()


class OpenUser(FastHttpUser):  # type: ignore[misc]
    """One source of Poisson arrivals; with a plan there is one in each process."""

    def __init__(self, environment: object) -> None:
        super().__init__(environment)
        self._number = conductor.number()
        self._rate_per_s = conductor.plan.rate_per_s / conductor.plan.processes
        self._alarm = Alarm()
        self._chunk = 0

    def on_start(self) -> None:
        """Be counted as a schedule with arrivals left, then wait for the common start."""
        conductor.scheduling += 1
        conductor.wait_for_start()
        self._index, self._journey = conductor.index(self._number), conductor.journey(self._number)
        self._begin_us = conductor.start_us

    def on_stop(self) -> None:
        """Have no arrivals left."""
        conductor.scheduling -= 1

    def wait_time(self) -> float:
        """Return 0: the arrivals set the pace."""
        return 0.0

    @task  # type: ignore[untyped-decorator]
    def emit(self) -> None:
        """Hand out the plan's arrivals, each when it is due; without a plan, go on with as many more."""
        total_s = conductor.plan.total_s
        moments = arrivals(self._rate_per_s, total_s, conductor.plan.seed, self._index + self._chunk * 1000)
        for number, offset_us in enumerate(moments):
            self._alarm.sleep_until(self._begin_us + offset_us)
            conductor.recorder.plan()
            executors.take(self._journey.next(), self._begin_us + offset_us)
            if number % BURST == 0:
                gevent.sleep(0)
        if conductor.planned:
            raise StopUser
        self._chunk += 1
        self._begin_us += round(total_s * 1e6)
