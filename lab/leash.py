"""Holds one child process on a leash: when the holder is gone, the child goes too, also after ``kill -9``.

Run as a script by :mod:`lab.process`, with a JSON object as its only argument. It reads its standard input: end of
file means that the holder has died, or wants the child stopped; the byte ``r`` means that the holder lets go and the
child lives on, with this process as its supervisor. Standard output carries one line, the child's pid.

Standard library only, and started with ``-I -S``, so that a leash costs little to start.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1
ORPHANS_S = 1.0


def _die_with_parent(stop_signal: int) -> Callable[[], None] | None:
    """Linux only: have the kernel signal the child if the leash itself is killed."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    account: dict[str, Any] = {}
    if order["uid"] is not None:
        account = {"user": order["uid"], "group": order["gid"], "extra_groups": []}
    return subprocess.Popen(
        order["argv"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=order["cwd"],
        start_new_session=True,
        umask=0o077,
        preexec_fn=_die_with_parent(order["stop_signal"]),
        **account,
    )


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _stop(child: subprocess.Popen[bytes], stop_signal: int, grace_s: float) -> None:
    """Ask, wait, then kill. Only the leader is asked: PostgreSQL and uvicorn stop their own children in order."""
    child.send_signal(stop_signal)
    # a stopped process (SIGSTOP) would never see the request
    _signal_group(child.pid, signal.SIGCONT)
    deadline = time.monotonic() + grace_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def _let_go(group: int) -> None:
    """Give what a child that ended by itself leaves behind a moment to end, or to find a session of its own.

    The process that writes PostgreSQL's log is one: it still has to write down why the server ended.
    """
    deadline = time.monotonic() + ORPHANS_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)


def _wait(child: subprocess.Popen[bytes]) -> bool:
    """Return when the child has ended (False) or is to be stopped (True)."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    asked: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.append(1))
    watched = [wake_read, 0]
    while child.poll() is None and not asked:
        ready, _, _ = select.select(watched, [], [], 1.0)
        if wake_read in ready:
            os.read(wake_read, 512)
        if 0 in ready:
            if os.read(0, 1) != b"r":
                return True
            watched.remove(0)
    return child.poll() is None


def main() -> int:
    """Start the child, watch it and the holder, and leave nothing of its process group behind."""
    order = json.loads(sys.argv[1])
    try:
        child = _start(order)
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201
        return 127
    print(json.dumps({"pid": child.pid}), flush=True)  # noqa: T201
    if _wait(child):
        _stop(child, order["stop_signal"], order["grace_s"])
    else:
        _let_go(child.pid)
    _signal_group(child.pid, signal.SIGKILL)
    return child.wait()


if __name__ == "__main__":
    code = main()
    sys.exit(code if code >= 0 else 128 - code)
