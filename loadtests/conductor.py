"""The start, the end and the books of one load, whichever locustfile makes it.

With a plan (``--lab-plan``, or LAB_LOAD_PLAN) the users wait at a gate until all of them are there; it opens for
everybody at one moment, announced in ``started-PID.json``. Nothing is sent after ``start + total_s``; what is in
the air then has ``drain_s`` to land, and the process ends. Only a load that went its whole way gets books. Without a
plan Locust's own options rule, and the load lasts until it is stopped.

Of several processes one leads: see :mod:`loadtests.team`.
"""

import argparse
import gc
import json
import logging
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from geventhttpclient.response import HTTPParseError
from locust import events, runners
from locust.exception import CatchResponseError, StopTest
from locust.runners import MasterRunner, WorkerRunner

from lab import config
from lab.errors import LabError, LoadError, UsageError
from lab.plan import LoadPlan
from lab.record import histogram, raw
from lab.record.files import write_atomically
from lab.units import monotonic_us
from loadtests import stock
from loadtests.alarm import Alarm
from loadtests.exchange import Connection, Target
from loadtests.journey import Journey, Paths, Request
from loadtests.recorder import FLUSH_EVERY_S, Recorder
from loadtests.stores import Files
from loadtests.team import Follower, Leader
from loadtests.unanswered import Unanswered

LEAD_US = 50_000  # between the announcement and the start, so that writing it is over by then
LEADER_GONE_S = 10  # a load process whose leader is silent for so long ends: Locust would go on for a minute
READY_S = 30.0  # how long the workers' users may take to be made
PLAIN_RATE_PER_S = 10.0  # of each of Locust's users, in an open load without a plan
CUT_SHORT, BROKEN = 3, 1  # exit codes
_FOREVER_US = 2**62
_USERS_APART = 100_000  # between the numbers of two processes' users

logger = logging.getLogger("loadtests")


class Conductor:
    """Leads one process's load through Locust's events."""

    def __init__(self, model: str) -> None:
        self.plan = LoadPlan(model=model, rate_per_s=PLAIN_RATE_PER_S)
        self.planned = False  # whether the plan was given, rather than the default
        self.recorder = Recorder(None)
        self.unanswered = Unanswered()
        self.target: Target | None = None
        self.start_us = 0
        self.stop_us = _FOREVER_US
        self.waiting: deque[tuple[Request, int]] = deque()  # the open model's arrivals that no executor is free for
        self.scheduling = 0  # open schedules that have arrivals left
        self._gate = Event()
        self._folder: Path | None = None
        self._environment: Any = None
        self._complete = False
        self._failure = ""
        self._users = 0
        self._rank = 0  # among the processes of this load
        self._leader: Leader | None = None
        self._leading = False
        self._follower: Follower | None = None

    def attach(self) -> "Conductor":
        """Listen to Locust's events; call it once, when the locustfile is imported."""
        events.init_command_line_parser.add_listener(_add_options)
        events.init.add_listener(self._init)
        events.test_start.add_listener(self._test_start)
        events.spawning_complete.add_listener(self._spawning_complete)
        events.user_error.add_listener(self._user_error)
        events.quitting.add_listener(self._quitting)
        return self

    def number(self) -> int:
        """Return the number of the user that asks, among those of this process."""
        self._users += 1
        return self._users - 1

    def index(self, number: int) -> int:
        """Return a user's number among those of all processes; known from the start on."""
        return number + self._rank * _USERS_APART

    def journey(self, number: int) -> Journey | Paths:
        """Return a user's sequence of requests; known from the start on."""
        if self.plan.paths:
            return Paths(self.plan.paths, self.plan.seed, self.index(number))
        return Journey(self.plan.weights, self.plan.keys, self.plan.seed, self.index(number))

    def wait_for_start(self) -> None:
        """Return at the start of the load."""
        self._gate.wait()
        gevent.sleep(max(0.0, (self.start_us - monotonic_us()) / 1e6))
        self.recorder.began(self.start_us)

    def report(self, request: Request, status: int, size: int, service_us: int, error: Exception | None) -> None:
        """Tell Locust of a request, for its web page and its summary."""
        if error is None and status >= 400:
            error = CatchResponseError(f"status {status}")
        events.request.fire(
            request_type=request.method,
            name=request.name,
            response_time=service_us / 1000,
            response_length=size,
            exception=error,
            context={},
            response=None,
            start_time=time.time() - service_us / 1e6,
            url=request.path,
        )

    def _init(self, environment: Any, **_: Any) -> None:
        self._environment = environment
        options = environment.parsed_options
        try:
            config.refuse_unknown(os.environ)
            self._read(options.lab_plan, options.lab_record)
            if environment.host:
                self.target = Target(environment.host)
        except LabError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(error.exit_code)
        if isinstance(environment.runner, MasterRunner) and self.planned:
            self._leader = Leader(environment.runner, self.plan, self._folder)
            options.lab_plan_text = json.dumps(self.plan.as_dict())  # Locust hands it to the workers
        elif isinstance(environment.runner, WorkerRunner):
            self._follower = Follower(environment.runner, self._start_at)
            runners.MASTER_HEARTBEAT_TIMEOUT = LEADER_GONE_S
        hub = gevent.get_hub()
        hub.NOT_ERROR = (*hub.NOT_ERROR, StopTest)  # a refusal is one line, without a traceback
        if self.planned or self._follower:
            self._watch_hub()

    def _read(self, plan_file: str | None, folder: str | None) -> None:
        if plan_file:
            self._take(read_plan(Path(plan_file)), f"plan {plan_file}")
        if folder:
            self._folder = Path(folder)
            if not self._folder.is_dir():
                raise UsageError(f"LAB_LOAD_RECORD names {folder}, which is no folder; make it first")

    def _take(self, plan: LoadPlan, what: str) -> None:
        if plan.model != self.plan.model:
            raise UsageError(f"{what} is of the {plan.model} model; use loadtests/{plan.model}.py")
        self.plan, self.planned = plan, True

    def _test_start(self, **_: Any) -> None:
        text = getattr(self._environment.parsed_options, "lab_plan_text", "")
        try:
            self.target = Target(self._environment.host)
            if self._follower and text:
                self._take(LoadPlan.from_dict(json.loads(text)).checked(), "the leader's plan")
        except UsageError as error:
            if self._environment.parsed_options.headless:
                self._environment.process_exit_code = error.exit_code
            raise StopTest(str(error)) from None
        if not self.start_us and not self._leads_workers():
            self._open_recorder()
        if not self.planned:
            self.start_us = self.start_us or monotonic_us()
            self._gate.set()

    def _open_recorder(self) -> None:
        """Record from now on, if there is a place for it: the leader's, or a folder."""
        slice_us = histogram.slice_us(self.plan.total_s) if self.plan.histogram else 0
        if self._follower and self.planned:
            self.recorder = Recorder(self._follower.channel(), slice_us)
        elif self._folder is not None:
            self.recorder = Recorder(Files(self._folder), slice_us)
        else:
            return
        gevent.spawn(self._flush)
        gevent.spawn(sample_lag, self.recorder)

    def _spawning_complete(self, **_: Any) -> None:
        if not self.planned or self.start_us:
            return
        if self._leader:
            if not self._leading:  # Locust may say it again when a worker joins
                self._leading = True
                self._leader.freeze()
                gevent.spawn(self._lead, self._leader)
            return
        gc.collect()
        gc.freeze()  # what the imports left is not looked through again while the load runs
        if self._follower:
            if self._environment.runner.user_count:  # one worker more than the plan has users has nothing to do
                self._follower.ready(self._environment.runner.user_count)
            return
        start_us = monotonic_us() + LEAD_US
        self._announce(start_us)
        self._start_at(start_us, 0)

    def _start_at(self, start_us: int, rank: int) -> None:
        """Open the gate for everybody at *start_us*."""
        self._rank = rank
        self.recorder.begin(start_us)
        self.stop_us = start_us + round(self.plan.total_s * 1e6)
        self.start_us = start_us
        self._gate.set()
        gevent.spawn(self._conduct)

    def _announce(self, start_us: int) -> None:
        if self._folder is not None:
            announce(self._folder, start_us)

    def _lead(self, leader: Leader) -> None:
        """Start all workers at once, wait for all their books, and end."""
        patience = time.monotonic() + READY_S
        while leader.missing > 0:
            if time.monotonic() > patience:
                self._fail(LoadError(f"{leader.missing} users did not get ready within {READY_S:g} s"))
                return
            gevent.sleep(0.01)
        try:
            self.start_us = leader.begin()
            self._announce(self.start_us)
            leader.end(self.start_us + round(self.plan.total_s * 1e6))
        except LoadError as error:
            self._fail(error)
            return
        self._complete = True
        self._environment.runner.quit()

    def _conduct(self) -> None:
        """Wait for the end, then for what is in the air, then end."""
        Alarm().sleep_until(self.stop_us)
        deadline_us = self.stop_us + round(self.plan.drain_s * 1e6)
        while self.scheduling:
            gevent.sleep(0.001)  # a late schedule still hands out every arrival: none is lost
        while (self.waiting or self.recorder.in_flight) and monotonic_us() < deadline_us:
            gevent.sleep(0.005)
        self._close(self.stop_us)
        self._complete = True
        if not self._follower:
            self._environment.runner.quit()

    def _close(self, stopped_us: int) -> None:
        if self._folder is not None and self.plan.paths and not self.recorder.closed:
            self.unanswered.write(self._folder)
        self.recorder.close(self.start_us, stopped_us, self._unsent())

    def _unsent(self) -> list[tuple[int, int]]:
        return [(request.route, intended_us) for request, intended_us in self.waiting]

    def _flush(self) -> None:
        while not self.recorder.closed:
            self.recorder.flush(self._unsent() if self._follower else ())
            gevent.sleep(FLUSH_EVERY_S)

    def _quitting(self, **_: Any) -> None:
        if self._folder is not None and not isinstance(self._environment.runner, WorkerRunner):
            stock.write(self._folder, self._environment.stats)
        if self.plan.paths and self.start_us and not self.recorder.closed:
            self._close(monotonic_us())  # whoever measures an application of their own may stop before the time
        elif self.planned and not self._complete and not self._failure:
            self._abandon(CUT_SHORT, "the load was cut short, so its books were not closed")
        elif not self.planned and self.start_us and not self.recorder.closed and not self._leads_workers():
            self._close(monotonic_us())

    def _fail(self, error: BaseException) -> None:
        if self.planned and not self._failure and not self._complete:
            what = str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
            self._abandon(BROKEN, f"the load generator broke: {what}")
            gevent.spawn(self._environment.runner.quit)

    def _abandon(self, code: int, reason: str) -> None:
        self._failure = reason
        self._environment.process_exit_code = code
        try:
            self.recorder.abandon()
        except OSError as error:
            reason = f"{reason}; {error}"
        logger.error(reason)
        logging.getLogger("locust.stats_logger").disabled = True  # the reason stays the last word of the log

    def _user_error(self, exception: BaseException, **_: Any) -> None:
        self._fail(exception)

    def _leads_workers(self) -> bool:
        return isinstance(self._environment.runner, MasterRunner)

    def _watch_hub(self) -> None:
        """Let an exception that no greenlet handles end the load: gevent would print it and go on."""
        hub = gevent.get_hub()
        handle = hub.handle_error

        def handle_and_fail(context: Any, kind: Any, value: Any, traceback: Any) -> None:
            handle(context, kind, value, traceback)
            if value is not None and not isinstance(value, hub.NOT_ERROR):
                self._fail(value)

        hub.handle_error = handle_and_fail


class Lane:
    """One connection that carries one request at a time, from the stamp before to the record after."""

    def __init__(self, conductor: Conductor) -> None:
        assert conductor.target is not None, "a lane is made after the start of the test"
        self._conductor = conductor
        self._recorder = conductor.recorder
        self._connection = Connection(conductor.target, max(conductor.plan.drain_s, 0.001))
        self._flight = self._recorder.flight()

    def take(self, request: Request, intended_us: int) -> None:
        """Note that a planned request is on its way to be sent here: from now on it is accounted for."""
        self._recorder.depart(self._flight, request.route, intended_us, monotonic_us())

    def send(self, request: Request, intended_us: int) -> bool:
        """Send a planned request and record what becomes of it; False if it will not land any more."""
        flight, recorder = self._flight, self._recorder
        sent_us = monotonic_us()
        recorder.depart(flight, request.route, intended_us, sent_us)
        status, size, timing, failure = 0, 0, None, None
        try:
            status, size, timing = self._connection.exchange(request, flight)
        except (OSError, HTTPParseError) as error:
            if isinstance(error, TimeoutError) and monotonic_us() >= self._conductor.stop_us:
                return False  # its time ran out only after the load had stopped: unfinished, not failed
            failure = error
            self._conductor.unanswered.count(error)
        except BaseException:
            recorder.give_up(flight, monotonic_us())
            raise
        done_us = monotonic_us()
        recorder.land(flight, done_us, status, size, timing)
        self._conductor.report(request, status, size, done_us - sent_us, failure)
        return True


def announce(folder: Path, start_us: int) -> None:
    """Tell the lab when the load begins."""
    text = json.dumps({"pid": os.getpid(), "started_us": start_us})
    write_atomically(folder / f"started-{os.getpid()}.json", text, durable=False)


def sample_lag(recorder: Recorder) -> None:
    """Record how late the event loop is, until *recorder* is closed."""
    alarm = Alarm()
    while not recorder.closed:
        due_us = monotonic_us() + raw.LAG_EVERY_US
        alarm.sleep_until(due_us)
        now_us = monotonic_us()
        recorder.lag(now_us, now_us - due_us)


def read_plan(file: Path) -> LoadPlan:
    """Read a load plan.

    :raises UsageError: if the file cannot be read or holds no plan that can be run.
    """
    try:
        return LoadPlan.from_dict(json.loads(file.read_text(encoding="utf-8"))).checked()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"load plan {file} cannot be read ({error}); write one with lab.plan.LoadPlan") from None


def _add_options(parser: Any, **_: Any) -> None:
    # Locust's own defaults listen on every interface
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    parser.add_argument("--lab-plan-text", default="", include_in_web_ui=False, help=argparse.SUPPRESS)
    names = {"lab_plan": "the load plan, a JSON file", "lab_record": "the folder for the records"}
    for name, text in names.items():
        variable = f"LAB_LOAD_{name.removeprefix('lab_').upper()}"
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, env_var=variable, default="", include_in_web_ui=False, help=text)
