"""The figures and tables of the lesson on live triage."""

from collections.abc import Sequence

import pandas as pd

from lab.analyse import locks as trees
from lab.analyse.active import Average
from lab.chart import locks as chart
from lab.chart.plain import Row, Words
from lab.demonstrate.aiming import Shots
from lab.demonstrate.endings import Ending
from lab.demonstrate.triage import Believed, Frozen, Orphan, Stage
from lab.lesson.display import show
from lab.lesson.pictures import strip
from lab.lesson.tables import table
from lab.record.triage import Scene, short


def sessions(made: Stage, scene: Scene) -> pd.DataFrame:
    """Return what each session does, since when, and in what it waits."""
    names = {pid: name for name, pid in made.pids.items()}
    rows = [
        {
            "session": names[one.pid],
            "state": one.state,
            "waits for": f"{one.wait_event_type}: {one.wait_event}" if one.wait_event_type else "",
            "transaction, s": round(one.transaction_s or 0, 1),
            "blocked by": ", ".join(names.get(pid, str(pid)) for pid in one.blocked_by),
            "query": short(one.query.partition("\n")[2], 40),
        }
        for one in scene.sessions
    ]
    return pd.DataFrame(rows).set_index("session")


def tree(made: Stage, scene: Scene, guess: float | None = None) -> None:
    """Draw who waits for whom; *guess*: how many were thought to be in somebody's way."""
    edges = trees.waits(scene)
    forest = trees.forest(edges)
    names = {pid: name for name, pid in made.pids.items()}
    named: dict[object, tuple[str, str]] = {
        one.pid: (names[one.pid], f"{one.state} for {one.state_s or 0:.1f} s") for one in scene.sessions
    }
    blockers = len({edge.blocker for edge in edges})
    subtitle = f"n = {len(scene.sessions)} sessions, one look; who is below waits for who is above; "
    subtitle += f"{blockers} are in somebody's way" + ("" if guess is None else f", your guess: {guess:g}")
    show(chart.tree(forest, named, subtitle), chart.structure(forest, named), chart.finding(forest, named))


def averages(found: Sequence[Average]) -> pd.DataFrame:
    """Return how many sessions were in each state and wait, on average."""
    rows = [{"state": one.state, "waits for": one.wait, "sessions": round(one.sessions, 2)} for one in found]
    return pd.DataFrame(rows).set_index("state")


def frozen(inside: Frozen, outside: Frozen) -> pd.DataFrame:
    """Return how many newcomers a reader saw, before one came and after it."""
    rows = {"inside a transaction": inside, "with autocommit": outside}
    return table(rows, {"before": "seen before it came", "after": "seen afterwards"})


def believed(found: Sequence[Believed]) -> pd.DataFrame:
    """Return how many of the true waits each way finds and misses, and how many it makes up."""
    return table({one.way: one for one in found}, {"found": "found", "missed": "missed", "made_up": "made up"})


def orphan(found: Orphan) -> None:
    """Print who blocks, by the server's word and by its name, and the tree of waits."""
    print(f"the server names as blocker: {', '.join(f'pid {pid}' for pid in found.blocked_by)}")  # noqa: T201
    print(f"its name: {found.root}")  # noqa: T201
    for line in found.lines:
        print(line)  # noqa: T201


def endings(found: Sequence[Ending]) -> pd.DataFrame:
    """Return what each signal said and did, by the state of the session."""
    rows = [
        {
            "state": one.state,
            "signal": one.act,
            "the server said": one.said,
            "what it was at is over": one.over,
            "the session is left": one.session_left,
            "guarded": one.guarded,
        }
        for one in found
    ]
    return pd.DataFrame(rows).set_index("state")


def shots(by_pid: Shots, guarded: Shots, guess: float | None) -> None:
    """Draw how many of a hundred signals hit an innocent query, by pid and guarded."""
    words = Words(
        "By pid a cancel hits whoever is served by then; guarded it does not"
        if by_pid.innocent_hit > guarded.innocent_hit == 0
        else "The guard did not keep innocent queries from being hit",
        f"n = {by_pid.sent} and {guarded.sent} signals out of {by_pid.tries} tries each; 4 users of a pool, queries of "
        "40 ms, a pause of at most as long between look and signal",
        "innocent queries hit, of a hundred signals",
        guesses={} if guess is None else {"your guess": guess},
        limits={"even odds": 50.0},
    )
    strip([Row("by pid", [by_pid.innocent_pct]), Row("guarded", [guarded.innocent_pct])], words)
