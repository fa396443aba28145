"""What the tests share: one PostgreSQL for all that need one, and homes for those that need their own.

A home lies in a folder that every account may pass through, since the server does not run as root; pytest's own
temporary folders are closed to others.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import config as settings
from lab import server as servers
from lab.config import Config
from lab.server import Server, build
from lab.server.layout import locate
from lab.server.layout import make as make_folders
from tests.targets import MakeTarget, targets


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
    """Settings with a home of the test's own, which is empty; whatever runs there is stopped at the end."""
    made: list[Config] = []

    def make(home: Path | None = None, **changes: object) -> Config:
        folder = home or Path(tempfile.mkdtemp(dir=open_folder)) / "lab"
        if home is None:
            folder.parent.chmod(0o711)
        made.append(replace(settings.read({"LAB_HOME": str(folder)}), **changes))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for config in made:
        servers.stop(replace(config, dsn=""))
        shutil.rmtree(config.home, ignore_errors=True)


@pytest.fixture
def own_config(
    make_config: Callable[..., Config], server: Server, server_config: Config, monkeypatch: pytest.MonkeyPatch
) -> Config:
    """Settings with a home whose server was made but never started: it borrows the session's template."""
    # a test's data need not survive a power cut
    monkeypatch.setattr(build, "_sync", lambda *_: None)
    config = make_config()
    theirs, ours = locate(server_config), locate(config)
    make_folders(ours)
    shutil.copy2(theirs.passfile.file, ours.passfile.file)
    ours.templates.rmdir()
    subprocess.run(["cp", "-al" if sys.platform == "linux" else "-pR", theirs.templates, ours.templates], check=True)
    return config


@pytest.fixture
def target() -> Iterator[MakeTarget]:
    """Make small servers to be loaded; they are gone after the test."""
    with targets() as make:
        yield make
