"""A locustfile that nobody here wrote, run unchanged, with the lab's recorder attached.

The lab starts it in a process of its own. It is Locust as ever, with two differences: no configuration file is read,
and at the end of the planned time each user is stopped before its next request; what is in the air then has
``drain_s`` to land. What ends before its time, by Ctrl-C or by the locustfile's own will, has books all the same.

``names.json`` and ``locustfile.json`` are written beside the records: what the requests are called, and what else
happened.
"""

import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import gevent
import locust.main
from locust import argument_parser, events

from lab.plan import LoadPlan
from lab.record import raw
from lab.record.files import write_atomically
from lab.units import monotonic_us
from loadtests import stock
from loadtests.alarm import Alarm
from loadtests.clients import Watcher
from loadtests.conductor import announce, read_plan, sample_lag
from loadtests.recorder import FLUSH_EVERY_S, Recorder
from loadtests.stores import Files

_KINDS = 20  # of errors that are told apart


class Attachment:
    """The recorder's part in a foreign load: it begins with Locust's test and ends it."""

    def __init__(self, plan: LoadPlan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._watcher = Watcher()
        self._start_us = 0
        self._environment: Any = None
        self._errors: Counter[str] = Counter()
        self._classes: list[str] = []

    def attach(self) -> None:
        """Listen to Locust before the locustfile does."""
        self._watcher.attach()
        events.init.add_listener(self._init)
        events.test_start.add_listener(self._test_start)
        events.request.add_listener(self._judge)
        events.user_error.add_listener(self._user_error)
        events.quitting.add_listener(self._quitting)

    def _init(self, environment: Any, **_: Any) -> None:
        self._environment = environment
        self._classes = [kind.__name__ for kind in environment.user_classes]
        runner, file = environment.runner, self._plan.locustfile
        spawn = runner.spawn_users

        def spawn_or_refuse(*arguments: Any, **named: Any) -> Any:
            try:
                return spawn(*arguments, **named)
            except Exception as error:  # Locust would go on without users
                _refuse(f"{file}: its users cannot be started: {type(error).__name__}: {error}")

        runner.spawn_users = spawn_or_refuse

    def _test_start(self, **_: Any) -> None:
        watcher = self._watcher
        watcher.recorder = recorder = Recorder(Files(self._folder))
        self._start_us = monotonic_us()
        watcher.stop_us = self._start_us + round(self._plan.total_s * 1e6)
        recorder.begin(self._start_us)
        announce(self._folder, self._start_us)
        gevent.spawn(self._flush, recorder)
        gevent.spawn(sample_lag, recorder)
        gevent.spawn(self._end)

    def _judge(
        self, request_type: str, name: str, response_length: int, response: Any = None, exception: Any = None, **_: Any
    ) -> None:
        self._watcher.judge(request_type, name, response, exception, int(response_length or 0))

    def _user_error(self, exception: BaseException, **_: Any) -> None:
        said = f"{type(exception).__name__}: {' '.join(str(exception).split())}"[:200]
        if said in self._errors or len(self._errors) < _KINDS:
            self._errors[said] += 1

    def _flush(self, recorder: Recorder) -> None:
        while not recorder.closed:
            recorder.flush()
            gevent.sleep(FLUSH_EVERY_S)

    def _end(self) -> None:
        """Wait for the end of the time, then for what is in the air."""
        Alarm().sleep_until(self._watcher.stop_us)
        deadline_us = self._watcher.stop_us + round(self._plan.drain_s * 1e6)
        while self._watcher.in_the_air and monotonic_us() < deadline_us:
            gevent.sleep(0.005)
        self._close()
        self._environment.runner.quit()

    def _quitting(self, **_: Any) -> None:
        stock.write(self._folder, self._environment.stats)
        # a locustfile may say by its exit code what it thinks of the figures; here that would be a load that broke
        self._environment.process_exit_code = 0
        if self._start_us:
            self._close()

    def _close(self) -> None:
        """Write names, facts and books, once."""
        watcher = self._watcher
        if watcher.recorder.closed:
            return
        stopped_us = min(watcher.stop_us, monotonic_us())
        watcher.settle()
        names = [*watcher.names, *([raw.OTHER_NAMES] if watcher.unlisted else [])]
        write_atomically(self._folder / raw.NAMES, json.dumps(names))
        write_atomically(self._folder / raw.FACTS, json.dumps(self._facts()))
        watcher.unanswered.write(self._folder)
        watcher.recorder.close(self._start_us, stopped_us)

    def _facts(self) -> dict[str, Any]:
        watcher = self._watcher
        return {
            "users": self._classes,
            "errors": dict(self._errors),
            "refused": dict(watcher.refused),
            **{name: getattr(watcher, name) for name in ("resent", "redirected", "foreign", "unjudged", "unlisted")},
        }


def _without_ours(file: Path) -> None:
    """Let the locustfile import packages of its own that are called as ours."""
    for name in ("loadtests", "lab"):
        if any((folder / name).exists() or (folder / f"{name}.py").exists() for folder in (Path.cwd(), file.parent)):
            for module in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
                del sys.modules[module]
            importlib.invalidate_caches()


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"ERROR/loadtests: {' '.join(why.split())}\n")
    sys.stderr.flush()
    os._exit(1)


def _load(file: str) -> tuple[Any, Any]:
    """Load the locustfile as Locust does; an error in it is one line."""
    try:
        classes, shapes = _locusts_loader(file)
    except BaseException as error:  # also SystemExit, which a locustfile may raise
        advice = "; install it in the lab's environment" if isinstance(error, ModuleNotFoundError) else ""
        _refuse(f"{file} cannot be loaded: {type(error).__name__}: {error}{advice}")
    if not classes:
        _refuse(f"{file} has no user class; give it one that is an HttpUser or a FastHttpUser")
    if shapes:
        _refuse(f"{file} has a LoadTestShape, and the lab says how many users there are; take the shape out of it")
    return classes, shapes


_locusts_loader = locust.main.load_locustfile


def main() -> None:
    """Run Locust with the arguments of the command line."""
    plan = read_plan(Path(os.environ.pop("LAB_LOAD_PLAN")))
    Attachment(plan, Path(os.environ.pop("LAB_LOAD_RECORD"))).attach()
    # a locust.conf in the reader's folder would change the plan
    argument_parser.DEFAULT_CONFIG_FILES = ()
    for parser in (argument_parser.get_empty_argument_parser, argument_parser.get_parser):
        parser.__defaults__ = tuple(() if isinstance(value, tuple) else value for value in parser.__defaults__)
    locust.main.load_locustfile = _load
    _without_ours(Path(plan.locustfile))
    locust.main.main()
