"""A load plan becomes a Locust command, run as a child process.

Locust changes the process that imports it, so it is never imported here. What it does inside is in ``loadtests/``;
what it leaves in the run folder is described in :mod:`lab.record.raw`, and ``locust-stats.json`` holds what Locust's
own statistics made of the same load.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import process
from lab.config import PROJECT
from lab.errors import LoadError
from lab.plan import LoadPlan

PLAN_FILE = "load-plan.json"
WORKERS_S = 30  # how long processes from elsewhere are waited for
_ATTACHED = f"import sys; sys.path.append({str(PROJECT)!r}); from loadtests.attached import main; main()"
_MARK = "ERROR/loadtests: "  # before what the lab's part of the generator says, in its log
STARTUP_S = 30.0  # Locust needs about one; a busy machine several


def command(plan: LoadPlan, url: str, plan_file: Path, bind: str = "127.0.0.1") -> list[str]:
    """Return the command that loads *url* as the plan says; *bind* is where processes from elsewhere may join.

    Locust makes all its users at once, and they wait for the common start; how long they load, and when they stop,
    the plan alone says. ``--run-time`` and ``--stop-timeout`` stay out of it.
    """
    # fmt: off
    argv = [
        sys.executable, "-m", "locust", "-f", str(PROJECT / "loadtests" / f"{plan.model}.py"),
        "--headless", "--only-summary", "--exit-code-on-error", "0",
        "--host", url, "--lab-plan", str(plan_file),
    ]
    # fmt: on
    users = plan.users if plan.model == "closed" else plan.processes
    argv += ["--users", str(users), "--spawn-rate", str(users)]
    if plan.joined:
        argv += ["--master", "--master-bind-host", bind, "--expect-workers", str(plan.processes)]
        return [*argv, "--expect-workers-max-wait", str(WORKERS_S)]
    return argv + (["--processes", str(plan.processes)] if plan.processes > 1 else [])


def environment(plan_file: Path, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the child's environment: without LOCUST_*, which would change the plan, and without any secret of ours."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("LOCUST_", "LAB_", "PG"))}
    kept |= {name: value for name, value in environ.items() if name == "LAB_LOAD_HOSTS"}
    return {**kept, "LAB_LOAD_PLAN": str(plan_file), "LAB_LOAD_RECORD": str(folder)}


def attached_command(plan: LoadPlan, url: str) -> list[str]:
    """Return the command that runs a locustfile as it is, with the recorder attached.

    Nothing is put before the reader's own modules on Python's path.
    """
    users = str(plan.users)
    # fmt: off
    return [
        sys.executable, "-P", "-c", _ATTACHED, "-f", plan.locustfile,
        "--headless", "--only-summary", "--exit-code-on-error", "0", "--host", url,
        "--users", users, "--spawn-rate", users,
    ]
    # fmt: on


@dataclass(slots=True)
class LoadChild:
    """A load that is being prepared, or runs. *folder* is where it writes."""

    child: process.Child
    plan: LoadPlan
    folder: Path
    _start_us: int = field(default=0, repr=False)

    @property
    def pid(self) -> int:
        """Locust's process, from which its workers descend."""
        return self.child.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.child.alive()

    def pause(self, timeout_s: float) -> None:
        """Wait for a little, less if the load ends meanwhile."""
        self.child.wait(timeout_s)

    def started_us(self, timeout_s: float = STARTUP_S) -> int:
        """Wait for the start of the load, which is the same for all its processes; return it (us, monotonic).

        :raises LoadError: if it died before, or has not started within *timeout_s*.
        """
        deadline = time.monotonic() + timeout_s
        while not self._start_us:
            self._collect()
            if self._start_us:
                break
            if not self.child.alive():
                raise LoadError(self._died())
            if time.monotonic() > deadline:
                raise LoadError(f"the load did not start within {timeout_s:g} s; see {self.child.log}")
            time.sleep(0.01)
        return self._start_us

    def wait(self, timeout_s: float) -> bool:
        """Wait for the load to end; False if it still runs after *timeout_s*.

        :raises LoadError: if it died, or was cut short.
        """
        if self.child.wait(timeout_s) is None:
            return False
        if self.child.returncode() != 0:
            raise LoadError(self._died())
        self._collect()
        return True

    def stop(self) -> None:
        """Stop the load now; a load that was cut short has no books."""
        self.child.stop()
        self._collect()

    def _collect(self) -> None:
        """Read the announcement, and remove it: it is not part of the run."""
        for file in self.folder.glob("started-*.json"):
            self._start_us = int(json.loads(file.read_text(encoding="utf-8"))["started_us"])
            file.unlink()

    def _reason(self) -> str:
        """Return what the lab's part of the generator said last; or else the end of the log."""
        try:
            lines = self.child.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        ours = [line.partition(_MARK)[2] for line in lines if _MARK in line]
        return ours[-1] if ours else self.child.last_words()

    def _died(self) -> str:
        if self.plan.locustfile and (why := self._reason()).startswith(self.plan.locustfile):
            return why  # it is the reader's, and says what to do
        code = self.child.returncode() or 0
        words = f"killed by signal {code - 128}" if code > 128 else self._reason() or "it said nothing"
        return f"the load generator died ({words}); the run is kept as failed: give the command again"


def start(plan: LoadPlan, url: str, folder: Path, log: Path, bind: str = "127.0.0.1") -> LoadChild:
    """Start the load of *url* as planned; records go to *folder*, what Locust says to *log*.

    *bind* is where processes from elsewhere may join, if the plan has any.

    :raises UsageError: if the plan cannot be run.
    :raises LabError: if Locust cannot be started.
    """
    plan_file = folder / PLAN_FILE
    plan_file.write_text(json.dumps(plan.checked().as_dict(), indent=1) + "\n", encoding="utf-8")
    env = environment(plan_file, folder, os.environ)
    if bind not in ("127.0.0.1", "0.0.0.0"):
        # an address of this machine, at which others find the app: the leader checks its target as they do
        env["LAB_LOAD_HOSTS"] = ",".join(filter(None, [env.get("LAB_LOAD_HOSTS", ""), bind]))
    argv = command(plan, url, plan_file, bind)
    return LoadChild(process.spawn("load", argv, log=log, env=env, cwd=PROJECT), plan, folder)


def start_attached(plan: LoadPlan, url: str, folder: Path, log: Path) -> LoadChild:
    """Start the users of a locustfile that is not the lab's, in the folder in which the lab was called.

    It gets the reader's environment without what belongs to Locust, the lab or PostgreSQL, and without proxies: its
    requests stay on this machine.

    :raises LabError: if Locust cannot be started.
    """
    plan_file = folder / PLAN_FILE
    plan_file.write_text(json.dumps(plan.as_dict(), indent=1) + "\n", encoding="utf-8")
    env = environment(plan_file, folder, os.environ)
    env = {name: value for name, value in env.items() if not name.lower().endswith("_proxy")}
    return LoadChild(process.spawn("load", attached_command(plan, url), log=log, env=env, cwd=Path.cwd()), plan, folder)
