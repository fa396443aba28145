"""CPU time and memory of the parts of a run: cumulative, by role, cheap enough for once a second.

A role is a process and all its descendants. On Linux the time of descendants that have ended is included, because
the kernel adds it to the parent that reaped them: a backend that lived 10 ms counts, which matters with NullPool.
Elsewhere (psutil) only live processes can be counted, so short-lived backends are missed and a value may even fall.

Resident memory is a sum over processes and counts shared memory once for each.

Source: proc(5), "/proc/pid/stat"; Linux ``Documentation/filesystems/proc.rst``, "/proc/stat".
"""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LINUX = sys.platform.startswith("linux")
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far, and resident bytes now."""

    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Stat:
    """What the kernel says about one process; times in seconds, *started* in its own unit."""

    parent: int
    own_s: float
    reaped_s: float
    started: float
    rss_bytes: int


class Processes(Protocol):
    """The two questions that a platform must answer."""

    def stat(self, pid: int) -> Stat | None:
        """Describe one process; None if it is gone or may not be read."""

    def children(self, pid: int) -> list[int]:
        """Return the pids of a process's children."""


class LinuxProcesses:
    """Answers from /proc: some 10 us for a process."""

    def stat(self, pid: int) -> Stat | None:
        """Read ``/proc/PID/stat``."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                return parse_stat(stream.read())
        except OSError:
            return None

    def children(self, pid: int) -> list[int]:
        """Read ``/proc/PID/task/*/children``: a thread's children are listed under the thread."""
        found: list[int] = []
        with suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (three times as fast)
                with suppress(OSError), open(f"/proc/{pid}/task/{task}/children", "rb") as stream:
                    found += [int(child) for child in stream.read().split()]
        return found


class PortableProcesses:
    """Answers from psutil, for macOS: nothing is known about processes that have ended."""

    def stat(self, pid: int) -> Stat | None:
        """Ask psutil."""
        import psutil

        with suppress(psutil.Error):
            process = psutil.Process(pid)
            times = process.cpu_times()
            rss_bytes = process.memory_info().rss
            return Stat(process.ppid(), times.user + times.system, 0.0, process.create_time(), rss_bytes)
        return None

    def children(self, pid: int) -> list[int]:
        """Ask psutil."""
        import psutil

        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []


def parse_stat(text: bytes) -> Stat:
    """Read the line of ``/proc/PID/stat``; a process's name may hold spaces and parentheses.

    >>> line = b"7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 25 75 20 0 1 0 900 100 2 184"
    >>> stat = parse_stat(line)
    >>> stat.parent, stat.own_s / _TICK_S, stat.reaped_s / _TICK_S, stat.started
    (3, 200.0, 100.0, 900.0)
    """
    fields = text[text.rindex(b")") + 2 :].split()
    user, system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return Stat(
        parent=int(fields[1]),
        own_s=(user + system) * _TICK_S,
        reaped_s=(reaped_user + reaped_system) * _TICK_S,
        started=float(fields[19]),
        rss_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def here() -> Processes:
    """Return what answers on this platform."""
    return LinuxProcesses() if LINUX else PortableProcesses()


def tree(processes: Processes, pid: int, *, deep: bool = True, without: int = 0) -> Usage | None:
    """Add up a process and its descendants; None if the process is gone.

    :param deep: False counts children only, which is all that a postmaster has.
    :param without: a pid to leave out (0: none).
    """
    for _ in range(3):
        before = processes.stat(pid)
        total = _sum(processes, pid, deep, without)
        after = processes.stat(pid)
        if before is None or after is None:
            return None
        # a child reaped while we were adding is counted twice or not at all: add again
        if before.reaped_s == after.reaped_s:
            break
    return total


def _sum(processes: Processes, pid: int, deep: bool, without: int) -> Usage:
    cpu_s, rss_bytes = 0.0, 0
    for member in _members(processes, pid, deep):
        stat = processes.stat(member) if member != without else None
        if stat:
            cpu_s += stat.own_s + stat.reaped_s
            rss_bytes += stat.rss_bytes
    return Usage(cpu_s, rss_bytes)


def _members(processes: Processes, pid: int, deep: bool) -> Iterator[int]:
    yield pid
    for child in processes.children(pid):
        if deep:
            yield from _members(processes, child, deep)
        else:
            yield child


@dataclass(frozen=True, slots=True)
class Machine:
    """The whole machine, in seconds since it started; None where it does not tell."""

    busy_s: float | None
    steal_s: float | None
    throttled_s: float | None


def machine() -> Machine:
    """Read the machine's CPU time."""
    if LINUX:
        busy_s, steal_s = _proc_stat()
        return Machine(busy_s, steal_s, throttled_s())
    import psutil

    times = psutil.cpu_times()
    return Machine(times.user + times.system + getattr(times, "nice", 0.0), None, None)


def _proc_stat() -> tuple[float | None, float | None]:
    try:
        with open("/proc/stat", "rb") as stream:
            return parse_machine(stream.readline())
    except (OSError, ValueError):
        return None, None


def parse_machine(line: bytes) -> tuple[float, float]:
    """Return busy and stolen seconds. Waiting for I/O is idle; guests are contained in user.

    >>> busy_s, steal_s = parse_machine(b"cpu  100 10 50 9999 7 1 2 30 5 0")
    >>> busy_s / _TICK_S, steal_s / _TICK_S
    (163.0, 30.0)
    """
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in line.split()[1:9])
    return (user + nice + system + irq + softirq) * _TICK_S, steal * _TICK_S


def throttled_s(proc: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return for how long this process's control group (or one above it) was held back; None if unknown."""
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return None
    found = [value for line in lines for value in _throttled(line, mount)]
    return max(found, default=None)


def _throttled(line: str, mount: Path) -> Iterator[float]:
    """Read one line of /proc/PID/cgroup: ``0::/path`` is version 2; ``4:cpu,cpuacct:/path`` is version 1."""
    _, controllers, path = line.split(":", 2)
    if controllers and "cpu" not in controllers.split(","):
        return
    top = mount / controllers
    group = top / path.lstrip("/")
    for folder in (group, *group.parents):
        yield from _read_throttled(folder / "cpu.stat")
        if folder == top:
            return


def _read_throttled(file: Path) -> Iterator[float]:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "throttled_usec":
                yield int(value) / 1e6
            elif key == "throttled_time":
                yield int(value) / 1e9
