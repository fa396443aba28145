"""The lab's containers, led from outside with Docker Compose.

``lab up --compose`` starts them and notes it in the home; from then on the commands of this home are carried out in the
``jupyter`` container, by the same code, and what they record is copied into the home's runs.
"""

import json
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.compose import env
from lab.config import PROJECT
from lab.errors import ComposeError
from lab.record.files import write_atomically
from lab.watch import Watch

FILE = "compose.json"
RUNS = "/var/lib/lab/runs"  # in the container
_ALL = ("--profile", "load")


@dataclass(frozen=True, slots=True)
class Stack:
    """The containers of one project folder."""

    home: Path
    project: Path = PROJECT

    def stands(self) -> bool:
        """Whether this home's commands are carried out in containers."""
        return (self.home / FILE).exists()

    def up(self, workers: int, watch: Watch) -> None:
        """Build the image if need be and start everything; *workers* 0 leaves the load's containers out.

        :raises ComposeError: if Docker is missing, or a container does not become healthy.
        """
        try:
            env.write(self.project)
        except OSError as error:
            raise ComposeError(f"cannot write the passwords to {self.project / '.env'}: {error.strerror}") from None
        watch.say("building the image and starting the containers; the first time takes minutes")
        profile, scale = (_ALL, ("--scale", f"locust-worker={workers}")) if workers else ((), ())
        self._compose(*profile, "up", "--build", "--detach", "--wait", *scale)
        self.home.mkdir(parents=True, exist_ok=True)
        write_atomically(self.home / FILE, json.dumps({"project": str(self.project), "workers": workers}) + "\n")

    def down(self, watch: Watch) -> None:
        """Stop and remove the containers; their volumes, and so the data, stay.

        :raises ComposeError: if that fails.
        """
        watch.say("stopping the containers")
        self._compose(*_ALL, "down")
        (self.home / FILE).unlink(missing_ok=True)

    def lab(self, *arguments: str) -> str:
        """Carry out a command of the lab in its container; its progress goes to standard error. Return what it prints.

        :raises ComposeError: if it fails, with its last line.
        """
        return self._compose("exec", "-T", "jupyter", "lab", *arguments, passed_on=True)

    def fetch(self, experiment: str) -> Path:
        """Copy an experiment from the container into the home's runs; return its folder.

        :raises ComposeError: if it cannot be copied.
        """
        runs = self.home / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        self._compose("cp", f"jupyter:{RUNS}/{experiment}", str(runs))
        return runs / experiment

    def _interrupt(self, docker: str) -> None:
        """Interrupt the lab's commands in the container, which then stop what they started."""
        argv = [docker, "compose", "exec", "-T", "jupyter", "python", "-c", _INTERRUPT]
        subprocess.run(argv, cwd=self.project, capture_output=True, timeout=30)

    def _compose(self, *arguments: str, passed_on: bool = False) -> str:
        """Run docker compose in the project's folder; return its standard output."""
        docker = shutil.which("docker")
        if docker is None:
            raise ComposeError("no docker was found; install Docker with Compose, or use the lab without --compose")
        child = subprocess.Popen(
            [docker, "compose", "--ansi=never", "--progress=quiet", *arguments],
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = _told(child, passed_on)
        except BaseException:
            child.kill()
            if passed_on:  # the command in the container does not hear of it by itself
                self._interrupt(docker)
            raise
        if child.returncode != 0:
            why = next((line.strip() for line in reversed(said[1]) if line.strip()), "it said nothing")
            verb = next(word for word in arguments if word in ("up", "down", "exec", "cp"))
            raise ComposeError(why.removeprefix("error: ") if passed_on else f"docker compose {verb} failed: {why}")
        return said[0]


_INTERRUPT = """
import psutil, signal
for process in psutil.process_iter(["cmdline"]):
    words = process.info["cmdline"] or []
    if len(words) > 2 and words[1].endswith("/bin/lab") and process.pid != 1:
        process.send_signal(signal.SIGINT)
"""


def _told(child: subprocess.Popen[str], passed_on: bool) -> tuple[str, list[str]]:
    """Return what a child printed and the lines that it complained with; with *passed_on* these are shown as they come.

    The last line is held back: if the child fails it is the error, which is told once.
    """
    assert child.stdout is not None and child.stderr is not None
    printed: list[str] = []
    reader = threading.Thread(target=lambda: printed.append(child.stdout.read() if child.stdout else ""))
    reader.start()
    lines: list[str] = []
    for line in child.stderr:
        if passed_on and lines:
            sys.stderr.write(lines[-1])
        lines.append(line)
    reader.join()
    if child.wait() == 0 and passed_on and lines:
        sys.stderr.write(lines[-1])
    return printed[0], lines


def document(text: str) -> dict[str, Any]:
    """Return the JSON document that a command printed.

    :raises ComposeError: if it is none.
    """
    try:
        found = json.loads(text)
    except ValueError:
        raise ComposeError(f"the container's lab answered {text[:80]!r}, which is no document; build it anew") from None
    if not isinstance(found, dict):
        raise ComposeError("the container's lab answered with no document; build it anew")
    return found
