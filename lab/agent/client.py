"""The lab's side of an agent: an app and a load that run elsewhere, with the same handles as those that run here.

Agents are on this machine (a container shares its clocks), which is checked when one is first asked.
"""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.agent.app import PORT as APP_PORT
from lab.errors import AgentError, AppError, LabError, LoadError, SettingError
from lab.plan import LoadPlan, PoolConfig
from lab.units import monotonic_us

_PATIENCE_S = 5.0
_START_S = 60.0
_CLOCK_LIMIT_US = 100_000


@dataclass(frozen=True, slots=True)
class Agent:
    """Where an agent is, and the token that it asks for."""

    url: str
    token: str = field(repr=False)

    @property
    def host(self) -> str:
        """The agent's name in the network."""
        return urlsplit(self.url).hostname or ""

    def ask(self, method: str, path: str, values: dict[str, Any] | None = None, timeout_s: float = _PATIENCE_S) -> Any:
        """Send one order or question and return its answer.

        :raises AgentError: if there is none.
        :raises LabError: if it refuses, with its reason.
        """
        parts = urlsplit(self.url)
        try:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout_s)
        except ValueError:
            raise SettingError(f"agent {self.url!r} is no URL; write it like http://app:8001") from None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(values) if values is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise AgentError(
                f"the agent {self.url} does not answer ({error}); docker compose up -d starts it"
            ) from None
        finally:
            connection.close()
        try:
            found = json.loads(text)
        except ValueError:
            found = {"detail": text.strip()[:200] or f"status {answer.status}"}
        if answer.status >= 400:
            raise LabError(str(found.get("detail", found)))
        return found

    def answers(self) -> bool:
        """Whether it can be asked."""
        try:
            self.ask("GET", "/health")
        except AgentError:
            return False
        except LabError:
            pass  # it answers, if only that it is not well
        return True

    def check_clock(self, path: str) -> None:
        """See that the agent reads the same clock as this process; *path* is what to ask it for.

        :raises AgentError: if it is on another machine.
        """
        before_us = monotonic_us()
        theirs_us = int(self.ask("GET", path)["now_us"])
        if not before_us - _CLOCK_LIMIT_US <= theirs_us <= monotonic_us() + _CLOCK_LIMIT_US:
            raise AgentError(f"agent {self.url} reads another clock; it has to be on the machine of the lab")


class AppElsewhere:
    """The sample app of one run, in its agent's container.

    It is started again by its agent when it dies, as a container platform would; each death is news for the record.
    """

    pid: int | None = None  # not among the processes that can be seen from here
    pooler: None = None  # a variant that needs one is refused in containers

    def __init__(self, agent: Agent, pool: PoolConfig, name: str, run: str) -> None:
        """Start fresh processes.

        :raises AppError: if they do not start, with the reason.
        """
        self._agent = agent
        self.url = app_url(agent)
        order = {"pool": pool.spec, "workers": pool.workers, "name": name, "run": run}
        try:
            agent.ask("PUT", "/app", order, _START_S)
        except LabError as error:
            raise AppError(str(error)) from None
        self._told = 0
        self._agent_id = ""
        self._away_us = 0
        self._open: dict[int, int] = {}

    def alive(self) -> bool:
        """Always true: what dies is started again, and :meth:`news` tells of it."""
        return True

    def why(self) -> str:
        """Nothing: it is never said to be dead."""
        return ""

    def gauges(self) -> list[dict[str, Any]]:
        """Return what the app's meters say; empty if it cannot be asked."""
        try:
            found: list[dict[str, Any]] = self._agent.ask("GET", "/gauges")
        except LabError:
            return []
        return found

    def samples(self, after_us: int) -> list[dict[str, Any]]:
        """Return what the app's workers have sampled; empty if it cannot be asked."""
        try:
            found: list[dict[str, Any]] = self._agent.ask("GET", f"/samples?after={after_us}")
        except LabError:
            return []
        return found

    def stop(self) -> None:
        """Stop the app in order; an agent that is gone has taken its app with it."""
        with contextlib.suppress(AgentError):
            self._agent.ask("DELETE", "/app", timeout_s=20)

    def look(self) -> tuple[list[tuple[int, str]], dict[str, float] | None]:
        """Return what happened since the last look, as (us, monotonic; what), and what its processes have used."""
        now_us = monotonic_us()
        try:
            status = self._agent.ask("GET", "/app", timeout_s=1.0)
        except LabError:
            if not self._away_us:
                self._away_us = now_us
                return [(now_us, "app away: its container does not answer")], None
            return [], None
        if status["agent"] != self._agent_id:
            self._agent_id, self._told, self._open = status["agent"], 0, {}
        news = list(self._back(now_us)) + list(self._deaths(status["deaths"]))
        return news, status["usage"]

    def _back(self, now_us: int) -> Iterator[tuple[int, str]]:
        if self._away_us:
            yield now_us, f"app back: its container answers again after {(now_us - self._away_us) / 1e6:.1f} s"
            self._away_us = 0

    def _deaths(self, deaths: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
        for number, death in enumerate(deaths):
            if number >= self._told:
                yield death["died_us"], f"app died: {death['words'] or 'killed'}"
                self._told = number + 1
                self._open[number] = death["died_us"]
            if number in self._open and death["back_us"]:
                after_s = (death["back_us"] - self._open.pop(number)) / 1e6
                yield death["back_us"], f"app back: started again after {after_s:.1f} s"


class LoadElsewhere:
    """The load of one run, led in its agent's container and made by that agent's workers."""

    pid: int | None = None

    def __init__(self, agent: Agent, plan: LoadPlan, url: str, folder: Path) -> None:
        """Order the load.

        :raises LoadError: if the agent refuses.
        """
        self._agent = agent
        self._plan = plan
        try:
            agent.ask("PUT", "/load", {"plan": plan.as_dict(), "url": url, "folder": str(folder)}, _START_S)
        except LabError as error:
            raise LoadError(str(error)) from None

    def started_us(self, timeout_s: float) -> int:
        """Wait for the start of the load; return it (us, monotonic).

        :raises LoadError: if it died before, or has not started in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            found = self._look()
            if found["started_us"]:
                return int(found["started_us"])
            if not found["alive"]:
                raise LoadError(found["error"] or "the load generator ended before it began; run it again")
            if time.monotonic() > deadline:
                raise LoadError(f"the load did not start within {timeout_s:g} s; see docker compose logs locust-worker")
            time.sleep(0.05)

    def alive(self) -> bool:
        """Whether the leader still runs.

        :raises LoadError: if its agent is gone.
        """
        return bool(self._look()["alive"])

    def pause(self, timeout_s: float) -> None:
        """Wait for a little."""
        time.sleep(timeout_s)

    def wait(self, timeout_s: float) -> bool:
        """Say whether the load has ended.

        :raises LoadError: if it died, or was cut short.
        """
        found = self._look()
        if not found["alive"] and found["error"]:
            raise LoadError(found["error"])
        return not found["alive"]

    def stop(self) -> None:
        """End the load; an agent that is gone leads none."""
        with contextlib.suppress(LabError):
            self._agent.ask("DELETE", "/load", timeout_s=20)

    def _look(self) -> dict[str, Any]:
        try:
            found = self._agent.ask("GET", "/load")["load"]
        except LabError as error:
            raise LoadError(str(error)) from None
        if found is None:
            raise LoadError("the load's agent was started anew and leads no load; run it again")
        return dict(found)


def app_url(agent: Agent) -> str:
    """Return where the app of an agent answers."""
    return f"http://{agent.host}:{APP_PORT}"


def plan_for(agent: Agent, plan: LoadPlan) -> LoadPlan:
    """Return *plan* for as many workers as the agent has.

    :raises LoadError: if there is none.
    """
    workers = int(agent.ask("GET", "/load")["workers"])
    if not workers:
        raise LoadError(
            "no load worker runs; start some with docker compose --profile load up -d --scale locust-worker=2"
        )
    return replace(plan, processes=workers, joined=True)
