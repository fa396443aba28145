"""The standing lab: the server and the sample app that ``lab up`` starts and ``lab down`` stops.

Both outlive the command that started them; each has a supervisor that leaves nothing behind when it dies. What is
known of the app is in ``app.json`` in the home; the server stage keeps its own file.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lab import app, process, server
from lab.config import Config
from lab.errors import LabError, UsageError
from lab.plan import PoolConfig
from lab.record.files import write_atomically
from lab.site import Site
from lab.watch import Watch

_FILE = "app.json"


@dataclass(frozen=True, slots=True)
class AppStatus:
    """The standing app. *pids* are its worker processes.

    *state* is running or stopped; an agent's also starting or unreachable.
    """

    state: str
    url: str | None = None
    pids: tuple[int, ...] = ()
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing lab, as ``lab status`` shows it."""

    server: server.ServerStatus
    app: AppStatus
    home: Path

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``lab status --json``."""
        state = self.server
        return {
            "server": {
                "state": state.state,
                "note": state.note or None,
                "version": state.version or None,
                "port": state.port,
                "pid": state.pid,
                "data_dir": str(state.data_dir) if state.data_dir else None,
            },
            "app": {"state": self.app.state, "url": self.app.url, "pids": list(self.app.pids), "pool": self.app.pool},
            "home": str(self.home),
        }


def up(config: Config, pool: PoolConfig, watch: Watch) -> Standing:
    """Start what does not run yet, and wait until both answer. An app with another pool is replaced.

    :raises LabError: if a part does not start; what this call started is stopped again.
    """
    pool.checked_direct(pool.spec)
    if config.app_agent:
        return _up_elsewhere(config, pool, watch)
    with process.exclusive(config.home / "lock", "up"), contextlib.ExitStack() as undo:
        current = _app_status(config.home)
        if config.app_port and (current.url or "").rpartition(":")[2] != str(config.app_port):
            process.free_port(config.app_port, "LAB_APP_PORT")  # before anything is started or stopped for it
        ran = server.status(config).state == "running"
        where = server.ensure(config, watch.say)
        if not ran:
            undo.callback(server.stop, config)
        if current.state == "running" and current.pool == pool.spec and len(current.pids) == pool.workers:
            undo.pop_all()
            return Standing(server.status(config), current, config.home)
        pool.checked_for(where.app_slots, where.max_connections, pool.spec)
        _stop_app(config.home)
        watch.say("starting the sample app")
        web = app.start(where.app_dsn, pool, port=config.app_port, name="lab-app", log=config.home / "app.log")
        try:
            _remember(config.home, web, pool)
        except BaseException:
            web.stop()
            raise
        web.child.release()
        undo.pop_all()
        return Standing(server.status(config), _app_status(config.home), config.home)


def down(config: Config, watch: Watch) -> Standing:
    """Stop the app, then the server; nothing happens to what does not run."""
    with process.exclusive(config.home / "lock", "down"):
        if config.app_agent:
            raise UsageError("the lab runs in containers; end them from outside with docker compose down")
        watch.say("stopping the sample app")
        _stop_app(config.home)
        watch.say("stopping PostgreSQL")
        server.stop(config)
        return status(config)


def _up_elsewhere(config: Config, pool: PoolConfig, watch: Watch) -> Standing:
    """Prepare the server and have the app's agent start it under *pool*."""
    with process.exclusive(config.home / "lock", "up"):
        where = server.ensure(config, watch.say)
        pool.checked_for(where.app_slots, where.max_connections, pool.spec)
        watch.say("starting the sample app")
        Site(config).stand_app(pool)
    return status(config)


def _app_elsewhere(config: Config) -> AppStatus:
    try:
        found = Site(config).standing_app()
    except LabError:
        return AppStatus("unreachable")
    if found["state"] != "running":
        return AppStatus(found["state"])
    return AppStatus("running", found["url"], tuple(found["pids"]), found["order"]["pool"])


def reset(config: Config, watch: Watch, fresh: bool = False) -> Standing:
    """Put the database back to its first state. An app beside the lab is stopped for it, and started again after."""
    with process.exclusive(config.home / "lock", "reset"):
        before = _app_status(config.home)
        _stop_app(config.home)
        watch.say("bringing the database back to its first state")
        server.reset(config, fresh=fresh)
    if before.state == "running" and before.pool:
        return up(config, PoolConfig.parse(before.pool, workers=len(before.pids)), watch)
    return status(config)


def status(config: Config) -> Standing:
    """Tell what runs, without starting anything."""
    web = _app_elsewhere(config) if config.app_agent else _app_status(config.home)
    return Standing(server.status(config), web, config.home)


def _remember(home: Path, web: app.App, pool: PoolConfig) -> None:
    values = {
        "url": web.url,
        "pids": web.pids(),
        "pool": pool.spec,
        "leash_pid": web.child.leash_pid,
        "leash_started_s": process.started_at(web.child.leash_pid),
    }
    write_atomically(home / _FILE, json.dumps(values, indent=1) + "\n")


def _read(home: Path) -> dict[str, Any] | None:
    try:
        values = json.loads((home / _FILE).read_text(encoding="utf-8"))
        return values if process.is_same(values["leash_pid"], values["leash_started_s"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _app_status(home: Path) -> AppStatus:
    values = _read(home)
    if values is None:
        return AppStatus("stopped")
    alive = tuple(pid for pid in values["pids"] if psutil.pid_exists(pid))
    return AppStatus("running", values["url"], alive, values["pool"]) if alive else AppStatus("stopped")


def _stop_app(home: Path) -> None:
    values = _read(home)
    if values is not None:
        process.stop_released(values["leash_pid"], values["leash_started_s"])
    with contextlib.suppress(FileNotFoundError):
        (home / _FILE).unlink()
