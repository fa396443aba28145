"""A server that is restarted under its clients: who fails, and who comes back without help.

It is done to a private server, with two pools that work at the same time, so that both live through the same restart.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine, QueuePool, text
from sqlalchemy.exc import DBAPIError

from lab import sql
from lab.demonstrate.bench import Bench
from lab.errors import LabError, ServerError
from lab.process import wait_until
from lab.server.private import SCRAM, private

_ROLE = "lab_restart"
_EVERY_S = 0.01  # a user's pause after each request


@dataclass(frozen=True, slots=True)
class Lived:
    """One pool's requests around a restart."""

    pre_ping: bool
    failed: int
    answered: int
    answered_after: bool  # whether every user was answered again after the server was back


@dataclass(frozen=True, slots=True)
class Restarted:
    """Two pools that lived through the same restart."""

    pools: tuple[Lived, ...]  # without pre_ping, and with it; none if no server could be had
    problem: str = ""  # why there was none

    @property
    def fewest_failed(self) -> int | None:
        """Failed requests of the pool that had fewer; None if there was no server."""
        return min((pool.failed for pool in self.pools), default=None)

    @property
    def all_back(self) -> int | None:
        """1 if every user of both pools was answered again, else 0; None if there was no server."""
        return int(all(pool.answered_after for pool in self.pools)) if self.pools else None


@dataclass(slots=True)
class _Team:
    """Users of one engine, in threads."""

    engine: Engine
    stop: threading.Event
    outcomes: list[list[tuple[float, bool]]] = field(default_factory=list)  # of each user: when asked, and answered

    def begin(self, users: int) -> list[threading.Thread]:
        self.outcomes = [[] for _ in range(users)]
        threads = [threading.Thread(target=self._work, args=(mine,)) for mine in self.outcomes]
        for thread in threads:
            thread.start()
        return threads

    def answered_since(self, since_s: float) -> bool:
        return all(any(ok and at_s >= since_s for at_s, ok in list(mine)) for mine in self.outcomes)

    def _work(self, mine: list[tuple[float, bool]]) -> None:
        question = text(sql.load("lesson/backend_pid"))
        while not self.stop.is_set():
            at_s, ok = time.monotonic(), True
            try:
                with self.engine.connect() as connection:
                    connection.execute(question)
            except DBAPIError:
                ok = False
            mine.append((at_s, ok))
            time.sleep(_EVERY_S)


def restarted(bench: Bench, users: int = 4, stop: bool = True, again: bool = True) -> Restarted:
    """Restart a private server fast while *users* work through each of two pools, without ``pre_ping`` and with it.

    Without *again* it is only stopped, and without *stop* nothing is done to it.
    """
    with ExitStack() as held:
        bench.say("making a private server")
        try:
            server = held.enter_context(private(bench.config, roles={_ROLE: SCRAM}))
        except LabError as error:  # such as where PostgreSQL runs elsewhere, and its programs are not here
            return Restarted((), str(error))
        there = replace(bench, where=replace(bench.where, app_dsn=server.dsn(_ROLE)))
        enough = threading.Event()
        teams = [
            _Team(
                held.enter_context(
                    there.engine(QueuePool, pool_size=users, max_overflow=0, pool_pre_ping=ping, pool_timeout=10)
                ),
                enough,
            )
            for ping in (False, True)
        ]
        bench.say("restarting it under two pools")
        happens = [server.stop] * stop + [server.start] * (stop and again)
        _live_through(teams, users, happens, enough)
        return Restarted((_lived(teams[0], False), _lived(teams[1], True)))


def _live_through(
    teams: Sequence[_Team], users: int, happens: Sequence[Callable[[], None]], enough: threading.Event
) -> None:
    """Let the teams work before, during and after what happens, until each user was answered after it."""
    threads = [thread for team in teams for thread in team.begin(users)]
    try:
        if not _until_all_answer(teams):
            raise ServerError("not every user was answered within 10 s before the restart; try again")
        for event in happens:
            event()
        _until_all_answer(teams)  # who was not answered is in what is returned
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def _until_all_answer(teams: Sequence[_Team]) -> bool:
    since_s = time.monotonic()
    return wait_until(lambda: all(team.answered_since(since_s) for team in teams), timeout_s=10.0)


def _lived(team: _Team, pre_ping: bool) -> Lived:
    outcomes = [ok for mine in team.outcomes for _, ok in mine]
    last = all(mine and mine[-1][1] for mine in team.outcomes)
    return Lived(pre_ping, outcomes.count(False), outcomes.count(True), last)
