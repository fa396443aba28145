"""One stack of containers for all these tests, from a copy of the project, under a name and ports of its own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.config import PROJECT

PORTS = ("POSTGRES_PORT", "APP_PORT", "JUPYTER_PORT", "LOCUST_PORT", "PGBOUNCER_PORT")
LEFT_OUT = (".git", ".venv", ".lab", ".env", "__pycache__", "build", "*.egg-info", ".*_cache", ".hypothesis")


@dataclass
class Stack:
    """A copy of the project whose containers are up."""

    folder: Path
    name: str
    ports: dict[str, int]

    def compose(self, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run docker compose for this stack."""
        env = {**os.environ, **{name: str(port) for name, port in self.ports.items()}, **variables}
        argv = ["docker", "compose", "--ansi=never", "-p", self.name, "--profile", "load", *arguments]
        done = subprocess.run(argv, cwd=self.folder, env=env, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stderr[-2000:]
        return done

    def container(self, service: str, number: int = 1) -> str:
        """Return a container's name."""
        return f"{self.name}-{service}-{number}"

    def python(self, service: str, code: str) -> str:
        """Run Python in a service's container; return what it prints."""
        return self.compose("exec", "-T", service, "python", "-c", code).stdout

    def lab(self, *arguments: str) -> dict[str, Any]:
        """Run a command of the lab in the jupyter service; return its document."""
        found: dict[str, Any] = json.loads(self.compose("exec", "-T", "jupyter", "lab", *arguments, "--json").stdout)
        return found

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command of the lab in the jupyter service."""
        argv = ["docker", "compose", "-p", self.name, "exec", "-T", "jupyter", "lab", *arguments, "--json"]
        return subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def files(self, pattern: str) -> list[str]:
        """Return the files of the runs that match *pattern*, in the order of their names."""
        code = f"import glob; print(*sorted(glob.glob('/var/lib/lab/runs/{pattern}')), sep='\\n')"
        return self.python("jupyter", code).split()

    def manifest(self, experiment: str, run: str) -> dict[str, Any]:
        """Return a run's manifest, with its events under ``events``."""
        code = f"""
import json
from pathlib import Path
from lab.record import run
(folder,) = Path('/var/lib/lab/runs').glob('{experiment}/{run}*')
print(json.dumps(json.loads((folder / 'manifest.json').read_text()) | {{'events': run.read_events(folder)}}))
"""
        found: dict[str, Any] = json.loads(self.python("jupyter", code))
        return found


def wait_for(what: Callable[[], Any], seconds: float) -> Any:
    """Return what *what* returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, as a fresh clone has it; skips where no engine answers."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker here")
    answer = subprocess.run(["docker", "version"], capture_output=True, text=True)
    if answer.returncode != 0:
        pytest.skip(f"no Docker engine answers: {answer.stderr.strip().splitlines()[-1]}")
    folder = tmp_path_factory.mktemp("compose") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder


@pytest.fixture(scope="session")
def stack(copy: Path) -> Iterator[Stack]:
    """Everything up and healthy, with three load workers; nothing is left at the end."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    made = Stack(copy, f"lab-test-{secrets.token_hex(3)}", ports)
    subprocess.run(["python3", "lab/compose/env.py"], cwd=copy, check=True)
    try:
        made.compose("up", "--build", "--detach", "--wait", "--scale", "locust-worker=3")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "5", check=False)
