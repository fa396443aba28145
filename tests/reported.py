"""Folders of the record of each kind that can be reported, made of stored runs, without a server."""

import json
from dataclasses import asdict
from pathlib import Path

from lab.plan import LoadPlan, PoolConfig
from lab.record import experiment as folders
from lab.record.run import Run
from lab.record.sweep import Planned, Sweep, begin
from tests import stored

SHORT = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)
TEXT = 'question = "Which size?"\n[grid]\nsize = [2, 10]\n'


def comparison(root: Path, **both: object) -> Path:
    """A comparison of three pairs; *both* changes its runs."""
    runs = stored.pairs(root, [(60, 25), (62, 25), (59, 26)], load=SHORT, **both)
    sides = {run.manifest.variant: dict(run.manifest.pool) for run in runs}
    variants = [{"name": name, "pool": {**pool}} for name, pool in sides.items()]
    names = [run.folder.name for run in runs]
    question = {"variants": variants, "load": asdict(SHORT), "pairs": 3, "seed": 1, "runs": names}
    folders.write(root, "complete", question)
    return root


def sweep(root: Path, question: str = "Which size?", least: int = 2) -> Sweep:
    """A sweep of two sizes, of which the first of *least* to *least* + 8 is slow."""
    folder = root / "sweeps" / "size"
    cells = tuple({"id": f"cell-{number}", "parameters": {"size": size}} for number, size in ((1, least), (2, 10)))
    planned = tuple(Planned(number, f"run-{number:02d}-queue", f"cell-{number}", 1) for number in (1, 2))
    values = {"question": question, "objective": {"p95_ms": 50}}
    made = begin(Sweep(folder, "size", "h", "m", values, cells, planned, 1, TEXT))
    for number, mean_ms in ((1, 60), (2, 20)):
        run = stored.steady(mean_ms, load=SHORT, variant=f"cell-{number}", seed=number).write(root / "made")
        run.folder.rename(folder / f"run-{number:02d}-queue")
    return made


def run(root: Path, **changes: object) -> Run:
    """A run alone."""
    pool = PoolConfig(size=10, overflow=0)
    rows = stored.pool_rows(held=3.0, waiting=2.0, load_s=2.5)
    return stored.steady(20.0, load=SHORT, pool=pool, pool_rows=rows, **changes).write(root)


def capacity(root: Path, answer: bool = True) -> Path:
    """A search of three runs, with an answer or with nothing but a generator that could not do more."""
    tried = []
    for number, rate in enumerate((80.0, 160.0, 320.0), 1):
        load = LoadPlan(model="open", users=4, rate_per_s=rate, warmup_s=0.5, measured_s=2.0)
        made = stored.steady(20.0 * number, load=load, pair=number, pool=PoolConfig(size=10, overflow=0)).write(root)
        met = number < 3
        seen = {"p99": 20.0 * number, "failed": None if number == 3 else 0.0}
        limit = {"what": "pool" if answer else "generator", "evidence": "its event loop was late by p99 80 ms"}
        tried.append({
            "run": made.folder.name, "rate_per_s": rate, "met": met, "believed": answer, "seen": seen,
            "limited_by": None if met else limit, "reasons": [] if answer else ["generator late: p99 80 ms, limit 5"],
        })  # fmt: skip
    found = {
        "objective": "p99 < 50 ms, failed < 0.1 %", "rate_per_s": 200.0 if answer else None,
        "low": 180.0 if answer else 160.0, "high": 220.0 if answer else None,
        "valid": answer, "reasons": [] if answer else ["generator late, 3 of 3 runs"], "left_out": [],
        "limited_by": "pool" if answer else "generator", "evidence": "its event loop was late by p99 80 ms",
        "pool": "queue:size=10,overflow=0", "seconds": 2.0, "runs": tried, "folder": str(root),
    }  # fmt: skip
    (root / "capacity.json").write_text(json.dumps(found))
    return root
