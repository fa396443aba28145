"""A sweep as a real process, and its end at a moment of chance: while it starts, within a run, or while that is sealed.

As a script it does so again and again, in other ways too: ``python -m tests.cut_short 42 --how child``.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.process import is_running, is_same, started_at
from lab.record.run import Run, open_run
from lab.record.sweep import FILE, read

TWELVE = """
repeats = 1
[grid]
pool = ["null", "queue:size=2,overflow=0", "queue:size=1,overflow=1"]
users = [1, 2]
journey = ["read", "churn"]
[load]
warmup_s = 0
measured_s = 0.5
"""
HOW = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "ctrl-c": signal.SIGINT}
_TRACES = (
    "*.part",
    "*.bin",
    "books-*.json",
    "observer-*.jsonl",
)  # of a run that is not sealed, or of a half-written file


@dataclass(frozen=True)
class Moment:
    """When to end it: so many seconds after it was started, after a run began, or after the sealing of one began."""

    after: str  # start, run or sealing
    seconds: float


def moments(count: int, seed: int) -> list[Moment]:
    """Draw moments; every phase has its share."""
    dice = random.Random(seed)
    latest_s = {"start": 2.5, "run": 2.5, "sealing": 0.05}
    phases = [list(latest_s)[number % 3] for number in range(count)]
    dice.shuffle(phases)
    return [Moment(phase, dice.uniform(0, latest_s[phase])) for phase in phases]


class Sweeping:
    """A sweep of a file in a home, which can be started, ended, and looked at."""

    def __init__(self, file: Path, home: Path) -> None:
        self.file, self.home = file, home
        self.hits = 0  # ends that came before the command's own

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the command; it ends alone, without those who wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "lab.cli", "sweep", str(self.file), *words],
            env=os.environ | {"LAB_HOME": str(self.home)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            # a shell's background jobs ignore it, and so would their children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def finish(self) -> dict[str, object]:
        """Let it come to its end; returns what it says."""
        child = self.start("--json")
        out, err = child.communicate(timeout=600)
        assert child.returncode == 0, err
        found: dict[str, object] = json.loads(out)
        return found

    def end_at(self, moment: Moment, how: str, dice: random.Random) -> str:
        """Start it and end it at *moment*; returns what it said. Nothing that it started lives on."""
        child = self.start()
        try:
            self._wait(moment, child)
            family = self._family(child.pid)
            if how == "child":
                family |= self._orphan(child, dice)
            else:
                child.send_signal(HOW[how])
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()
            child.communicate()
        over = (0,) if how == "child" or self._is_complete() else ()  # then it may have come to its own end before
        codes = {"kill": (-9,), "term": (130, -15), "ctrl-c": (130, -2), "child": (1,)}[how]
        assert child.returncode in codes + over, f"{moment}: {child.returncode} {err}"
        self.hits += child.returncode != 0
        assert "Traceback" not in err, err
        self.all_gone(family)
        return err

    def _orphan(self, child: subprocess.Popen[str], dice: random.Random) -> dict[int, float]:
        """Kill children by chance, until it ends of that; some it can do without. Returns whom it had."""
        had: dict[int, float] = {}
        while child.poll() is None:
            family = self._family(child.pid)
            had |= family
            _kill_one([pid for pid in family if pid != child.pid], dice)
            time.sleep(0.5)
        return had

    def _wait(self, moment: Moment, child: subprocess.Popen[str]) -> None:
        if moment.after != "start":
            pattern = "run-*/manifest.json" if moment.after == "run" else "run-*/requests.parquet"
            before = set(self.home.glob(f"sweeps/*/{pattern}"))
            while not set(self.home.glob(f"sweeps/*/{pattern}")) - before and child.poll() is None:
                time.sleep(0.002)
        time.sleep(moment.seconds)

    def _family(self, pid: int) -> dict[int, float]:
        try:
            members = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        except psutil.NoSuchProcess:
            members = []
        return {member: started_at(member) for member in [*members, *self._of_this_home()]}

    def _of_this_home(self) -> Iterator[int]:
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("LAB_HOME") == str(self.home):
                    yield process.pid
            except psutil.Error:
                continue

    def all_gone(self, family: dict[int, float]) -> None:
        """Wait until none of a family is left, nor anybody else of this home."""
        deadline = time.monotonic() + 30
        while alive := {pid for pid, since in family.items() if _lives(pid, since)} | {*self._of_this_home()}:
            assert time.monotonic() < deadline, f"still there: {[_words(pid) for pid in alive]}"
            time.sleep(0.05)

    def _is_complete(self) -> bool:
        folders = [*self.home.glob("sweeps/*")]
        return bool(folders) and all((one / FILE).exists() and not read(one).left() for one in folders)

    def complete(self) -> dict[Path, tuple[int, int]]:
        """Return the manifests of all complete runs, each with its inode and the time of its last change."""
        found = {}
        for file in self.home.glob("sweeps/*/run-*/manifest.json"):
            if json.loads(file.read_text())["state"] == "complete":
                found[file] = (file.stat().st_ino, file.stat().st_mtime_ns)
        return found

    def half_written(self) -> list[Path]:
        """Return what is left of files that were being written, but for what runs that were cut short have kept."""
        files = [file for pattern in _TRACES for file in self.home.rglob(pattern)]
        return [file for file in files if not file.parent.name.startswith("cut-")]


def schema(run: Run) -> tuple[object, ...]:
    """Return what is the same in every run of one question: keys, files, columns and their types."""
    tables = {name: str(run.table(name).schema) for name in run.manifest.files}
    manifest = json.loads((run.folder / "manifest.json").read_text())
    files = sorted(file.name for file in run.folder.iterdir())
    return (sorted(manifest), sorted(manifest["environment"]), sorted(tables.items()), files)


def _lives(pid: int, since_s: float) -> bool:
    return is_same(pid, since_s) and is_running(pid)


def _words(pid: int) -> tuple[int, str]:
    try:
        return pid, " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return pid, "gone since"


def _kill_one(pids: Sequence[int], dice: random.Random) -> None:
    if pids:
        try:
            os.kill(dice.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return


def end_and_finish(sweeping: Sweeping, ends: Sequence[Moment], how: str, seed: int) -> dict[str, object]:
    """End a sweep at each moment, see that nothing complete is made again, and let it finish."""
    dice, kept = random.Random(seed), sweeping.complete()
    for number, moment in enumerate(ends, 1):
        began = time.monotonic()
        said = sweeping.end_at(moment, how, dice)
        now = sweeping.complete()
        assert kept.items() <= now.items(), "a complete run was made again"
        kept = now
        print(f"{number}: {moment}, {len(kept)} complete, {time.monotonic() - began:.1f} s  {said.strip()[-150:]}")
    found = sweeping.finish()
    if how != "child":  # of those that it had, some can be done without
        least = min(len(ends), len(found["cells"])) / 2  # type: ignore[arg-type]
        assert sweeping.hits >= least, f"{sweeping.hits} of {len(ends)} ends came before its own: this proves nothing"
    assert kept.items() <= sweeping.complete().items(), "a complete run was made again"
    return found


def check(sweeping: Sweeping, found: dict[str, object], cells: int) -> None:
    """Every cell once, one schema, nothing left over."""
    done = [(cell["repeats_wanted"], cell["repeats_done"]) for cell in found["cells"]]  # type: ignore[attr-defined]
    assert done == [(1, 1)] * cells
    runs = [open_run(folder) for folder in sorted(Path(str(found["folder"])).glob("run-*"))]
    assert sorted(run.manifest.variant for run in runs) == sorted(str(cell["id"]) for cell in found["cells"])  # type: ignore[attr-defined]
    assert len({repr(schema(run)) for run in runs}) == 1, [schema(run) for run in runs]
    assert sweeping.half_written() == []
    assert len([*sweeping.home.glob("sweeps/*")]) == 1


def main() -> int:
    """End a sweep of twelve cells ten times, and let it finish."""
    words = argparse.ArgumentParser(description=main.__doc__)
    words.add_argument("seed", type=int, nargs="?", default=random.SystemRandom().randrange(10**6))
    words.add_argument("--how", choices=[*HOW, "child"], default="kill")
    words.add_argument("--times", type=int, default=10)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-cut-") as folder:
        Path(folder).chmod(0o711)
        file = Path(folder) / "twelve.toml"
        file.write_text(TWELVE)
        print(f"seed {asked.seed}, {asked.how}", flush=True)
        began = time.monotonic()
        sweeping = Sweeping(file, Path(folder) / "lab")
        found = end_and_finish(sweeping, moments(asked.times, asked.seed), asked.how, asked.seed)
        try:
            check(sweeping, found, 12)
        finally:
            cut = len([*Path(str(found["folder"])).glob("cut-*")])
            print(f"{cut} runs cut short; {time.monotonic() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
