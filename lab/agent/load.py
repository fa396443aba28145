"""The load in an agent's container: one leader for each order, and Locust's web page while there is none.

The workers are in other containers. They join whoever leads, and join again when that one has ended; how many there
are, the network's own name service says.
"""

import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from lab import load, process
from lab.config import PROJECT
from lab.errors import LabError, LoadError
from lab.load import LoadChild
from lab.plan import LoadPlan
from lab.units import monotonic_us

WEB_PORT = 8089
_LOOK_S = 0.25
_AGAIN_S = 10.0  # after a web page that ended by itself
_IDLE_S = 20.0  # between the runs of an experiment the web page stays away: workers would join it in between


class LoadKeeper:
    """Leads one load at a time; may be used from several threads."""

    def __init__(self, folder: Path, runs: Path, workers: str, target: str) -> None:
        """*folder* holds the web page's log, *runs* all run folders; *workers* is the name they share."""
        self._folder = folder
        self._runs = runs.resolve()
        self._workers = workers
        self._target = target
        self._lock = threading.RLock()
        self._web: process.Child | None = None
        self._load: LoadChild | None = None
        self._used_s = 0.0

    def watch(self) -> None:
        """Open the web page whenever nothing else is asked for; does not return."""
        while True:
            with self._lock:
                idle = self._load is None or not self._load.child.alive()
                if idle and time.monotonic() - self._used_s > _IDLE_S and not (self._web and self._web.alive()):
                    try:
                        self._web = self._open_web_page()
                    except (LabError, OSError) as error:
                        sys.stderr.write(f"{error}\n")
                    # one that ends at once is not tried again at once: the machine may be measuring
                    self._used_s = time.monotonic() - _IDLE_S + _AGAIN_S
            time.sleep(_LOOK_S)

    def order(self, plan: LoadPlan, url: str, folder: Path) -> dict[str, Any]:
        """Start leading a load whose records go to *folder*.

        :raises LoadError: if the folder is not one of the lab's runs.
        """
        if not folder.resolve().is_relative_to(self._runs) or not folder.is_dir():
            raise LoadError(f"{folder} is no folder below {self._runs}; both containers need the same volume of runs")
        with self._lock:
            self.stop()
            if self._web:
                self._web.stop()
                self._web = None
            self._load = load.start(plan, url, folder, folder / "load.log", bind="0.0.0.0")
            return self.status()

    def stop(self) -> dict[str, Any]:
        """End the load in progress; one that was cut short has no books."""
        with self._lock:
            if self._load:
                self._load.stop()
            self._load, self._used_s = None, time.monotonic()
            return self.status()

    def end(self) -> None:
        """Stop all that was started because this process ends."""
        self.stop()
        if self._web:
            self._web.stop()

    def status(self) -> dict[str, Any]:
        """Return how many workers there are and how the load in progress fares."""
        with self._lock:
            return {"now_us": monotonic_us(), "workers": self.workers(), "load": self._progress()}

    def workers(self) -> int:
        """Return how many workers this network knows."""
        try:
            return len({found[4][0] for found in socket.getaddrinfo(self._workers, None, socket.AF_INET)})
        except OSError:
            return 0

    def _progress(self) -> dict[str, Any] | None:
        current = self._load
        if current is None:
            return None
        self._used_s = time.monotonic()
        error, started_us = "", 0
        try:
            started_us = current.started_us(0.0)
        except LoadError as failure:
            error = str(failure)
        alive = current.child.alive()
        if not alive:
            try:
                current.wait(1.0)
                error = ""
            except LoadError as failure:
                error = str(failure)
        return {"alive": alive, "started_us": started_us, "error": "" if alive else error, "pid": current.child.pid}

    def _open_web_page(self) -> process.Child:
        # fmt: off
        argv = [
            sys.executable, "-m", "locust", "-f", str(PROJECT / "loadtests" / "closed.py"), "--master",
            "--master-bind-host", "0.0.0.0", "--web-host", "0.0.0.0", "--web-port", str(WEB_PORT),
            "--host", self._target,
        ]
        # fmt: on
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("LOCUST_", "PG"))}
        return process.spawn("web page", argv, log=self._folder / "locust.log", env=kept, cwd=PROJECT)
