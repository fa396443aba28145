"""Child processes on a leash, and what is known about a process by its pid.

Whatever the lab starts is started through :func:`spawn`, so that it ends with the process that started it, however
that one ends. :mod:`lab.leash` is the other half.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lab.errors import BusyError, LabError, UsageError

_LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a child runs as; used when the lab itself runs as root."""

    name: str
    uid: int
    gid: int


@dataclass(slots=True)
class Child:
    """A process on a leash. *pid* is the command's own; *leash_pid* its supervisor's."""

    name: str
    pid: int
    log: Path
    grace_s: float
    _leash: subprocess.Popen[bytes] = field(repr=False)
    started_s: float = 0.0  # as started_at says

    @property
    def leash_pid(self) -> int:
        """The supervisor; a SIGTERM to it stops the child in order."""
        return self._leash.pid

    def alive(self) -> bool:
        """Whether the command still runs."""
        return self._leash.poll() is None

    def returncode(self) -> int | None:
        """The command's exit code; 128 + N after signal N; None while it runs."""
        return self._leash.poll()

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the command to end; None if it still runs after *timeout_s*."""
        try:
            code = self._leash.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        _close_pipes(self._leash)
        return code

    def stop(self) -> None:
        """Stop the command in order, and by force after its grace; returns when it is gone. May be called again."""
        if self._leash.stdin:
            self._leash.stdin.close()
        if self.wait(self.grace_s + 5) is None:
            self._leash.kill()
            _kill_group(self.pid)
            self._leash.wait()
            _close_pipes(self._leash)
        if self._leash.returncode < 0:
            self._end_alone()

    def _end_alone(self) -> None:
        """See to the command's end where its leash was killed: the kernel has asked it to stop, and nobody waited."""
        if not wait_until(self._gone, self.grace_s):
            _kill_group(self.pid)
            wait_until(self._gone, 5.0)

    def _gone(self) -> bool:
        return not (is_same(self.pid, self.started_s) and is_running(self.pid))

    def release(self) -> None:
        """Let the command outlive this process; its leash goes on as its supervisor."""
        if self._leash.stdin:
            self._leash.stdin.write(b"r")
        _close_pipes(self._leash)
        # the supervisor is to outlive us: nobody here will wait for it
        self._leash.returncode = 0

    def last_words(self, lines: int = 3) -> str:
        """Return the end of the command's log as one line, for an error message."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_signal: int = signal.SIGTERM,
    grace_s: float = 3.0,
    account: Account | None = None,
) -> Child:
    """Start *argv* on a leash, with its output appended to *log*.

    The child leads a session of its own, so a Ctrl-C in the terminal reaches the lab alone, which then stops its
    children in order.

    :raises LabError: if the command cannot be started.
    """
    order = {
        "argv": list(argv),
        "log": str(log),
        "cwd": str(cwd) if cwd else None,
        "stop_signal": int(stop_signal),
        "grace_s": grace_s,
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
    }
    leash = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # ours may be a pipe that somebody reads to its end, and the leash can outlive us
        stderr=subprocess.DEVNULL,
        env=dict(env) if env is not None else None,
        start_new_session=True,
    )
    assert leash.stdout is not None
    answer = json.loads(leash.stdout.readline() or b'{"error": "its leash died"}')
    if "pid" not in answer:
        leash.wait()
        _close_pipes(leash)
        raise LabError(f"{name} could not be started: {answer['error']}")
    return Child(name, answer["pid"], log, grace_s, leash, started_at(answer["pid"]))


def stop_released(leash_pid: int, started_s: float, timeout_s: float = 15.0) -> None:
    """Stop a child that was released earlier, maybe by another process; nothing happens if it is gone.

    *started_s* is :func:`started_at` of the leash, which guards against a pid that now belongs to somebody else.
    """
    if not is_same(leash_pid, started_s):
        return
    process = psutil.Process(leash_pid)
    process.terminate()
    _, alive = psutil.wait_procs([process], timeout=timeout_s)
    for stubborn in alive:
        stubborn.kill()


def started_at(pid: int) -> float:
    """When a process started (seconds, the system's own stamp); 0.0 if there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_same(pid: int, started_s: float) -> bool:
    """Whether *pid* still is the process that started at *started_s*."""
    return started_s > 0 and abs(started_at(pid) - started_s) < 0.5 and psutil.pid_exists(pid)


def free_port(wanted: int, name: str) -> int:
    """Return *wanted* if it is free on loopback, or any free port if it is 0.

    :raises UsageError: if the wanted port is taken, naming the setting *name*.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            who = _who_listens(wanted)
            raise UsageError(
                f"port {wanted} is not to be had{who} ({error.strerror}); set {name} to another port, or to 0 for any"
            ) from None
        return int(probe.getsockname()[1])


def _who_listens(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f": pid {connection.pid} listens on it" if connection.pid else ": another process listens on it"
    except psutil.Error:
        pass  # macOS tells only root: the message then names no pid
    return ""


@contextmanager
def exclusive(file: Path, what: str) -> Iterator[None]:
    """Hold *file* as a lock while the body runs; the lock goes with the process, also after ``kill -9``.

    :raises BusyError: if another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            raise BusyError(
                f"another lab command is at work in {file.parent} ({stream.read().strip() or 'unknown'}); "
                f"wait for it, or set LAB_HOME to another folder to {what}"
            ) from None
        stream.truncate(0)
        stream.write(f"pid {os.getpid()}: {what}")
        stream.flush()
        yield


def wait_until(ready: Callable[[], bool], timeout_s: float, every_s: float = 0.02) -> bool:
    """Poll the callable *ready* until it says true; False if it never did within *timeout_s*."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(every_s)
    return bool(ready())


def _close_pipes(leash: subprocess.Popen[bytes]) -> None:
    for pipe in (leash.stdin, leash.stdout):
        if pipe:
            pipe.close()


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
