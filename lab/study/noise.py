"""A/A calibration: sessions of the same variant, kept, so that it is known what this machine makes of the same thing.

One session is some runs, one after the other. Make one now and then: before a morning's work, after an update, at
night. From three on, :func:`lab.analyse.sessions.floor` tells how far two sessions differ when nothing has changed.
"""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import environment, experiment, process
from lab import server as servers
from lab.analyse import gates
from lab.analyse.comparison import METRICS
from lab.analyse.measured import measure
from lab.analyse.sessions import Floor, floor, sessions_of
from lab.analyse.summary import RunSummary, summarise_run
from lab.config import Config
from lab.errors import RecordError
from lab.plan import LoadPlan, PoolConfig, Slot, Variant
from lab.record.files import write_atomically
from lab.record.run import machine_hash, open_run
from lab.units import utc_now
from lab.watch import Watch

SHELF = "noise"
FILE = "noise.json"


def calibrate(pool: PoolConfig, load: LoadPlan, runs: int, config: Config, watch: Watch) -> Path:
    """Make one session of *runs* runs and keep it; returns its folder.

    :raises LabError: if a part dies; the session is then not kept.
    """
    folder = config.home / SHELF / f"{utc_now():%Y%m%d-%H%M%S}-{pool.kind}-{secrets.token_hex(2)}"
    with process.exclusive(config.home / "lock", "noise"), servers.running(config, watch.say) as where:
        folder.mkdir(parents=True)
        found = []
        for number in range(1, runs + 1):
            watch.say(f"run {number} of {runs}: {pool.spec}")
            slot = Slot(Variant(pool.spec, pool), number, 0, number)
            alone = experiment.Question((slot.variant,), load, pairs=1)
            experiment.one_run(alone, slot, folder, runs, where, config, watch)
            run = open_run(folder / slot.folder_name)
            found.append(summarise_run(run, measure(run)))
    write_atomically(folder / FILE, json.dumps(_session(found), indent=1) + "\n")
    return folder


def _session(runs: Sequence[RunSummary]) -> dict[str, Any]:
    metric = METRICS[str(runs[0].load.get("model", "closed"))]
    values = [run.metric(metric) for run in runs]
    if None in values:
        raise RecordError("a run had too few answers to be measured; give the calibration more seconds")
    machine = machine_hash(dict(runs[0].environment))
    return {"machine_hash": machine, "metric": metric, "values": values, "reasons": gates.reasons(runs)}


def refused(folder: Path) -> list[str]:
    """Return why a session is left out of the floor: what gates said of its runs; empty if it counts.

    :raises RecordError: if the folder holds no session.
    """
    try:
        return list(json.loads((folder / FILE).read_text(encoding="utf-8")).get("reasons", []))
    except (OSError, ValueError) as error:
        raise RecordError(f"{folder / FILE} cannot be read ({error!r}); make the calibration again") from None


def known(home: Path, facts: dict[str, Any], metric: str) -> Floor | None:
    """Return the noise floor of the machine that *facts* describe; None before three sessions of it that count."""
    return floor(sessions(home, facts, metric))


def sessions(home: Path, facts: dict[str, Any], metric: str) -> list[list[float]]:
    """Return the values of each session of the machine that *facts* describe, but for those that gates refused."""
    kept = []
    for file in sorted((home / SHELF).glob(f"*/{FILE}")):
        try:
            kept.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return sessions_of(kept, machine_hash(facts), metric)


def here(home: Path, metric: str) -> tuple[int, Floor | None]:
    """Return how many sessions of this machine count, and its noise floor; None before three."""
    found = sessions(home, environment.capture({}), metric)
    return len(found), floor(found)
