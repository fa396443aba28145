"""A load process that offers itself to a lab on another machine or in another container, again and again.

``python -m loadtests.worker --leader HOST`` joins each load that HOST leads, with the leader's own locustfile and plan,
ships what it records, and waits for the next. It stops at SIGTERM or Ctrl-C.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.config import PROJECT
from lab.process import spawn

PAUSE_S = 1.0  # before the next try, so that a leader that is not there yet costs no processor


def command(leader: str, port: int) -> list[str]:
    """Return the command of one worker; the locustfile comes from the leader."""
    where = ["--master-host", leader, "--master-port", str(port)]
    return [sys.executable, "-m", "locust", "-f", "-", "--worker", "--skip-log-setup", *where]


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's environment: nothing of Locust's, and of the lab's only what may be loaded."""
    kept = {name: text for name, text in inherited.items() if not name.startswith(("LOCUST_", "LAB_", "PG"))}
    hosts = inherited.get("LAB_LOAD_HOSTS", "")
    return kept | ({"LAB_LOAD_HOSTS": hosts} if hosts else {})


def serve(leader: str, port: int, log: Path) -> None:
    """Join loads until told to stop; what a worker says is kept until the next one begins."""
    while True:
        log.write_bytes(b"")
        child = spawn("load worker", command(leader, port), log=log, env=environment(os.environ), cwd=PROJECT)
        sys.stdout.write(f"waiting for a load that {leader}:{port} leads\n")
        sys.stdout.flush()
        try:
            while child.wait(1.0) is None:
                pass
        finally:
            child.stop()
        if child.returncode() != 0:
            sys.stdout.write(f"the last load ended early: {child.last_words(1) or 'it said nothing'}\n")
        time.sleep(PAUSE_S)


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.worker", description=__doc__)
    parser.add_argument("--leader", required=True, help="host that leads the loads, for example locust or 10.0.0.5")
    parser.add_argument("--port", type=int, default=5557, help="port of the leader; 5557 is Locust's own")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    with tempfile.TemporaryDirectory(prefix="lab-worker-") as folder, contextlib.suppress(KeyboardInterrupt):
        serve(given.leader, given.port, Path(folder) / "worker.log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
