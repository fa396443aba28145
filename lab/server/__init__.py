"""PostgreSQL for the lab: an embedded server, or an attached one.

The embedded server is made, loaded, started and stopped by the lab, listens on loopback alone and asks everyone for a
SCRAM password. With ``LAB_DSN`` the lab uses a server that somebody else runs, and writes only to a database that
carries its mark (see :mod:`lab.server.attach`).

Three roles: the owner, the application's (rows only, no reserved slot), and the observer's (statistics only, with a
slot of its own for the moment when the application has taken all the others).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.config import Config
from lab.server import embedded
from lab.server.cluster import Progress
from lab.server.data import guard
from lab.server.values import Check, Server, ServerStatus

__all__ = ["Check", "Server", "ServerStatus", "ensure", "guard", "reset", "running", "status", "stop"]


def _silent(_: str) -> None:
    """Tell nobody."""


def ensure(config: Config, progress: Progress = _silent) -> Server:
    return embedded.ensure(config, progress)


@contextmanager
def running(config: Config, progress: Progress = _silent) -> Iterator[Server]:
    with embedded.running(config, progress) as server:
        yield server


def stop(config: Config) -> bool:
    return embedded.stop(config)


def status(config: Config) -> ServerStatus:
    return embedded.status(config)


def reset(config: Config, fresh: bool = False, progress: Progress = _silent) -> Server | None:
    return embedded.reset(config, progress, fresh)
