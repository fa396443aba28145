"""The sample app in an agent's container: fresh processes for each order, started again if they die.

What was ordered last is kept in a file, so that a container that was killed comes back with the same app.
"""

import json
import secrets
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab import app
from lab.errors import AppError, LabError
from lab.plan import PoolConfig
from lab.record.files import write_atomically
from lab.units import monotonic_us

PORT = 8000
_LOOK_S = 0.05
_AGAIN_S = 1.0  # after an app that could not be started
_LEASE_S = 120.0  # an app that was ordered for a run, and that nobody asks for, ends: its lab is gone


@dataclass(frozen=True, slots=True)
class Order:
    """Which app is wanted: its pool, its processes, and the application_name of its connections."""

    pool: str
    workers: int = 1
    name: str = "lab-app"
    run: str = ""  # for which run; empty: none


class AppKeeper:
    """Keeps the app that was ordered; may be used from several threads."""

    def __init__(self, dsn: str, folder: Path, standard: Order) -> None:
        """*dsn* is the app's, without a password; *folder* holds the log and the last order."""
        self._dsn = dsn
        self._folder = folder
        self._lock = threading.RLock()
        self._app: app.App | None = None
        self._wanted: Order | None
        self._standard, self._wanted = self._remembered(standard)
        self._deaths: list[dict[str, Any]] = []
        self._retry_s, self._heard_s = 0.0, time.monotonic()
        self._error = ""
        self._ends = False
        self._id = secrets.token_hex(4)  # of this process: who restarts it finds an empty list of deaths

    def watch(self) -> None:
        """Start what is wanted, and start it again whenever it dies; does not return."""
        while not self._ends:
            with self._lock:
                if not self._ends:
                    self._look()
            time.sleep(_LOOK_S)

    def order(self, wanted: Order) -> dict[str, Any]:
        """Replace the app by a fresh one and return its status.

        :raises LabError: if it does not start.
        """
        with self._lock:
            self.stop()
            self._deaths, self._error = [], ""
            self._start(wanted)
            if not wanted.run:
                self._standard = wanted
            self._wanted, self._heard_s = wanted, time.monotonic()
            self._remember()
            return self.status()

    def standard(self) -> dict[str, Any]:
        """Go back to the app that stands while nothing is ordered."""
        return self.order(self._standard)

    def stop(self) -> dict[str, Any]:
        """Stop the app in order, and with it every connection that it holds."""
        with self._lock:
            self._wanted = None
            self._remember()
            if self._app:
                self._app.stop()
                self._app = None
            return self.status()

    def end(self) -> None:
        """Stop the app because this process ends; the next one starts the same again."""
        with self._lock:
            self._ends = True
            if self._app:
                self._app.stop()

    def gauges(self) -> list[dict[str, Any]]:
        """Return what the app's meters say; empty if it does not run."""
        current = self._app
        return current.gauges() if current else []

    def samples(self, after_us: int) -> list[dict[str, Any]]:
        """Return what the app's workers have sampled after *after_us*; empty if it does not run."""
        current = self._app
        return current.samples(after_us) if current else []

    def ask(self) -> dict[str, Any]:
        """Return the status to the lab, whose asking keeps its order alive."""
        self._heard_s = time.monotonic()
        return self.status()

    def status(self) -> dict[str, Any]:
        """Return what runs, who died since the last order, and which processes there are."""
        current, wanted = self._app, self._wanted
        runs = current is not None and current.child.alive()
        return {
            "now_us": monotonic_us(),
            "agent": self._id,
            "error": self._error,
            "state": "running" if runs else "starting" if wanted else "stopped",
            "order": asdict(wanted) if wanted else None,
            "pid": current.child.pid if current and runs else None,
            "pids": list(current.pids()) if current and runs else [],
            "deaths": list(self._deaths),
        }

    def _look(self) -> None:
        if self._wanted and self._wanted.run and time.monotonic() - self._heard_s > _LEASE_S:
            sys.stderr.write(
                f"nobody asks for the app of {self._wanted.run} any more: the standing app takes its place\n"
            )
            if self._app:
                self._app.stop()
                self._app = None
            self._wanted = self._standard
            self._remember()
        if self._app and not self._app.child.alive():
            self._deaths.append({"died_us": monotonic_us(), "words": self._app.child.last_words(1), "back_us": None})
            self._app.stop()
            self._app = None
        if self._wanted and not self._app and time.monotonic() >= self._retry_s:
            try:
                self._start(self._wanted)
            except (LabError, OSError) as error:
                self._retry_s = time.monotonic() + _AGAIN_S
                if str(error) != self._error:
                    sys.stderr.write(f"{error}\n")  # once: what docker compose logs shows
                self._error = str(error)
                return
            self._error = ""
            for death in self._deaths:
                death["back_us"] = death["back_us"] or monotonic_us()

    def _start(self, wanted: Order) -> None:
        pool = PoolConfig.parse(wanted.pool, wanted.workers).checked_direct(wanted.pool)
        self._app = app.start(
            self._dsn, pool, port=PORT, name=wanted.name, log=self._folder / "app.log", address="0.0.0.0"
        )

    def _remember(self) -> None:
        orders = {"standard": asdict(self._standard), "wanted": asdict(self._wanted) if self._wanted else None}
        write_atomically(self._file, json.dumps(orders), durable=False)

    def _remembered(self, standard: Order) -> tuple[Order, Order]:
        """Return the app that stands, and the one that is wanted, as they were before this process began."""
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
            standing = Order(**values["standard"])
            return standing, Order(**values["wanted"]) if values["wanted"] else standing
        except (OSError, ValueError, TypeError, KeyError):
            return standard, standard

    @property
    def _file(self) -> Path:
        return self._folder / "order.json"


def read_order(values: dict[str, Any]) -> Order:
    """Return the order in *values*.

    :raises AppError: if it is none.
    """
    try:
        return Order(**values)
    except TypeError as error:
        raise AppError(
            f"this is no order for an app: {error}; the lab and its agent are of different versions"
        ) from None
