"""The closed model: each user asks, waits for the answer, thinks, and asks again.

A slow server is asked less often, so this model says how much the server can do, not what people would wait. A
request's intended start is the moment at which its user decides to send it.
"""

import gevent
from locust import FastHttpUser, task
from locust.exception import StopUser

from lab.units import monotonic_us
from loadtests.conductor import Conductor, Lane
from loadtests.journey import stream

CONNECTIONS_PER_S = 200  # without think time the users' first requests are spread so thin, within half the warm-up

conductor = Conductor("closed").attach()


class ClosedUser(FastHttpUser):  # type: ignore[misc]
    """One user with one connection; think time is exponential, so that users do not march in step.

    The recorded requests go through :mod:`loadtests.exchange`, which sends each once; the client of FastHttpUser is
    there for tasks that are added here.
    """

    def __init__(self, environment: object) -> None:
        super().__init__(environment)
        self._number = conductor.number()

    def on_start(self) -> None:
        """Wait for the common start, then for a random part of the ramp."""
        conductor.wait_for_start()
        plan = conductor.plan
        self._journey = conductor.journey(self._number)
        self._random = stream(plan.seed, "think", conductor.index(self._number))
        ramp_s = min(plan.warmup_s / 2, plan.users / CONNECTIONS_PER_S)
        gevent.sleep(self.wait_time() if plan.think_s else self._random.uniform(0, ramp_s))
        self._lane = Lane(conductor)

    def wait_time(self) -> float:
        """Return the next think time, seconds."""
        think_s = conductor.plan.think_s
        return self._random.expovariate(1 / think_s) if think_s else 0.0

    @task  # type: ignore[untyped-decorator]
    def ask(self) -> None:
        """Send one request, unless the time is up."""
        now_us = monotonic_us()
        if now_us >= conductor.stop_us:
            raise StopUser
        conductor.recorder.plan()
        self._lane.send(self._journey.next(), now_us)
