"""Who waits for whom, as a tree: from what ``pg_blocking_pids`` said, with the lock that each wait is about.

Whoever blocks and waits for nobody is a root. A session that waits for several stands below each of them, with what
waits for it below the first only. Sessions that wait in a circle have no root: until ``deadlock_timeout`` has passed,
which is when the server looks for one, any of them is taken. Workers of a parallel query count as their leader.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.record.triage import Lock, Scene, Session

PREPARED = 0  # what pg_blocking_pids says for a prepared transaction
Party = int | str  # a pid, or the gid of a prepared transaction; PREPARED where that is not known

# PostgreSQL manual, "Explicit Locking", conflicting lock modes
_MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
_CONFLICTS = ("7", "67", "4567", "34567", "23567", "234567", "1234567", "01234567")


@dataclass(frozen=True, slots=True)
class Wait:
    """One session waits for one party. *held* is not granted where the blocker only stands before it in the queue."""

    waiter: int
    blocker: Party
    asked: Lock | None  # None: the lock was not found any more, or is of a kind that pg_locks does not show
    held: Lock | None

    @property
    def queued(self) -> bool:
        """Whether the blocker has no lock yet either, and is only before it in the queue."""
        return self.held is not None and not self.held.granted


@dataclass(frozen=True, slots=True)
class Node:
    """One party of the tree, with those that wait for it *below*."""

    party: Party
    below: tuple["Node", ...] = ()
    wait: Wait | None = None  # for the party above; None at a root
    others: tuple[Party, ...] = ()  # for whom else it waits
    seen_above: bool = False  # what waits for it is shown where it stands first
    circle: tuple[Party, ...] = ()  # of a root without a root: who waits for each other


def conflict(one: str, other: str) -> bool:
    """Whether two lock modes cannot be held at the same time; True for modes that are not of the table.

    >>> conflict("AccessShareLock", "AccessExclusiveLock"), conflict("RowExclusiveLock", "RowExclusiveLock")
    (True, False)
    """
    if one not in _MODES or other not in _MODES:
        return True
    return str(_MODES.index(other)) in _CONFLICTS[_MODES.index(one)]


def waits(scene: Scene) -> tuple[Wait, ...]:
    """Return every wait of a scene once, with the locks that it is about as far as they were seen."""
    found: dict[tuple[int, Party], Wait] = {}
    for session in scene.sessions:
        waiter = _leader(scene, session.pid)
        asked = [lock for lock in scene.locks if lock.pid == session.pid and not lock.granted]
        for pid in session.blocked_by:
            for wait in _about(scene, waiter, pid, asked):
                if wait.blocker != waiter:
                    found.setdefault((waiter, wait.blocker), wait)
    return tuple(found.values())


def _leader(scene: Scene, pid: int) -> int:
    session = scene.session(pid)
    return session.leader_pid if session and session.leader_pid else pid


def _about(scene: Scene, waiter: int, blocker: int, asked: Sequence[Lock]) -> Iterator[Wait]:
    """Yield the wait with its locks; of prepared transactions one for each that holds a conflicting lock."""
    if blocker == PREPARED:
        gids = {one.xid: one.gid for one in scene.prepared}
        pairs = [pair for pair in _pairs(scene, asked) if pair[1].pid is None and pair[1].granted]
        for mine, theirs in pairs:
            yield Wait(waiter, gids.get(theirs.prepared_xid or "", PREPARED), mine, theirs)
        if not pairs:
            yield Wait(waiter, PREPARED, asked[0] if asked else None, None)
        return
    group = [one.pid for one in scene.sessions if one.pid == blocker or one.leader_pid == blocker]
    pairs = [pair for pair in _pairs(scene, asked) if pair[1].pid in group]
    first = min(pairs, key=lambda pair: not pair[1].granted, default=None)
    one = asked[0] if asked else None
    yield Wait(waiter, _leader(scene, blocker), first[0] if first else one, first[1] if first else None)


def _pairs(scene: Scene, asked: Sequence[Lock]) -> list[tuple[Lock, Lock]]:
    """Return each lock that is asked for with every one that conflicts with it."""
    return [
        (mine, theirs)
        for mine in asked
        for theirs in scene.locks
        if theirs.tag == mine.tag and theirs.pid != mine.pid and conflict(mine.mode, theirs.mode)
    ]


def forest(edges: Sequence[Wait]) -> tuple[Node, ...]:
    """Return the trees, those with most waiters first; every wait is in one of them."""
    blockers: dict[Party, list[Party]] = {}
    waiters: dict[Party, list[Wait]] = {}
    for edge in edges:
        blockers.setdefault(edge.waiter, []).append(edge.blocker)
        waiters.setdefault(edge.blocker, []).append(edge)
    shown: set[Party] = set()
    free = sorted((party for party in waiters if party not in blockers), key=str)
    trees = [_node(party, None, waiters, blockers, shown) for party in free]
    while left := sorted((party for party in blockers if party not in shown), key=str):
        circle = _circle(left[0], blockers)
        trees.append(_node(circle[0], None, waiters, blockers, shown, circle))
    return tuple(sorted(trees, key=lambda tree: (-len(behind(tree)), str(tree.party))))


def _node(
    party: Party,
    wait: Wait | None,
    waiters: Mapping[Party, Sequence[Wait]],
    blockers: Mapping[Party, Sequence[Party]],
    shown: set[Party],
    circle: tuple[Party, ...] = (),
) -> Node:
    others = tuple(one for one in blockers.get(party, ()) if wait is not None and one != wait.blocker)
    if party in shown:
        return Node(party, (), wait, others, seen_above=bool(waiters.get(party)))
    shown.add(party)
    below = tuple(_node(edge.waiter, edge, waiters, blockers, shown) for edge in waiters.get(party, ()))
    return Node(party, below, wait, others, circle=circle)


def _circle(start: Party, blockers: Mapping[Party, Sequence[Party]]) -> tuple[Party, ...]:
    """Follow whom each waits for until one comes again; return that circle, from its smallest on."""
    path: list[Party] = [start]
    while (following := blockers[path[-1]][0]) not in path:
        path.append(following)
    circle = path[path.index(following) :]
    first = circle.index(min(circle, key=str))
    return tuple(circle[first:] + circle[:first])


def behind(node: Node) -> frozenset[Party]:
    """Return everybody below a node, at any depth, each once."""
    return frozenset(one.party for one in flat(node)) - {node.party}


def flat(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, from above to below."""
    yield node
    for one in node.below:
        yield from flat(one)


def lines(scene: Scene, trees: Sequence[Node]) -> list[str]:
    """Write the trees for people, one line for each node."""
    return [line for tree in trees for line in _lines(scene, tree, "", "")]


def _lines(scene: Scene, node: Node, first: str, rest: str) -> Iterator[str]:
    yield first + said(scene, node)
    for number, one in enumerate(node.below):
        last = number == len(node.below) - 1
        yield from _lines(scene, one, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def said(scene: Scene, node: Node) -> str:
    """Write one node: who it is and what it does, what it asks, and whom else it waits for."""
    text = named(scene, node.party)
    if node.wait is not None:
        text += f"; asks {about(node.wait)}"
    elif node.circle:
        text += f"; waits in a circle: {' → '.join(map(str, (*node.circle, node.circle[0])))}"
    count = len(behind(node))
    text += f"; {count} behind it" if node.wait is None and count else ""
    text += f"; waits for {' and '.join(map(str, node.others))} too" if node.others else ""
    return text + ("; see above for who waits for it" if node.seen_above else "")


def about(wait: Wait) -> str:
    """Write what a wait is about: mode and lock, and what the blocker has of it."""
    if wait.asked is None:
        return "a lock that was not there any more"
    has = f", where {wait.held.mode} is {'queued' if wait.queued else 'held'}" if wait.held else ""
    return f"{wait.asked.mode} on {wait.asked.what}{has}"


def named(scene: Scene, party: Party) -> str:
    """Write who a party is, what it does and for how long."""
    if isinstance(party, str):
        return f"prepared transaction {party!r}"
    session = scene.session(party)
    if party == PREPARED or session is None:
        return "a prepared transaction that is not known" if party == PREPARED else f"pid {party}, gone meanwhile"
    return f"pid {party}, {_doing(session)}"


def _doing(session: Session) -> str:
    who = session.application or session.user or session.backend_type or "hidden"
    age = "" if session.state_s is None else f" for {session.state_s:.1f} s"
    return f"{who}: {session.state or 'state not shown'}{age}"
