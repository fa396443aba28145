"""``pg_stat_activity`` shows what runs and for how long; what is in the way is often what does not run."""

from lab.analyse import locks as trees
from lab.demonstrate import triage
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.record.triage import ACTIVE


def test(bench: Bench, forget: bool = True, migrate: bool = True, report: str = "lesson/triage_report") -> Finding:
    """Bring six sessions into each other's way; see whether what runs longest is what the others wait for."""
    with triage.stage(bench, forget, migrate, report) as made:
        scene = made.look()
        ways = triage.believed(made)
        inside, outside = triage.frozen(made, transaction=True), triage.frozen(made, transaction=False)
    edges = trees.waits(scene)
    forest = trees.forest(edges)
    running = [one for one in scene.sessions if one.state in ACTIVE]
    longest = max(running, key=lambda one: one.state_s or 0.0)
    behind_longest = len({edge.waiter for edge in edges if edge.blocker == longest.pid})
    waiting = sum(bool(one.blocked_by) for one in scene.sessions)
    idle_roots = sum(
        1 for tree in forest for one in scene.sessions if one.pid == tree.party and one.state not in ACTIVE
    )
    measured = (
        f"{waiting} of {len(running)} active sessions waited for a lock, {idle_roots} of {len(forest)} in the "
        f"way of others were idle, and the query that ran longest was in the way of {behind_longest}; "
        + ", ".join(f"a {one.way} missed {one.missed} waits and made up {one.made_up}" for one in ways[1:])
        + f"; of a session that came between two looks, {inside.after - inside.before} were seen inside a transaction "
        f"and {outside.after - outside.before} with autocommit"
    )
    numbers = {"waiting": float(waiting), "idle_roots": float(idle_roots), "seen_inside": float(inside.after)}
    if outside.after == outside.before:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if waiting and idle_roots:
        true = {
            "looked at with autocommit": inside.after == inside.before,
            "what runs longest is in nobody's way": not behind_longest,
            "who is at the root is idle": idle_roots == len(forest),
            "pg_blocking_pids finds them, and joins of pg_locks with itself do not": all(
                one.missed or one.made_up for one in ways[1:]
            ),
        }
        said = [text for text, is_so in true.items() if is_so] or ["some who are in the way are idle"]
        return Finding(IN_PART, measured, "; ".join(said), numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="activity",
    sentence="pg_stat_activity shows what runs, and what runs longest is what to look at",
    folklore="state = 'active' and now() - query_start > 5 seconds",
    test=test,
    expected=(IN_PART,),
    mutation={"forget": False, "migrate": False},
    lesson="12_live_triage",
)
