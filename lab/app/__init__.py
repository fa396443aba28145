"""The sample application as a child process: start it, read its gauges, stop it.

A plain uvicorn serves it, without a supervisor for one worker and with uvicorn's own for more. The application
itself is :mod:`lab.app.main`; its way to the database :mod:`lab.app.database`; what it measures of itself
:mod:`lab.app.timing`, which other applications can use as it is.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lab.app.gauges import Gauge, GaugeReader
from lab.errors import AppError
from lab.plan import PoolConfig
from lab.process import Child, free_port, spawn, wait_until

_PROJECT = Path(__file__).resolve().parent.parent.parent
_TRIES = 3  # a free port can be lost to another process before uvicorn has it
_PORT_LOST = "address already in use"


@dataclass(frozen=True, slots=True)
class App:
    """A running sample application. *url* has no slash at its end."""

    url: str
    port: int
    pool: PoolConfig
    child: Child
    _reader: GaugeReader = field(repr=False)

    @property
    def pid(self) -> int:
        """The app's process, from which its workers descend."""
        return self.child.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.child.alive()

    def why(self) -> str:
        """What it said last."""
        return self.child.last_words(1)

    def look(self) -> tuple[list[tuple[int, str]], None]:
        """Return no news: it is watched by its pid, and its death ends the run."""
        return [], None

    def pids(self) -> tuple[int, ...]:
        """Return the pids of the workers, the processes that serve requests; empty if the app has ended."""
        if not self.child.alive():
            return ()
        return _workers(self.child.pid, self.pool.workers)

    @property
    def pooler(self) -> None:
        """Return None: whoever gave it a way to the server knows what stands on it."""

    def gauges(self) -> list[Gauge]:
        """Return what ``/pool`` answers, once for each worker that was reached."""
        return self._reader.read()

    def samples(self, after_us: int) -> list[Gauge]:
        """Return what ``/pool/samples`` answers, once for each worker that was reached."""
        return self._reader.read(f"/pool/samples?after={after_us}")

    def stop(self) -> None:
        """Stop the app in order, and with it every connection it holds; may be called again."""
        self._reader.close()
        self.child.stop()


def start(
    dsn: str,
    pool: PoolConfig,
    *,
    port: int,
    name: str,
    log: Path,
    address: str = "127.0.0.1",
    timeout_s: float = 20.0,
) -> App:
    """Start the app and return when all its workers answer.

    *dsn* carries a passfile and no password. *port* 0 takes a free one. *name* becomes the application_name; *log* is
    appended to. *address* is where it listens; a container's is open to its network. The pool is cold on return.

    :raises AppError: if the app does not start, in one line with the last words of its log.
    :raises UsageError: if the port is taken.
    """
    tries = 1 if port else _TRIES
    for remaining in reversed(range(tries)):
        chosen = free_port(port, "LAB_APP_PORT")
        written = log.stat().st_size if log.exists() else 0
        child = spawn(
            "sample app", argv(chosen, pool.workers, address), log=log, env=environment(dsn, pool, name), cwd=_PROJECT
        )
        host = "127.0.0.1" if address == "0.0.0.0" else address
        app = App(f"http://{host}:{chosen}", chosen, pool, child, GaugeReader(chosen, pool.workers, host=host))
        if _answers(app, timeout_s):
            return app
        ended = not child.alive()
        app.stop()
        said = _said(log, written)
        if not (remaining and _PORT_LOST in said):
            break
    how = "ended" if ended else f"did not answer within {timeout_s:g} s"
    raise AppError(f"the sample app {how}: {_reason(said) or 'its log is empty'} (log: {log})")


def argv(port: int, workers: int, address: str = "127.0.0.1") -> list[str]:
    """Return uvicorn's command line."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "lab.app.main:create_app", "--host", address]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning", "--timeout-keep-alive", "75"]
    command += ["--timeout-graceful-shutdown", "2"]  # below the leash's grace: pools are closed before any force
    return command + (["--workers", str(workers)] if workers > 1 else [])


def environment(dsn: str, pool: PoolConfig, name: str, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the app's environment: the inherited one without any PG* and LAB_*, and the app's own three settings."""
    base = os.environ if inherited is None else inherited
    kept = {key: text for key, text in base.items() if not key.startswith(("PG", "LAB_"))}
    return kept | {"LAB_APP_DSN": dsn, "LAB_POOL": pool.spec, "LAB_APP_NAME": name}


def _answers(app: App, timeout_s: float) -> bool:
    """Wait until every worker was heard, or the process has ended."""

    def heard() -> bool:
        # by pid: if the port was lost to another app, it is that one which answers
        pids = {gauge["pid"] for gauge in app.gauges()}
        return len(pids) == app.pool.workers and pids == set(app.pids())

    # several workers share the cores to start on: asking them often would slow them down
    every_s = 0.02 if app.pool.workers == 1 else 0.1
    wait_until(lambda: not app.child.alive() or heard(), timeout_s, every_s)
    return app.child.alive() and heard()


def _workers(pid: int, workers: int) -> tuple[int, ...]:
    """Return the serving processes: *pid* itself, or the children of uvicorn's supervisor."""
    if workers == 1:
        return (pid,)
    found = []
    try:
        for process in psutil.Process(pid).children():
            # multiprocessing has a helper of its own among them, its resource tracker
            if any("spawn_main" in word for word in process.cmdline()):
                found.append(process.pid)
    except psutil.Error:
        pass  # the app is ending: those found so far are the answer
    return tuple(found)


def _said(log: Path, offset: int) -> str:
    """Return what was written to the log since *offset*."""
    try:
        with log.open("rb") as stream:
            stream.seek(offset)
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _reason(said: str) -> str:
    """Return the reason for which the app refused to start, or else its last words.

    >>> _reason("ERROR:    refused: LAB_APP_DSN is not set\\nERROR:    Application startup failed. Exiting.\\n")
    'LAB_APP_DSN is not set'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for line in lines:
        if "refused: " in line:
            return line.partition("refused: ")[2]
    return " | ".join(lines[-3:])
