"""``lab activity`` and ``lab locks``: what every session of a server does right now, and who waits for whom.

A session is named by the word in the first column of ``lab activity``: its pid, and the exact moment since which it is
at what it does; ``lab cancel`` and ``lab terminate`` take it, and signal nothing when it fits no more.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from lab.analyse import active
from lab.analyse import locks as trees
from lab.cli.target import DSN, again, dsn_of, passed_on
from lab.cli.watch import Progressing
from lab.errors import UsageError
from lab.observe import activity as sessions
from lab.observe import locks as observed
from lab.record.triage import ACTIVE, CLIENT, Sample, Scene, Session, short
from lab.units import parse_seconds

OUT = Console(highlight=False)
JSON = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else there.")
]


def activity(
    dsn: DSN = "",
    longer: Annotated[str, typer.Option(help="Point out what runs, or is in a transaction, for longer.")] = "5s",
    seconds: Annotated[
        float, typer.Option(help="Look for so long at jittered moments, and give averages; 0 looks once.")
    ] = 0.0,
    as_json: JSON = False,
) -> None:
    """Show what every session does: by state and wait event, since when, in whose way."""
    longer_s = parse_seconds(longer)
    if not 0 <= seconds <= 3600:
        raise UsageError(f"--seconds is {seconds:g}; give 0 to 3600")
    if passed_on(dsn, "activity", f"--longer={longer}", f"--seconds={seconds}", as_json):
        return
    with sessions.connected(dsn_of(dsn)) as connection:
        samples: tuple[Sample, ...] = ()
        if seconds:
            with Progressing() as watch:
                watch.say(f"sampling for {seconds:g} s")
                samples = sessions.sampled(connection, seconds)
        scene = observed.look(connection)
    shown = [one for one in scene.sessions if one.backend_type == CLIENT or one.hidden_client]
    if as_json:
        print_json(_activity_json(scene, shown, samples, longer_s))
        return
    _print_activity(scene, shown, longer_s)
    _print_samples(samples)


def locks(dsn: DSN = "", as_json: JSON = False) -> None:
    """Show who waits for whom, as a tree: from pg_blocking_pids, with what each asks and what stands against it.

    Every role may see that much; what those sessions do, and so how to end them, takes pg_monitor.
    """
    if passed_on(dsn, "locks", as_json):
        return
    with sessions.connected(dsn_of(dsn)) as connection:
        scene = observed.look(connection)
    edges = trees.waits(scene)
    forest = trees.forest(edges)
    if as_json:
        print_json(_locks_json(scene, edges, forest))
        return
    for line in trees.lines(scene, forest) or ["nobody waits for a lock"]:
        OUT.print(line, markup=False, soft_wrap=True)
    for tree in forest:
        _print_root(scene, tree, again(dsn))
    _print_hidden(scene.sessions, "do")


def print_json(document: dict[str, Any]) -> None:
    """Print one document, and nothing else."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def _wait(one: Session) -> str:
    """Return what a session waits for; an idle one waits for its client, which its state says already."""
    return f"{one.wait_event_type}: {one.wait_event}" if one.wait_event_type and one.wait_event != "ClientRead" else ""


def _long(one: Session, longer_s: float) -> bool:
    running = one.state in ACTIVE and (one.state_s or 0) > longer_s
    return running or (one.transaction_s or 0) > longer_s


def _blocked(scene: Scene) -> dict[int, list[trees.Party]]:
    found: dict[int, list[trees.Party]] = {}
    for edge in trees.waits(scene):
        found.setdefault(edge.waiter, []).append(edge.blocker)
    return found


def _activity_json(
    scene: Scene, shown: Sequence[Session], samples: Sequence[Sample], longer_s: float
) -> dict[str, Any]:
    blocked = _blocked(scene)
    counted = Counter((one.state, _wait(one)) for one in shown if not one.hidden)
    return {
        "longer_s": longer_s,
        "hidden": sum(one.hidden for one in shown),
        "by_state": [{"state": state, "wait": wait, "sessions": n} for (state, wait), n in counted.most_common()],
        "sessions": [_session_json(one, blocked.get(one.pid, []), longer_s) for one in shown],
        "prepared": [{"gid": one.gid, "owner": one.owner, "database": one.database} for one in scene.prepared],
        "samples": len(samples),
        "average_hidden": active.hidden_sessions(samples) if samples else None,
        "average": [
            {"state": one.state, "wait": one.wait, "sessions": one.sessions, "low": one.low, "high": one.high}
            for one in active.averages(samples)
        ],
    }


def _session_json(one: Session, blocked_by: Sequence[trees.Party], longer_s: float) -> dict[str, Any]:
    return {
        "identity": str(one.identity) if one.identity else None,
        "pid": one.pid,
        "user": one.user,
        "database": one.database,
        "application": one.application,
        "state": one.state,
        "wait": None if one.hidden else _wait(one),
        "state_s": one.state_s,
        "transaction_s": one.transaction_s,
        "has_xid": one.has_xid,
        "has_xmin": one.has_xmin,
        "blocked_by": list(blocked_by),
        "longer": None if one.hidden else _long(one, longer_s),
        "hidden": one.hidden,
        "query": one.query,
    }


def _locks_json(scene: Scene, edges: Sequence[trees.Wait], forest: Sequence[trees.Node]) -> dict[str, Any]:
    shown = trees.nearest(edges)
    return {
        "waits": [
            {
                "waiter": edge.waiter,
                "blocker": edge.blocker,
                "asks": edge.asked.mode if edge.asked else None,
                "on": edge.asked.what if edge.asked else None,
                "against": edge.held.mode if edge.held else None,
                "queued": edge.queued,
                "since": edge.asked.waitstart.isoformat() if edge.asked and edge.asked.waitstart else None,
            }
            for edge in shown
        ],
        "waits_left_out": len(edges) - len(shown),
        "roots": [
            {
                "party": tree.party,
                "identity": _identity(scene, tree.party),
                "behind": sorted(trees.behind(tree), key=str),
            }
            for tree in forest
        ],
        "locks": [
            {"pid": one.pid, "mode": one.mode, "granted": one.granted, "on": one.what} for one in scene.locks
        ],
        "tree": trees.lines(scene, forest),
        "hidden": sum(one.hidden_client for one in scene.sessions),
    }  # fmt: skip


def _identity(scene: Scene, party: trees.Party) -> str | None:
    found = scene.session(party) if isinstance(party, int) else None
    return str(found.identity) if found and found.identity else None


def _print_activity(scene: Scene, shown: Sequence[Session], longer_s: float) -> None:
    blocked = _blocked(scene)
    for one in sorted((one for one in shown if not one.hidden), key=lambda one: -(one.transaction_s or 0)):
        style = "bold" if _long(one, longer_s) else None
        OUT.print(_said(one, blocked.get(one.pid, [])), markup=False, soft_wrap=True, style=style)
        if one.query:
            OUT.print(f"    {short(one.query, 100)}", markup=False, soft_wrap=True, style="dim")
    unseen = [one for one in shown if one.hidden]
    for one in unseen:
        OUT.print(_said(one, blocked.get(one.pid, [])), markup=False, soft_wrap=True)
    counted = Counter((one.state or "no state", _wait(one)) for one in shown if not one.hidden)
    counted.update([("not shown", "")] * len(unseen))
    for (state, wait), count in counted.most_common():
        OUT.print(f"{count:4} {state}{f', {wait}' if wait else ''}", markup=False)
    OUT.print(_longer(shown, longer_s), markup=False, soft_wrap=True)
    for prepared in scene.prepared:
        OUT.print(f"prepared transaction {prepared.gid!r} of {prepared.owner}@{prepared.database}", markup=False)
    _print_hidden(shown, "do, and since when")


def _longer(shown: Sequence[Session], longer_s: float) -> str:
    """Say how many take long, and of how many nobody here can say."""
    long, hidden = sum(_long(one, longer_s) for one in shown), sum(one.hidden for one in shown)
    if not hidden:
        return f"{long} longer than {longer_s:g} s, in bold"
    known = f"{long} of the {len(shown) - hidden} that are shown longer than {longer_s:g} s, in bold"
    return f"{known}; of the {hidden} that are not shown it cannot be said"


def _said(one: Session, blocked_by: Sequence[trees.Party]) -> str:
    """Write a session in one line: the word for it, who it is, what it does since when, and what for it waits."""
    text = f"{one.identity or one.pid}  {trees.whose(one)}"
    state = "not shown" if one.hidden else one.state or "no state"
    text += f"  {state} {_age(one.state_s)}".rstrip()
    text += f", transaction {_age(one.transaction_s)}" if one.transaction_s is not None else ""
    text += f"  {_wait(one)}" if _wait(one) else ""
    return text + (f" behind {trees.listed(blocked_by)}" if blocked_by else "")


def _print_hidden(shown: Sequence[Session], what: str) -> None:
    hidden = sum(one.hidden_client for one in shown)
    if hidden:
        told = f"what {hidden} sessions of others {what} is not shown to this role, only whose they are and for whom"
        OUT.print(f"{told} they wait; grant it pg_monitor", markup=False, soft_wrap=True)


def _print_samples(samples: Sequence[Sample]) -> None:
    if not samples:
        return
    hidden = active.hidden_sessions(samples)
    number = f"{active.active_sessions(samples):.2f} active{' of those that are shown' if hidden else ''}"
    OUT.print(f"on average over {len(samples)} samples, {number}:", markup=False)
    for one in active.averages(samples):
        between = "" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})"
        OUT.print(f"{one.sessions:6.2f}{between} {one.state}{f', {one.wait}' if one.wait else ''}", markup=False)
    if hidden:
        OUT.print(f"{hidden:6.2f} hidden, which all these averages leave out; grant pg_monitor", markup=False)


def _print_root(scene: Scene, tree: trees.Node, where: str) -> None:
    """Say how the root of a tree can be ended, with the word for it."""
    word = _identity(scene, tree.party)
    if isinstance(tree.party, str):
        OUT.print(f"to end {tree.party!r}: ROLLBACK PREPARED or COMMIT PREPARED, in its database", markup=False)
    elif word:
        act = "cancel" if word.partition("-")[2].startswith("q") else "terminate"
        OUT.print(f"to end {tree.party}: lab {act} {word}{where}", markup=False, soft_wrap=True)
    elif tree.party in (one.pid for one in scene.sessions if one.hidden):
        OUT.print(f"to end {tree.party}: cannot say, what it does is not shown", markup=False)


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
