"""``pg_stat_activity`` shows what runs and for how long; what is in the way is often what does not run."""

from lab.analyse import locks as trees
from lab.demonstrate import triage
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.record.triage import ACTIVE


def test(bench: Bench, forget: bool = True, migrate: bool = True) -> Finding:
    """Bring six sessions into each other's way; see whether what runs longest is what the others wait for."""
    with triage.stage(bench, forget, migrate) as made:
        scene = made.look()
        forest = trees.forest(trees.waits(scene))
        inside, outside = triage.frozen(made, transaction=True), triage.frozen(made, transaction=False)
    running = [one for one in scene.sessions if one.state in ACTIVE]
    longest = max(running, key=lambda one: one.state_s or 0.0)
    waiting = sum(bool(one.blocked_by) for one in scene.sessions)
    idle_roots = sum(
        1 for tree in forest for one in scene.sessions if one.pid == tree.party and one.state not in ACTIVE
    )
    measured = (
        f"{waiting} of {len(running)} active sessions waited for a lock, {idle_roots} of {len(forest)} in the "
        f"way of others were idle, and the query that ran longest was in the way of "
        f"{len({edge.waiter for edge in trees.waits(scene) if edge.blocker == longest.pid})}; of a session that came "
        f"between two looks, {inside.after - inside.before} were seen inside a transaction and "
        f"{outside.after - outside.before} with autocommit"
    )
    numbers = {"waiting": float(waiting), "idle_roots": float(idle_roots), "seen_inside": float(inside.after)}
    if outside.after == outside.before:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if waiting and idle_roots:
        condition = "looked at with autocommit; who is in the way is idle, and found by pg_blocking_pids alone"
        return Finding(IN_PART, measured, condition, numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="activity",
    sentence="pg_stat_activity shows what runs, and what runs longer than five seconds is what to look at",
    folklore="state = 'active' and now() - query_start > 5 seconds",
    test=test,
    expected=(IN_PART,),
    mutation={"forget": False, "migrate": False},
    lesson="12_live_triage",
)
