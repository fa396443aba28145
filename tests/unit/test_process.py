"""The leash: a child ends with its holder, however that one ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lab import process
from lab.errors import BusyError, LabError, UsageError

HOLDER = """
import sys, time
from pathlib import Path
from lab import process
child = process.spawn("child", ["sh", "-c", sys.argv[2]], log=Path(sys.argv[1]), grace_s=0.3)
print(child.pid, child.leash_pid, flush=True)
time.sleep(60)
"""


def held(log: Path, command: str) -> tuple[subprocess.Popen[str], int, int]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(log), command], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    pid, leash = map(int, holder.stdout.readline().split())
    return holder, pid, leash


def group_of(pid: int) -> list[int]:
    return [p.pid for p in psutil.process_iter() if _group(p.pid) == pid]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid) if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else -1
    except (ProcessLookupError, psutil.Error):
        return -1


@pytest.mark.parametrize("command", ["sleep 60", "trap '' TERM; sleep 60 & sleep 60", "sleep 60 & exec sleep 60"])
def test_a_child_and_its_children_end_when_the_holder_is_killed(tmp_path: Path, command: str) -> None:
    holder, pid, _ = held(tmp_path / "log", command)
    holder.kill()
    holder.communicate()
    assert process.wait_until(lambda: not group_of(pid), timeout_s=5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_child_ends_when_its_leash_is_killed(tmp_path: Path) -> None:
    holder, pid, leash = held(tmp_path / "log", "exec sleep 60")
    os.kill(leash, signal.SIGKILL)
    assert process.wait_until(lambda: not group_of(pid), timeout_s=5)
    holder.kill()
    holder.communicate()


def test_a_child_that_will_not_end_when_its_leash_is_killed_is_stopped_by_the_holder(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    child = process.spawn("child", [sys.executable, "-c", script], log=log, grace_s=0.3)
    assert process.wait_until(lambda: "deaf" in log.read_text(), 30)
    os.kill(child.leash_pid, signal.SIGKILL)
    assert process.wait_until(lambda: not child.alive(), 10)
    assert process.is_running(child.pid)
    child.stop()
    assert not process.is_running(child.pid)


def test_what_a_dead_child_leaves_behind_is_killed(tmp_path: Path) -> None:
    child = process.spawn("child", ["sh", "-c", "sleep 60 & exit 3"], log=tmp_path / "log")
    assert child.wait(5) == 3
    assert process.wait_until(lambda: not group_of(child.pid), timeout_s=5)


def test_a_frozen_child_can_be_stopped(tmp_path: Path) -> None:
    child = process.spawn("child", ["sleep", "60"], log=tmp_path / "log", grace_s=0.3)
    os.kill(child.pid, signal.SIGSTOP)
    child.stop()
    assert not psutil.pid_exists(child.pid)


def test_a_command_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="nothing could not be started"):
        process.spawn("nothing", ["/no/such/command"], log=tmp_path / "log")


def test_a_released_child_outlives_its_holder_and_can_be_stopped(tmp_path: Path) -> None:
    code = HOLDER.replace("time.sleep(60)", "child.release()")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log"), "sleep 60"], capture_output=True, text=True
    )
    pid, leash = map(int, done.stdout.split())
    assert psutil.pid_exists(pid)
    process.stop_released(leash, process.started_at(leash))
    assert process.wait_until(lambda: not group_of(pid), timeout_s=5)


def test_a_pid_that_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    child = process.spawn("child", ["sleep", "60"], log=tmp_path / "log")
    process.stop_released(child.leash_pid, process.started_at(child.leash_pid) - 100)
    assert child.alive()
    child.stop()


def test_a_taken_port_is_refused_with_the_setting_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is not to be had.*set LAB_PORT"):
            process.free_port(port, "LAB_PORT")


def test_a_lock_is_held_by_one_and_gone_with_its_holder(tmp_path: Path) -> None:
    with (
        process.exclusive(tmp_path / "lock", "compare"),
        pytest.raises(BusyError, match=rf"pid {os.getpid()}: compare"),
        process.exclusive(tmp_path / "lock", "reset"),
    ):
        pass
    with process.exclusive(tmp_path / "lock", "again"):
        pass
