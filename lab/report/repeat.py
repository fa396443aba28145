"""How to measure something again: the commands, as they can be copied into a shell, and the files that they need."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import RecordError
from lab.plan import CAPACITY_S
from lab.record import experiment as experiments
from lab.record import sweep as sweeps
from lab.record.run import Manifest


@dataclass(frozen=True, slots=True)
class Repeat:
    """Commands, and files by their names, each with its text."""

    commands: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


def comparison(question: Mapping[str, Any]) -> Repeat:
    """Return how to make a comparison again."""
    load, pools = question["load"], [variant["pool"] for variant in question["variants"]]
    words = [*(str(pool["spec"]) for pool in pools), *_load(load), "--journey", str(load["journey"])]
    words += ["--warmup", f"{load['warmup_s']:.12g}", "--seconds", f"{load['measured_s']:.12g}"]
    words += ["--pairs", str(question["pairs"]), *_unless("--workers", pools[0].get("workers"), 1)]
    words += [*_unless("--processes", load.get("processes"), 1), *_unless("--detail", load.get("detail"), "auto")]
    words += _unless("--seed", question["seed"], 1)
    return Repeat((shlex.join(["lab", "compare", *words]),))


def _load(load: Mapping[str, Any]) -> list[str]:
    if load["model"] == "open":
        return ["--model", "open", "--rate", f"{load['rate_per_s']:.12g}"]
    return ["--users", str(load["users"]), *_unless("--think", load.get("think_s"), 0.0)]


def _unless(option: str, value: Any, usual: Any) -> list[str]:
    if value in (None, usual):
        return []
    return [option, f"{value:.12g}" if isinstance(value, float) else str(value)]


def sweep(of: sweeps.Sweep) -> Repeat:
    """Return how to make a sweep again: its file, and the command."""
    name = f"{of.experiment}.toml"
    command = (shlex.join(["lab", "sweep", name]),)
    return Repeat(command, ((name, of.text),) if of.text else ())


def capacity(found: Mapping[str, Any], first: Manifest) -> Repeat:
    """Return how to search again; *first* is any run of the search."""
    words = ["--objective", str(found["objective"]), "--pool", str(found["pool"])]
    words += [*_unless("--workers", first.pool.get("workers"), 1), *_unless("--journey", first.load["journey"], "read")]
    words += _unless("--seconds", found.get("seconds"), CAPACITY_S)
    words += _unless("--start", found.get("start_per_s"), None)
    return Repeat((shlex.join(["lab", "capacity", *words]),))


def own(run: Manifest) -> Repeat:
    """Return how to load or observe again what is not the lab's; where the database is, no record says."""
    words, plan, dsn = run.own, run.load, ["--dsn", "..."] if run.own["database"] else []
    if not plan:
        seconds = _unless("--seconds", words["asked_s"], None)
        return Repeat((shlex.join(["lab", "observe", *dsn, *seconds]),))
    again = ["--host", str(words["url"]), *_unless("--locustfile", words["locustfile"], None)]
    again += [word for path in plan.get("paths", ()) for word in ("--path", str(path))]
    again += ["--users", str(plan["users"])] if plan["model"] == "closed" else ["--rate", f"{plan['rate_per_s']:.12g}"]
    again += ["--warmup", f"{plan['warmup_s']:.12g}", "--seconds", f"{plan['measured_s']:.12g}"]
    again += _unless("--seed", plan.get("seed"), 1)
    return Repeat((shlex.join(["lab", "run", *again, *dsn]),))


def of_run(folder: Path) -> Repeat:
    """Return how to make again what a run is part of; nothing if that is not known."""
    try:
        if (folder.parent / sweeps.FILE).exists():
            return sweep(sweeps.read(folder.parent))
        if experiments.is_experiment(folder.parent):
            return comparison(experiments.read_complete(folder.parent))
    except RecordError:
        pass
    return Repeat()
