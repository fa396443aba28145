"""A record of a load on an application that is not the lab's, with or without its database.

The load is that of a locustfile as it is, or the lab's own on some paths. In a locustfile nobody says when a request
was meant to be sent: its users wait for an answer before they ask again, so a slow moment keeps requests away that
would have been slow (coordinated omission), and what is measured is the service time, from the send.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from lab import hosts, process
from lab import load as loads
from lab.config import Config
from lab.errors import LoadError, ObserverError, UsageError
from lab.own.eyes import POLL_S, TICK_S, Eyes, eyes, is_alive, listener, look, mark
from lab.own.folder import Draft, draft, lacks
from lab.own.place import Place, find
from lab.plan import LoadPlan
from lab.record import raw
from lab.record import run as record
from lab.record.progress import Answered
from lab.units import monotonic_us
from lab.watch import Tick, Watch

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What to load, how, and which database to observe beside it; an empty *dsn*: none."""

    url: str
    plan: LoadPlan
    dsn: str = ""

    def checked(self) -> "Wish":
        """Return self if it can be done.

        :raises UsageError: for an address, a file or a number with which nothing can be measured.
        """
        parts, port = _address(self.url)
        if parts.username or parts.password:
            raise UsageError(
                "--host carries a name or password, which ps shows to everybody; send it in the locustfile"
            )
        if parts.scheme != "http" or not parts.hostname:
            raise UsageError(f"--host {self.url!r} is no HTTP address; give http://127.0.0.1:PORT")
        hosts.addresses(parts.hostname, port)
        file = self.plan.locustfile
        if file and not Path(file).is_file():
            raise UsageError(f"--locustfile {file} is no file; name the one that locust -f takes")
        self.plan.checked()
        return self


def measure(wish: Wish, config: Config, watch: Watch) -> Path:
    """Make the load and return the record's folder; a Ctrl-C ends it before its time, and the record is whole.

    :raises UsageError: for what cannot be measured, before anything is started.
    :raises LabError: if a part cannot begin or dies; the run is then kept as failed.
    """
    wish.checked()
    with process.exclusive(config.home / "lock", "run"):
        place = find(wish.dsn) if wish.dsn else None
        own = _own(wish, place)
        with draft(config, place, own["url"], _load(wish.plan), own) as run:
            look(place, run.folder, "start", own)
            watched = {"lab": os.getpid()} | ({"app": own["app"]["pid"]} if own["app"] else {})
            with eyes(place, run.folder, watched) as seeing:
                run.marks |= mark(seeing, "start", run.folder)
                with _loading(wish, run.folder) as child:
                    seeing.watch("generator", child.pid)
                    _follow(wish, run, child, seeing, watch)
                run.marks |= mark(seeing, "load_done", run.folder)
                run.marks |= mark(seeing, "after", run.folder)
            look(place, run.folder, "after", own)
            _judge(run, wish)
            return run.seal()


def _address(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        return parts, parts.port or 80
    except ValueError:  # its text may hold a part of a password
        raise UsageError("--host cannot be read: see to its port and brackets; give http://127.0.0.1:PORT") from None


def _load(plan: LoadPlan) -> dict[str, Any]:
    """Return what the record says of the load: a locustfile by its name, for its folder is nobody's business."""
    named = {"locustfile": Path(plan.locustfile).name} if plan.locustfile else {}
    return plan.as_dict() | named


def _own(wish: Wish, place: Place | None) -> dict[str, Any]:
    parts, port = _address(wish.url)
    app = listener(port)
    absent = list(place.absent) if place else ["the database: no --dsn was given"]
    if app is None:
        absent.append("CPU and memory of the application: its process cannot be seen from here")
    return {
        "what": "run",
        "url": f"http://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}",
        "locustfile": Path(wish.plan.locustfile).name if wish.plan.locustfile else None,
        "database": {"name": place.database, "version": place.version} if place else None,
        "asked_s": wish.plan.total_s,
        "interrupted": False,
        "ended_after_s": None,
        "hidden": [],
        "absent": absent,
        "lacks": lacks(place, load=True, histogram=wish.plan.histogram),
        "app": {"pid": app[0], "name": app[1]} if app else None,
        "locust": None,
        "unanswered": {},
    }


@contextmanager
def _loading(wish: Wish, folder: Path) -> Iterator[loads.LoadChild]:
    begin = loads.start_attached if wish.plan.locustfile else loads.start
    child = begin(wish.plan, wish.url, folder, folder / "load.log")
    try:
        yield child
    finally:
        child.stop()
        (folder / loads.PLAN_FILE).write_text(json.dumps(_load(wish.plan), indent=1) + "\n", encoding="utf-8")


def _follow(wish: Wish, run: Draft, child: loads.LoadChild, seeing: Eyes, watch: Watch) -> None:
    """Stay with the load to its end; a Ctrl-C once it has begun ends it in order."""
    plan, marks = wish.plan, run.marks
    watch.say(f"loading {run.own['url']} for {plan.total_s:g} s; Ctrl-C ends it and keeps the record")
    started_us = child.started_us(_START_S)
    marks |= {"load_start": started_us, "load_end": started_us + round(plan.total_s * 1e6)}
    try:
        _stay(wish, run, child, seeing, watch)
        child.wait(1.0)
    except KeyboardInterrupt:
        run.own["interrupted"] = True
        child.stop()
    # of one that ended before its time only the books know when: its process stayed a little longer
    stopped_us = max(book.stopped_us - book.offset_us for book in record.read_books(run.folder))
    if stopped_us < marks["load_end"]:
        marks["load_end"] = stopped_us
        if not run.own["interrupted"]:
            run.own["ended_after_s"] = round((stopped_us - started_us) / 1e6, 3)


def _stay(wish: Wish, run: Draft, child: loads.LoadChild, seeing: Eyes, watch: Watch) -> None:
    plan, marks = wish.plan, run.marks
    started_us, ticked_s = marks["load_start"], 0.0
    give_up_us = marks["load_end"] + round((plan.drain_s + 10) * 1e6)
    answered, app = Answered(run.folder, started_us), run.own["app"]
    while child.alive():
        now_us = monotonic_us()
        if now_us > give_up_us:
            raise LoadError(f"the load did not end within {plan.drain_s + 10:g} s of its time; see {child.child.log}")
        if not seeing.alive():
            raise ObserverError("the observer died; the run is kept as failed: give the command again")
        elapsed_s = (now_us - started_us) / 1e6
        if "warm" not in marks and elapsed_s >= plan.warmup_s:
            marks |= mark(seeing, "warm", run.folder)
        if watch.live and elapsed_s - ticked_s >= TICK_S:
            ticked_s = elapsed_s
            watch.tick(Tick(None, 1, elapsed_s, plan.total_s, plan.warmup_s, answered.so_far()))
        app = _see_app(run, app)
        child.pause(POLL_S)


def _see_app(run: Draft, app: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the application's process; None, and an event, once it is gone."""
    if app is None or is_alive(app["pid"]):
        return app
    said = f"app died: {app['name']}, pid {app['pid']}, whose CPU was followed"
    record.append_event(run.folder, said, monotonic_us(), source="lab")
    return None


def _judge(run: Draft, wish: Wish) -> None:
    """Keep what the locustfile's process says of itself, and refuse a load that asked for nothing.

    :raises LoadError: if no request was made.
    """
    file = run.folder / raw.FACTS
    if file.exists():
        run.own["locust"] = json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
    run.own["unanswered"] = raw.read_unanswered(run.folder)
    if not any(one.stat().st_size for one in run.folder.glob("requests-*.bin")) and not wish.plan.histogram:
        raise LoadError(_nothing_asked(run.own["locust"] or {}, wish.plan))


def _nothing_asked(facts: dict[str, Any], plan: LoadPlan) -> str:
    errors = [f"{count} times {text}" for text, count in facts.get("errors", {}).items()]
    if errors:
        return f"{plan.locustfile} made no request: its tasks raised {'; '.join(errors[:3])}"
    if facts.get("foreign"):
        return (
            f"{plan.locustfile} made no request through HttpUser or FastHttpUser; "
            f"{facts['foreign']} of a client of its own were reported, which the lab cannot time"
        )
    return f"no request was made within {plan.total_s:g} s; give more --seconds, or see that the users' tasks ask"
