"""The observe stage: what the server and the machine saw during a run.

A process of its own looks at pg_stat_activity ten times a second (jittered), takes snapshots of the counters at the
boundaries of phases, and reads CPU times once a second. It appends rows to ``observer-PID.jsonl`` and events to
``events.jsonl``. This module starts it and gives it orders.

``schedule``  when to look                      ``session``  the connection and its questions
``cpu``       CPU time of process trees         ``system``   the rows about roles and machine
``orders``    commands and answers              ``loop``     the one thread that does it all
``rows``      what is written                   ``gone``     when an application's statistics are complete
"""

import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import ObserverError
from lab.observe.gone import wait_until_gone
from lab.observe.session import check_dsn

__all__ = ["Observer", "start", "wait_until_gone"]

READY_S = 15.0
STOP_S = 5.0
_PROJECT = Path(__file__).resolve().parents[2]
_WORD = re.compile(r"[\w.:-]+")


def start(
    dsn: str,
    target: str,
    folder: Path,
    *,
    application: str,
    watch: Mapping[str, int],
    hz: float = 10.0,
    log: Path,
    anyone: bool = False,
) -> "Observer":
    """Start an observer and wait until it samples.

    :param dsn: of the observer's role, to another database than *target*; without a password (name a passfile).
    :param target: name of the database under test.
    :param folder: existing folder for the rows.
    :param application: application_name of the app under test, for the record.
    :param watch: role (app, generator, server, lab) to pid, of what runs already.
    :param hz: mean samples per second.
    :param log: file to which the observer's complaints are appended.
    :param anyone: the server is somebody's own: a role that may not see what others do will do, and libpq's
        environment variables count, a password's too.
    :raises ObserverError: if it does not get ready; the reason is in the message.
    """
    check_dsn(dsn)
    argv = command(dsn, target, folder, application=application, watch=watch, hz=hz, anyone=anyone)
    paths = [str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with log.open("ab") as complaints:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**_without_secrets(os.environ, anyone), "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # a Ctrl-C is for the lab, which then stops its children in order
        )
    observer = Observer(process, log)
    observer.wait_until_ready(READY_S)
    return observer


def _without_secrets(environ: Mapping[str, str], anyone: bool) -> dict[str, str]:
    secret = "" if anyone else "PGPASSWORD"
    return {name: value for name, value in environ.items() if not name.startswith("LAB_") and name != secret}


def command(
    dsn: str,
    target: str,
    folder: Path,
    *,
    application: str,
    watch: Mapping[str, int],
    hz: float,
    anyone: bool = False,
) -> list[str]:
    """Return the command line of an observer.

    >>> argv = command("dbname=x", "lab", Path("/r"), application="a", watch={"app": 7}, hz=10.0)
    >>> argv[1:4], argv[-1]
    (['-m', 'lab.observe', '--dsn=dbname=x'], '--watch=app=7')
    """
    fixed = {"dsn": dsn, "target": target, "folder": folder, "application": application, "hz": hz}
    options = [f"--{name}={value}" for name, value in fixed.items()]
    return [
        sys.executable,
        "-m",
        "lab.observe",
        *options,
        *(["--anyone"] if anyone else []),
        *(f"--watch={role}={pid}" for role, pid in watch.items()),
    ]


@dataclass(slots=True)
class Observer:
    """A running observer. It ends with the process that started it, however that one ends."""

    process: subprocess.Popen[bytes]
    log: Path
    _text: bytes = b""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def pid(self) -> int:
        """Its pid, which is part of its file's name."""
        return self.process.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def mark(self, name: str, timeout_s: float = 5.0) -> int:
        """Take a snapshot of the counters, labelled *name*; returns when it was taken (us, monotonic).

        :raises ObserverError: if the server or the observer is gone, or does not answer within *timeout_s*.
        """
        return self._order("mark", name, name, timeout_s=timeout_s)

    def watch(self, role: str, pid: int, timeout_s: float = 5.0) -> int:
        """Watch a process tree that was started later, such as the load generator.

        :raises ObserverError: if there is no such process, or the observer is gone.
        """
        return self._order("watch", role, role, str(pid), timeout_s=timeout_s)

    def stop(self) -> None:
        """Have it write what it holds, and end; by force if it does not. May be called again.

        :raises ObserverError: if it had ended before it was told to: rows may be missing.
        """
        if self.process.stdout is None or self.process.stdout.closed:
            return
        died = not self.alive()
        with self._lock:
            self._close(b"" if died else b"stop\n")
        if died:
            raise ObserverError(f"{self._fate()}; the last rows of the run may be missing")

    def wait_until_ready(self, timeout_s: float) -> None:
        """Wait for its first line; called by :func:`start`.

        :raises ObserverError: if it does not come; the observer is ended then.
        """
        line = self._line(time.monotonic() + timeout_s)
        if line is None or not line.startswith("ready "):
            why = self._fate() if line is None else f"the observer said {line!r} instead of ready"
            self._close(b"")
            raise ObserverError(why)

    def _order(self, verb: str, name: str, *words: str, timeout_s: float) -> int:
        if not _WORD.fullmatch(name):
            raise ObserverError(f"{name!r} cannot be the name of a {verb}; use letters, digits and . : - _")
        with self._lock:
            self._forget_late_answers()
            self._send(" ".join((verb, *words)))
            answer = self._answer_to(name, time.monotonic() + timeout_s)
        if answer is None:
            raise ObserverError(f"{verb} {name}: {self._fate(timeout_s)}")
        if answer[0] == "error":
            raise ObserverError(f"{verb} {name} failed: {answer[2]}")
        return int(answer[2])

    def _send(self, line: str) -> None:
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise ObserverError(f"{line}: {self._fate()}") from None

    def _answer_to(self, name: str, deadline_s: float) -> list[str] | None:
        while (line := self._line(deadline_s)) is not None:
            parts = line.split(" ", 2)
            if len(parts) == 3 and parts[1] == name:
                return parts
        return None

    def _line(self, deadline_s: float) -> str | None:
        """Return the next line; None if it does not come in time or the observer has ended."""
        assert self.process.stdout is not None
        source = self.process.stdout.fileno()
        while b"\n" not in self._text:
            left_s = max(0.0, deadline_s - time.monotonic())
            data = os.read(source, 4096) if select.select([source], [], [], left_s)[0] else b""
            if not data:
                return None
            self._text += data
        line, self._text = self._text.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def _forget_late_answers(self) -> None:
        while self._line(0.0) is not None:
            pass

    def _fate(self, waited_s: float = READY_S) -> str:
        """Say what has become of it, for an error message."""
        try:
            code = self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            return f"the observer (pid {self.pid}) did not answer within {waited_s:g} s; see {self.log}"
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        reason = lines[-1] if code == 1 and lines else f"exit code {code}; see {self.log}"
        return f"the observer ended: {reason}"

    def _close(self, last: bytes) -> None:
        """Send the last words, close both pipes, and see that it ends."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(last)
            self.process.stdin.close()
        except (OSError, ValueError):
            pass  # it has ended, or its input was closed before
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
