"""How long until the lab is ready: from nothing, from stopped, and after a reset of the medium size.

Reference in the same run: a bare ``initdb`` and ``pg_ctl start`` with the same binaries, without data, app or password
files. Each figure is the median of three; goals are 5 s, 2 s and 1.5 s.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from lab import config
from lab.server import account, binaries

REPEATS = 3
LAB = [sys.executable, "-m", "lab.cli"]


def timed(action: Callable[[], object]) -> float:
    """Return how long *action* took, seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def lab(home: Path, *arguments: str, size: str = "small") -> None:
    """Run one command of the lab."""
    environment = {**os.environ, "LAB_HOME": str(home), "LAB_SIZE": size}
    subprocess.run([*LAB, *arguments], env=environment, check=True, capture_output=True)


def bare_server(folder: Path) -> None:
    """Make and start a cluster with initdb and pg_ctl alone, then stop it."""
    whom = account.choose()
    found = binaries.runnable(binaries.find(config.read().pg_bin), whom, account.private_folder(folder / "bin", whom))
    data = account.private_folder(folder / "data", whom)
    bin_dir = found.bin_dir
    account.run_as(
        whom,
        [
            str(bin_dir / "initdb"),
            "-D",
            str(data),
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-U",
            "me",
            f"--pwfile={_password(data.parent)}",
        ],
    )
    options = f"-c listen_addresses='' -c unix_socket_directories={data}"
    start = [str(bin_dir / "pg_ctl"), "-D", str(data), "-l", str(data / "log"), "-w", "-o", options, "start"]
    account.run_as(whom, start)
    account.run_as(whom, [str(bin_dir / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"])


def _password(folder: Path) -> Path:
    file = folder / "password"
    file.write_text("for this moment only\n")
    file.chmod(0o644)
    return file


def _ready(folder: Path) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {"nothing": [], "stopped": [], "reset": [], "bare": []}
    for number in range(REPEATS):
        home = folder / f"home {number}"
        with contextlib.ExitStack() as stack:
            stack.callback(lab, home, "down")
            times["nothing"].append(timed(lambda home=home: lab(home, "up")))  # type: ignore[misc]
            lab(home, "down")
            times["stopped"].append(timed(lambda home=home: lab(home, "up")))  # type: ignore[misc]
        bare = folder / f"bare{number}"
        bare.mkdir(mode=0o755)
        times["bare"].append(timed(lambda bare=bare: bare_server(bare)))  # type: ignore[misc]
    medium = folder / "medium"
    lab(medium, "up", size="medium")
    lab(medium, "down", size="medium")
    times["reset"] = [timed(lambda: lab(medium, "reset", size="medium")) for _ in range(REPEATS)]
    return times


def main() -> None:
    """Print each time beside its goal, and the reference."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        times = _ready(folder)
    bare = median(times["bare"])
    goals = {
        "nothing": ("from nothing to ready", 5.0),
        "stopped": ("from stopped to ready", 2.0),
        "reset": ("reset of the medium size", 1.5),
    }
    for key, (label, goal_s) in goals.items():
        middle = median(times[key])
        print(
            f"{label}: {middle:.2f} s (goal {goal_s:g}); bare initdb and start {bare:.2f} s, ratio {middle / bare:.2f}"
        )


if __name__ == "__main__":
    main()
