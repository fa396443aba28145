"""One data directory: make it, start PostgreSQL on it, find out whether it runs, and say in one line why it doesn't.

``postgres`` is started directly, on the lab's leash, and stopped with SIGINT (a fast shutdown). A data directory left
by ``kill -9`` or a power cut recovers when it is started again. ``postmaster.pid`` is believed only if the process it
names really works in that data directory: pids are used again.
"""

import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2

from lab import process
from lab.errors import ServerError
from lab.process import Account, Child
from lab.server import account as accounts
from lab.server import conf, dsn, reason
from lab.server.binaries import Binaries

Progress = Callable[[str], None]
_GRACE_S = 4.0
_READY_S = 60.0
_RECOVERY_S = 900.0  # replaying a large write-ahead log; as long as the process lives
_KEPT_LOGS = 12


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What ``postmaster.pid`` says of a server that runs. *status* is ready, starting, stopping or standby."""

    pid: int
    port: int
    socket_dir: str
    status: str


def initdb(binaries: Binaries, data: Path, password: str, account: Account | None, log: Path) -> None:
    """Make a new data directory for the bootstrap superuser ``lab_owner``.

    :raises ServerError: if it fails.
    """
    pwfile = data.with_name(f"pw-{secrets.token_hex(4)}")
    started = reason.size_bytes(log)
    try:
        accounts.write_file(pwfile, password + "\n", account)
        child = process.spawn(
            "initdb", initdb_command(binaries, data, pwfile), log=log, env=accounts.environment(), cwd=data.parent,
            account=account,
        )  # fmt: skip
        try:
            code = child.wait(120)
        finally:
            child.stop()
    except OSError as error:
        raise ServerError(reason.advised(f"initdb could not be prepared: {error.strerror}")) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            pwfile.unlink()
    if code != 0:
        raise ServerError(reason.advised(f"initdb failed: {reason.in_output(reason.read_from(log, started))}"))
    write_settings(data, binaries.major, account)


def initdb_command(binaries: Binaries, data: Path, pwfile: Path) -> list[str]:
    """Return the command that makes a data directory: UTF-8, and an order of text that is the same everywhere."""
    command = [
        binaries.program("initdb"), "--pgdata", str(data), "--username", "lab_owner", "--pwfile", str(pwfile),
        "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions",
    ]  # fmt: skip
    if binaries.major < 14:
        command.remove("--no-instructions")
    if binaries.major >= 17:
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    return command


def write_settings(data: Path, major: int, account: Account | None) -> None:
    """Write settings and access rules, as they stand in the lab now."""
    try:
        accounts.write_file(data / "postgresql.conf", conf.effective(major), account)
        accounts.write_file(data / "pg_hba.conf", conf.HBA, account)
    except OSError as error:
        raise ServerError(reason.advised(f"cannot write the settings of {data}: {error.strerror}")) from None


def postgres_command(
    binaries: Binaries, data: Path, port: int, socket_dir: Path, extra: Mapping[str, str] | None = None
) -> list[str]:
    """Return the command that starts the server: *extra* settings, and what depends on the machine, which wins."""
    quoted = '"' + str(socket_dir).replace('"', '""') + '"'
    own = {
        "listen_addresses": dsn.LOOPBACK,
        "port": str(port),
        "unix_socket_directories": quoted,
        "unix_socket_permissions": "0700",
    }
    command = [binaries.program("postgres"), "-D", str(data)]
    for name, value in {**(extra or {}), **own}.items():
        command += ["-c", f"{name}={value}"]
    return command


def start(
    binaries: Binaries,
    data: Path,
    port: int,
    socket_dir: Path,
    account: Account | None,
    log: Path,
    owner_dsn: str,
    progress: Progress,
    extra: Mapping[str, str] | None = None,
    grace_s: float = _GRACE_S,
) -> Child:
    """Start PostgreSQL on a leash, and return once *owner_dsn* can connect.

    :raises ServerError: if it ends, or is not ready in time; with the reason from its log.
    """
    _clear_stale_pid(data)
    _prune_logs(data, account)
    command = postgres_command(binaries, data, port, socket_dir, extra)
    began, wall, offset = time.monotonic(), time.time(), reason.size_bytes(log)
    child = process.spawn(
        "PostgreSQL", command, log=log, env=accounts.environment(), cwd=data, stop_signal=signal.SIGINT,
        grace_s=grace_s, account=account,
    )  # fmt: skip
    try:
        _wait_until_ready(child, data, owner_dsn, began, progress, lambda: reason.of_server(data, log, offset, wall))
    except BaseException:
        child.stop()
        raise
    return child


def _wait_until_ready(
    child: Child, data: Path, owner_dsn: str, began: float, progress: Progress, why: Callable[[], str]
) -> None:
    told = False
    refusal = ""
    while child.alive():
        waited_s = time.monotonic() - began
        seen = read_pid_file(data)
        if seen and seen.pid == child.pid and seen.status == "ready":
            refusal = _try_connect(owner_dsn)
            if not refusal:
                return
        if waited_s > (_RECOVERY_S if not refusal else _READY_S):
            raise ServerError(f"PostgreSQL is not ready after {waited_s:.0f} s: {refusal or 'it still recovers'}")
        if "password authentication failed" in refusal:
            raise ServerError(f"the passwords do not fit the data in {data}; run `lab reset --fresh`")
        if waited_s > 3 and not told:
            told = True
            progress("PostgreSQL is starting; after a crash it first repairs its data")
        time.sleep(0.02)
    raise ServerError(reason.advised(f"PostgreSQL did not start: {why()}"))


def _try_connect(owner_dsn: str) -> str:
    """Return why a connection was refused; empty if it was not."""
    try:
        psycopg2.connect(owner_dsn, connect_timeout=5, application_name="lab").close()
    except psycopg2.Error as error:
        return " ".join(str(error).split()) or "refused"
    return ""


def read_pid_file(data: Path) -> Postmaster | None:
    """Return what ``postmaster.pid`` says, true or not; None if there is none or it is not whole yet."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return Postmaster(int(lines[0]), int(lines[3]), lines[4], lines[7].strip())
    except (OSError, ValueError, IndexError):
        return None


def find_running(data: Path) -> Postmaster | None:
    """Return the server that works in *data*; None if there is none."""
    seen = read_pid_file(data)
    return seen if seen and works_in(seen.pid, data) else None


def works_in(pid: int, data: Path) -> bool:
    """Whether process *pid* is a server working in *data*: PostgreSQL makes it its current folder."""
    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(found.cwd()) == data.resolve() and "postgres" in found.name()
    except psutil.AccessDenied:
        return "postgres" in psutil.Process(pid).name()
    except (psutil.Error, OSError):
        return False


def stop_process(pid: int, data: Path, timeout_s: float = 10.0) -> None:
    """Stop a server that no leash holds: fast, then at once, then by force."""
    for number, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        if not works_in(pid, data):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, number)
        if process.wait_until(lambda: not works_in(pid, data), wait_s):
            return


def wait_until_gone(data: Path, timeout_s: float = 5.0) -> None:
    """Wait for backends that outlive their killed postmaster for a moment; they would keep a new one from starting."""
    process.wait_until(lambda: not any(_workers(data)), timeout_s, 0.05)


def _workers(data: Path) -> Iterator[int]:
    for one in psutil.process_iter(["name"]):
        if "postgres" in (one.info["name"] or "") and works_in(one.pid, data):
            yield one.pid


def _clear_stale_pid(data: Path) -> None:
    """Remove a postmaster.pid whose pid now belongs to another program; PostgreSQL itself would refuse to start.

    One whose process is gone is left alone: PostgreSQL also checks the shared memory that it names.
    """
    seen = read_pid_file(data)
    if seen is None:
        return
    wait_until_gone(data)
    if psutil.pid_exists(seen.pid) and not works_in(seen.pid, data):
        with contextlib.suppress(FileNotFoundError):
            (data / "postmaster.pid").unlink()


def major_of(data: Path) -> int | None:
    """Return the major version that made *data*; None if it is no data directory."""
    try:
        return int((data / "PG_VERSION").read_text().strip())
    except (OSError, ValueError):
        return None


def _prune_logs(data: Path, account: Account | None) -> None:
    logs = sorted((data / "log").glob("lab-*")) if (data / "log").is_dir() else []
    for old in logs[: -_KEPT_LOGS or None]:
        with contextlib.suppress(OSError):
            old.unlink()


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((dsn.LOOPBACK, port)) == 0
