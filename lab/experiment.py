"""The one place where the stages meet: server -> app -> load -> observe -> record -> analyse.

An experiment is a question of two variants. It is answered by pairs of runs in random order, each on fresh processes
of the app, so that drift of the machine falls on both. What is known of it lies in its folder: ``experiment.json``
beside one run folder for each run.
"""

import contextlib
import os
import random
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab import environment, observe, process, server
from lab.analyse.comparison import Comparison, compare_runs
from lab.config import Config
from lab.errors import (
    AppError,
    LabError,
    LoadError,
    ObserverError,
    RecordError,
    ServerError,
    UsageError,
)
from lab.observe.pool import pool_samples
from lab.observe.statistics import record_tables
from lab.plan import LoadPlan, Slot, Variant
from lab.record import experiment as folders
from lab.record import run as record
from lab.record.progress import Answered
from lab.server import Server
from lab.site import AppPart, LoadPart, Site, check_pools
from lab.units import monotonic_us, utc_now
from lab.watch import Quiet, Tick, Watch

_POLL_S = 0.1
_TICK_S = 0.5
_LOOK_S = 0.5  # at an app that cannot be seen from here
_START_S = 60.0  # workers in other containers may still be coming back from the last load
_DISTURBING = ("server lost", "server silent", "server answers", "server back", "app died", "app away", "app back")


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared with what, under which load, and how often."""

    variants: tuple[Variant, ...]  # two: the effect is the second's against the first; one is only measured
    load: LoadPlan
    pairs: int = 3
    seed: int = 1

    def slots(self) -> list[Slot]:
        """Return the runs to make, pair by pair, each pair in an order drawn from the seed."""
        draw = random.Random(f"order/{self.seed}")
        # each side comes first equally often, or once more: or else coming first would count for one of them
        turns = [pair % 2 for pair in range(self.pairs)]
        if self.pairs % 2 and draw.random() < 0.5:
            turns = [1 - turn for turn in turns]
        draw.shuffle(turns)
        slots: list[Slot] = []
        for pair, turn in enumerate(turns, 1):
            sides = self.variants[::-1] if turn else self.variants
            slots += [Slot(side, pair, position, len(slots) + position + 1) for position, side in enumerate(sides)]
        return slots

    def checked(self) -> "Question":
        """Return self if it can be asked.

        :raises UsageError: naming the number and its limits.
        """
        self.load.checked()
        if not 1 <= self.pairs <= 100:
            raise UsageError(f"pairs is {self.pairs}; give 1 to 100")
        return self

    def checked_against(self, where: Server) -> "Question":
        """Return self if *where* can hold both pools.

        :raises VariantError: if a pool's ceiling is over what the server gives the app.
        """
        for variant in self.variants:
            variant.pool.checked_for(where.app_slots, where.max_connections, variant.name)
        return self


@dataclass(frozen=True, slots=True)
class Result:
    """An answered question: its folder, its runs in the order in which they were made, and what they say."""

    folder: Path
    runs: tuple[record.Run, ...]
    comparison: Comparison
    question: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The experiment's id, which is its folder's name."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all runs of one experiment share."""

    config: Config
    where: Server
    folder: Path
    question: Question
    watch: Watch
    site: Site
    total: int = field(default=0)


def compare(question: Question, config: Config, watch: Watch | None = None, where: Server | None = None) -> Result:
    """Answer a question of two variants; see :func:`perform` for *where* and what is raised."""
    return read(perform(question, config, watch, where))


def perform(question: Question, config: Config, watch: Watch | None = None, where: Server | None = None) -> Path:
    """Make the runs of a question, one after the other; returns the experiment's folder.

    *where* is a server that already runs; without it the home's own is used, and started and stopped if need be.

    :raises UsageError: for a question that cannot be asked, before anything is started.
    :raises LabError: if a part dies; the run in progress is then marked as failed and kept.
    """
    question.checked()
    check_pools(config, (variant.pool for variant in question.variants))
    told = watch or Quiet()
    with process.exclusive(config.home / "lock", "compare"), ExitStack() as stack:
        running = where or stack.enter_context(server.running(config, told.say))
        question.checked_against(running)
        site = Site(config, question.load.joined)
        question = replace(question, load=site.plan(question.load))
        if site.where:
            told.say(site.where)
        bench = _prepare(question, config, running, site, told)
        stack.callback(_rest, site, told)
        for slot in question.slots():
            told.say(f"run {slot.number} of {bench.total}: {slot.variant.name}, pair {slot.pair}")
            _run(bench, slot)
        _write_experiment(bench, "complete")
    return bench.folder


def one_run(
    question: Question, slot: Slot, folder: Path, total: int, where: Server, config: Config, watch: Watch
) -> record.Manifest:
    """Make a single run of a series into *folder*; the caller holds the lab's lock, and lends the server.

    :raises LabError: if a part dies; the run is then marked as failed and kept.
    """
    question.checked().checked_against(where)
    check_pools(config, (slot.variant.pool,))
    site = Site(config, question.load.joined)
    keyed = replace(question, load=replace(site.plan(question.load), keys=dict(where.keys)))
    try:
        return _run(_Bench(config, where, folder, keyed, watch, site, total), slot)
    finally:
        _rest(site, watch)


def _rest(site: Site, watch: Watch) -> None:
    """Bring back the app that stands; what was measured is not worth less if that fails."""
    try:
        site.rest()
    except LabError as error:
        watch.say(f"the app of before does not stand again: {error}")


def _prepare(question: Question, config: Config, where: Server, site: Site, watch: Watch) -> _Bench:
    kinds = "-".join(variant.pool.kind for variant in question.variants)
    name = f"{utc_now():%Y%m%d-%H%M%S}-{kinds}-{secrets.token_hex(2)}"
    folder = config.home / "runs" / name
    folder.mkdir(parents=True)
    keyed = replace(question, load=replace(question.load, keys=dict(where.keys)))
    bench = _Bench(config, where, folder, keyed, watch, site, total=len(question.slots()))
    _write_experiment(bench, "running")
    return bench


def _run(bench: _Bench, slot: Slot) -> record.Manifest:
    """Make one run: the whole flow of the lab, from a fresh app to a sealed folder."""
    folder = bench.folder / slot.folder_name
    # a load process that died is missing from the next run, too: the loads are then unlike, and the verdict says so
    plan = bench.site.plan(bench.question.load.with_seed(bench.question.seed + slot.pair))
    manifest = record.begin(folder, _manifest(bench, slot, plan))
    try:
        with (
            _application(bench, slot, folder, manifest) as web,
            _observer(bench, folder, manifest, web) as eyes,
            pool_samples(web.samples, folder) as samples,
        ):
            # the app's look at the mark of the database was a session of its own, one for each worker; so is this
            record_tables(bench.where.owner_dsn, folder, "start", f"{manifest.application}-check")
            observe.wait_until_gone(bench.where.observer_dsn, f"{manifest.application}-check", 5.0)
            marks = {"start": eyes.mark("start")}
            with _generator(bench, plan, web.url, folder) as generator:
                if generator.pid is not None:
                    eyes.watch("generator", generator.pid)
                marks |= _follow(bench, slot, plan, generator, web, eyes, folder)
            samples.end()
            counters: dict[str, Any] = {"workers": web.gauges()}
            if web.pooler:
                counters["pgbouncer"] = web.pooler.counters()
            web.stop()
            if observe.wait_until_gone(bench.where.observer_dsn, manifest.application, 10.0):
                marks |= _mark(eyes, "after", folder)
                record_tables(bench.where.owner_dsn, folder, "after", "lab-statistics")
            else:  # without that mark nothing is said of sessions
                record.append_event(folder, "backends of the app are still there after 10 s", monotonic_us())
        flags = tuple(_disturbances(folder, marks["load_start"], marks["load_end"]))
        return record.seal(folder, replace(manifest, marks=marks, pool_counters=counters, flags=flags))
    except BaseException as error:
        why = str(error) if isinstance(error, LabError) else f"stopped by {type(error).__name__}"
        record.fail(folder, manifest, why)
        raise


def _manifest(bench: _Bench, slot: Slot, plan: LoadPlan) -> record.Manifest:
    settings = server.non_default_settings(bench.where.owner_dsn)
    facts = environment.capture(
        {"version": bench.where.version, "settings": settings, "notes": list(bench.where.notes)}
    )
    if containers := bench.site.limits():
        facts["containers"] = {"server": dict(bench.where.limits), **containers}
    return record.Manifest(
        run=slot.folder_name,
        experiment=bench.folder.name,
        variant=slot.variant.name,
        pool=asdict(slot.variant.pool) | {"spec": slot.variant.pool.spec},
        load=plan.as_dict(),
        pair=slot.pair,
        position=slot.position,
        started_utc=utc_now().isoformat(),
        clock_monotonic_us=monotonic_us(),
        clock_unix_us=time.time_ns() // 1000,
        environment=facts,
        environment_hash=record.digest(facts),
        application=f"lab-app-{bench.folder.name[-4:]}-{slot.number:02d}",
    )


@contextmanager
def _application(bench: _Bench, slot: Slot, folder: Path, manifest: record.Manifest) -> Iterator[AppPart]:
    web = bench.site.app(bench.where, slot.variant.pool, manifest.application, folder)
    try:
        yield web
    finally:
        web.stop()


@contextmanager
def _observer(bench: _Bench, folder: Path, manifest: record.Manifest, web: AppPart) -> Iterator[observe.Observer]:
    pids = {"app": web.pid, "lab": os.getpid(), "server": bench.where.pid}
    pids |= {"pooler": web.pooler.pid} if web.pooler else {}
    watched = {role: pid for role, pid in pids.items() if pid}
    target = urlsplit(bench.where.owner_dsn).path.removeprefix("/")
    eyes = observe.start(
        bench.where.observer_dsn,
        target,
        folder,
        application=manifest.application,
        watch=watched,
        log=folder / "observer.log",
    )
    try:
        yield eyes
    except BaseException:
        with contextlib.suppress(ObserverError):  # what happened before is what matters
            eyes.stop()
        raise
    eyes.stop()


@contextmanager
def _generator(bench: _Bench, plan: LoadPlan, url: str, folder: Path) -> Iterator[LoadPart]:
    generator = bench.site.load(plan, url, folder)
    try:
        yield generator
    finally:
        generator.stop()


def _follow(
    bench: _Bench,
    slot: Slot,
    plan: LoadPlan,
    generator: LoadPart,
    web: AppPart,
    eyes: observe.Observer,
    folder: Path,
) -> dict[str, int]:
    """Stay with the load to its end: set the phase boundaries, tell the watch, and notice whoever dies.

    :raises LabError: as soon as the app, the server or the generator is gone.
    """
    started_us = generator.started_us(_START_S)
    marks = {"load_start": started_us, "load_end": started_us + round(plan.total_s * 1e6)}
    give_up_us = marks["load_end"] + round((plan.drain_s + 10) * 1e6)
    ticked, answered, looked = 0.0, Answered(folder, started_us), 0.0
    while generator.alive():
        now_us = monotonic_us()
        if now_us > give_up_us:
            raise LoadError(f"the load did not end within {plan.drain_s + 10:g} s of its time; run {folder.name} again")
        _all_alive(bench, web, eyes, folder)
        if "warm" not in marks and now_us >= started_us + plan.warmup_s * 1e6:
            marks |= _mark(eyes, "warm", folder)
        if time.monotonic() - looked >= _LOOK_S:
            looked = time.monotonic()
            _look(web, folder)
        if bench.watch.live and time.monotonic() - ticked >= _TICK_S:
            ticked = time.monotonic()
            bench.watch.tick(_tick(bench, slot, plan, started_us, answered))
        generator.pause(_POLL_S)
    generator.wait(1.0)
    _look(web, folder)
    _all_alive(bench, web, eyes, folder)
    return marks | _mark(eyes, "load_done", folder)


def _look(web: AppPart, folder: Path) -> None:
    """Write down what happened to an app that cannot be seen from here, and what it has used."""
    news, usage = web.look()
    for t_us, what in news:
        record.append_event(folder, what, t_us, source="lab")
    if usage:
        record.append_row(folder, os.getpid(), "system", {"t_us": monotonic_us(), "role": "app", **usage})


def _disturbances(folder: Path, start_us: int, end_us: int) -> Iterator[str]:
    """Say what happened to app or server while the load went on: such a run measures that, and no pool."""
    for event in record.read_events(folder):
        if event["event"].startswith(_DISTURBING) and start_us <= event["t_us"] <= end_us:
            after_s = (event["t_us"] - start_us) / 1e6
            detail = f" ({event['detail']})" if event.get("detail") else ""
            yield f"disturbed: {folder.name}, {after_s:.1f} s after the start: {event['event']}{detail}"


def _all_alive(bench: _Bench, web: AppPart, eyes: observe.Observer, folder: Path) -> None:
    if not eyes.alive():
        raise ObserverError(
            f"the observer (pid {eyes.pid}) died during run {folder.name}; the run is kept as failed: "
            "give the command again"
        )
    if bench.where.pid and not process.is_running(bench.where.pid):
        raise ServerError(
            f"PostgreSQL (pid {bench.where.pid}) died during run {folder.name}; the run is kept as failed: "
            "give the command again, the server recovers by itself"
        )
    if not web.alive():
        raise AppError(
            f"the sample app (pid {web.pid}) died during run {folder.name} "
            f"({web.why() or 'killed'}); the run is kept as failed: give the command again"
        )


def _mark(eyes: observe.Observer, name: str, folder: Path) -> dict[str, int]:
    """Have the observer take its snapshot; a server that does not answer costs the snapshot, not the run."""
    try:
        return {name: eyes.mark(name)}
    except ObserverError as error:
        record.append_event(folder, f"no snapshot {name}: {error}", monotonic_us())
        return {}


def _tick(bench: _Bench, slot: Slot, plan: LoadPlan, started_us: int, answered: Answered) -> Tick:
    elapsed_s = (monotonic_us() - started_us) / 1e6
    return Tick(slot, bench.total, elapsed_s, plan.total_s, plan.warmup_s, answered.so_far())


def _write_experiment(bench: _Bench, state: str) -> None:
    question = bench.question
    values = {
        "variants": [{"name": v.name, "pool": asdict(v.pool) | {"spec": v.pool.spec}} for v in question.variants],
        "load": question.load.as_dict(),
        "pairs": question.pairs,
        "seed": question.seed,
        "runs": [slot.folder_name for slot in question.slots()],
    }
    folders.write(bench.folder, state, values)


def read(folder: Path) -> Result:
    """Read an experiment from its folder, without a server.

    :raises IncompleteRunError: if it was cut short, saying how far it came.
    :raises RecordError: if the folder holds no experiment, or is damaged.
    """
    question = folders.read_complete(folder)
    names = [str(name) for name in question["runs"]]
    if len(question["variants"]) != 2:
        raise RecordError(f"{folder.name} measures one variant and compares nothing; lab show {folder.name}/{names[0]}")
    runs = tuple(record.open_run(folder / name) for name in names)
    first, second = (str(variant["name"]) for variant in question["variants"])
    return Result(folder, runs, compare_runs(runs, first, second), question)
