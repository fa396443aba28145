"""What the tests share: one PostgreSQL for all that need one, and homes for those that need their own.

A home lies in a folder that every account may pass through, since the server does not run as root; pytest's own
temporary folders are closed to others.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import config as settings
from lab import server as servers
from lab.config import Config
from lab.server import Server


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A temporary folder that the server's account can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="lab-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_config(open_folder: Path) -> Config:
    """The settings of the session's server, and of nothing in the environment."""
    return settings.read({"LAB_HOME": str(open_folder / "lab")})


@pytest.fixture(scope="session")
def server(server_config: Config) -> Iterator[Server]:
    """A running server with the small data, on a leash: it ends with the tests, however they end."""
    with servers.running(server_config) as running:
        yield running


@pytest.fixture
def make_config(open_folder: Path) -> Iterator[Callable[..., Config]]:
    """Settings with a home of the test's own; whatever runs there is stopped at the end."""
    made: list[Config] = []

    def make(home: Path | None = None, **changes: object) -> Config:
        folder = home or Path(tempfile.mkdtemp(dir=open_folder)) / "lab"
        if home is None:
            folder.parent.chmod(0o711)
        config = replace(settings.read({"LAB_HOME": str(folder)}), **changes)  # type: ignore[arg-type]
        made.append(config)
        return config

    yield make
    for config in made:
        servers.stop(replace(config, dsn=""))
