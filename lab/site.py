"""Where the parts of a run are made: beside the lab, or in containers whose agents take the lab's orders.

Both give the same handles, so an experiment does not know which it is.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lab import app, load
from lab.agent.client import Agent, AppElsewhere, LoadElsewhere, app_url, plan_for
from lab.agent.token import token
from lab.app import App
from lab.config import Config
from lab.errors import VariantError
from lab.plan import LoadPlan, PoolConfig
from lab.server import Server, pgbouncer
from lab.server.pgbouncer import Pooler

News = list[tuple[int, str]]  # (us, monotonic; what happened)


class AppPart(Protocol):
    """The sample app of one run."""

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""

    @property
    def pid(self) -> int | None:
        """Its process; None if that cannot be seen from here."""

    def alive(self) -> bool:
        """Whether the run can go on with it."""

    def why(self) -> str:
        """What it said last."""

    def gauges(self) -> list[dict[str, Any]]:
        """Return what its meters say, once for each worker."""

    def samples(self, after_us: int) -> list[dict[str, Any]]:
        """Return what its workers have sampled after *after_us* (monotonic), and their routes' totals; each once."""

    def look(self) -> tuple[News, dict[str, float] | None]:
        """Return what happened since the last look, and cpu_s and rss_bytes of what cannot be seen from here."""

    @property
    def pooler(self) -> Pooler | None:
        """The PgBouncer between it and the server; None where there is none."""

    def stop(self) -> None:
        """Stop it in order; may be called again."""


@dataclass(frozen=True, slots=True)
class PooledApp:
    """The sample app and the PgBouncer that was started for it; they live and end together."""

    web: App
    pooler: Pooler

    @property
    def url(self) -> str:
        """See :class:`AppPart`."""
        return self.web.url

    @property
    def pid(self) -> int:
        """See :class:`AppPart`; PgBouncer's is ``pooler.pid``."""
        return self.web.pid

    def alive(self) -> bool:
        """See :class:`AppPart`; without its PgBouncer it can do nothing."""
        return self.web.alive() and self.pooler.alive()

    def why(self) -> str:
        """See :class:`AppPart`."""
        if self.pooler.alive():
            return self.web.why()
        return f"its PgBouncer died: {self.pooler.child.last_words(1) or 'killed'}"

    def gauges(self) -> list[dict[str, Any]]:
        """See :class:`AppPart`."""
        return self.web.gauges()

    def samples(self, after_us: int) -> list[dict[str, Any]]:
        """See :class:`AppPart`."""
        return self.web.samples(after_us)

    def look(self) -> tuple[News, None]:
        """See :class:`AppPart`."""
        return self.web.look()

    def stop(self) -> None:
        """See :class:`AppPart`. PgBouncer goes last: it would hold the app's sessions in the server open."""
        self.web.stop()
        self.pooler.stop()


class LoadPart(Protocol):
    """The load of one run."""

    @property
    def pid(self) -> int | None:
        """Its process; None if that cannot be seen from here."""

    def started_us(self, timeout_s: float) -> int:
        """Wait for the start of the load (us, monotonic)."""

    def alive(self) -> bool:
        """Whether it still goes on."""

    def pause(self, timeout_s: float) -> None:
        """Wait for a little, less if the load ends meanwhile."""

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False if it still runs."""

    def stop(self) -> None:
        """Stop it now; may be called again."""


class Site:
    """Starts the app and the load of a run, here or through agents."""

    def __init__(self, config: Config, joined: bool = False) -> None:
        """Find out where; nothing is started. *joined*: load processes come from other machines.

        :raises SettingError: if an agent is named and its token cannot be read.
        :raises AgentError: if the app's agent does not answer, or one is on another machine.
        """
        self._config = config
        # only for a load that was asked to come from outside is anything open to the outside
        self._address = config.load_bind if joined else "127.0.0.1"
        self._app = _agent(config, config.app_agent)
        self._load = _agent(config, config.load_agent)
        if self._app:
            self._app.check_clock("/app")
        if self._load:
            if not self._load.answers():
                self._load = None  # its containers were not asked for: the load is made here
            else:
                self._load.check_clock("/load")

    @property
    def where(self) -> str:
        """Say where, for whoever watches; empty if everything is here."""
        if not self._app:
            return ""
        load = (
            "the load in others" if self._load else f"the load beside the lab, as {self._config.load_agent} is not up"
        )
        return f"the app in its container, {load}"

    def limits(self) -> dict[str, Any]:
        """Return what the containers of app and load may use; nothing where there are none."""
        found = {}
        for name, agent, path in (("app", self._app, "/app"), ("load", self._load, "/load")):
            if agent:
                found[name] = agent.ask("GET", path)["limits"]
        return found

    def plan(self, wanted: LoadPlan) -> LoadPlan:
        """Return the plan as it can be made here: for all the workers that a load's agent has.

        :raises LoadError: if it has none.
        """
        return plan_for(self._load, wanted).checked() if self._load else wanted

    def app(self, where: Server, pool: PoolConfig, name: str, folder: Path) -> AppPart:
        """Start fresh processes of the sample app, and for ``pgbouncer`` a fresh PgBouncer before *where*.

        :raises AppError: if they do not start.
        :raises PoolerError: if PgBouncer does not.
        """
        if self._app:
            return AppElsewhere(self._app, pool, name, folder.name)
        if not pool.needs_pooler:
            return self._start(where.app_dsn, pool, name, folder)
        pooler = pgbouncer.start(self._config, where, pool, folder / "pgbouncer.log")
        with ExitStack() as undo:
            undo.callback(pooler.stop)
            made = PooledApp(self._start(pooler.dsn, pool, name, folder), pooler)
            undo.callback(made.web.stop)
            pooler.cool()  # the app looked at the mark of the database through it
            undo.pop_all()
        return made

    def _start(self, dsn: str, pool: PoolConfig, name: str, folder: Path) -> App:
        log = folder / "app.log"
        return app.start(dsn, pool, port=self._config.app_port, name=name, log=log, address=self._address)

    def load(self, plan: LoadPlan, url: str, folder: Path) -> LoadPart:
        """Start the load.

        :raises LoadError: if it cannot be started.
        """
        if self._load:
            return LoadElsewhere(self._load, plan, url, folder)
        return load.start(plan, url, folder, folder / "load.log", bind=self._address)

    def standing_app(self) -> dict[str, Any]:
        """Return the status of an agent's app: state, url, order, pids."""
        return {"url": app_url(self._app), **self._app.ask("GET", "/app")} if self._app else {}

    def stand_app(self, pool: PoolConfig) -> None:
        """Have an agent's app stand under *pool*, also after later experiments.

        :raises LabError: if it does not start.
        """
        if self._app:
            self._app.ask("PUT", "/app", {"pool": pool.spec, "workers": pool.workers}, timeout_s=60)

    def rest(self) -> None:
        """Leave an agent's app as it stands while there is no experiment."""
        if self._app:
            self._app.ask("PUT", "/standard", timeout_s=30)


def check_pools(config: Config, pools: Iterable[PoolConfig]) -> None:
    """Refuse what cannot be made here, before anything is started.

    :raises VariantError: if a pool needs a PgBouncer and the app runs in a container.
    :raises PoolerError: if a pool needs a PgBouncer and there is none.
    """
    if not any(pool.needs_pooler for pool in pools):
        return
    if config.app_agent:
        raise VariantError(
            "pgbouncer is measured beside the lab only: each run has a fresh one, and that of Docker Compose stands; "
            "give lab compare outside of the containers"
        )
    pgbouncer.find()


def _agent(config: Config, url: str) -> Agent | None:
    return Agent(url, token(config)) if url else None
