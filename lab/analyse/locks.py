"""Who waits for whom, as a tree: from what ``pg_blocking_pids`` said, with the lock that each wait is about.

Whoever blocks and waits for nobody is a root. Of a queue for one lock everybody waits for its holder and for all who
came before, which is half the square of its length: so a session stands below those that hold what it asks for, roots
first and at most four; only if nobody holds it, below the one that is first in the queue. For whom else it waits is
named or counted, and counts as behind them all the same. What waits for a session stands where that comes first.

Sessions that wait in a circle have no root: until ``deadlock_timeout`` has passed, which is when the server looks for
one, any of them is taken. Workers of a parallel query count as their leader.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.record.triage import Lock, Scene, Session

PREPARED = 0  # what pg_blocking_pids says for a prepared transaction
PLACES = 4  # below how many a session stands that waits for more
NAMED = 3  # how many more of them are named
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
    more: tuple[Party, ...] = ()  # who waits for it too, and stands elsewhere


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
    index, found = _Index(scene), dict[tuple[int, Party], Wait]()
    for session in scene.sessions:
        waiter = index.leader(session.pid)
        for pid in session.blocked_by:
            for wait in index.about(session.pid, waiter, pid):
                if wait.blocker != waiter:
                    found.setdefault((waiter, wait.blocker), wait)
    return tuple(found.values())


class _Index:
    """The locks of a scene by what is locked and by whom, and the workers of each session."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._asked: dict[int | None, list[Lock]] = {}
        self._locks: dict[tuple[tuple[Any, ...], int | None], list[Lock]] = {}
        self._group: dict[int, dict[int, None]] = {}
        for lock in scene.locks:
            self._locks.setdefault((lock.tag, lock.pid), []).append(lock)
            if not lock.granted:
                self._asked.setdefault(lock.pid, []).append(lock)
        for one in scene.sessions:
            self._group.setdefault(one.pid, {})[one.pid] = None
            self._group.setdefault(one.leader_pid or one.pid, {})[one.pid] = None
        self._gids = {one.xid: one.gid for one in scene.prepared}

    def leader(self, pid: int) -> int:
        """Return the leader of a parallel worker, and any other as it is."""
        session = self._scene.session(pid)
        return session.leader_pid if session and session.leader_pid else pid

    def about(self, pid: int, waiter: int, blocker: int) -> Iterator[Wait]:
        """Yield the wait with its locks; of prepared transactions one for each that holds a conflicting lock."""
        asked = self._asked.get(pid, [])
        one = asked[0] if asked else None
        if blocker == PREPARED:
            pairs = [pair for pair in self._pairs(asked, (None,)) if pair[1].granted]
            for mine, theirs in pairs:
                yield Wait(waiter, self._gids.get(theirs.prepared_xid or "", PREPARED), mine, theirs)
            if not pairs:
                yield Wait(waiter, PREPARED, one, None)
            return
        pairs = self._pairs(asked, self._group.get(blocker, ()))
        first = min(pairs, key=lambda pair: not pair[1].granted, default=None)
        yield Wait(waiter, self.leader(blocker), first[0] if first else one, first[1] if first else None)

    def _pairs(self, asked: Sequence[Lock], pids: Iterable[int | None]) -> list[tuple[Lock, Lock]]:
        """Return each lock that is asked for with every one of theirs that conflicts with it."""
        return [
            (mine, theirs)
            for mine in asked
            for pid in pids
            if pid != mine.pid
            for theirs in self._locks.get((mine.tag, pid), ())
            if conflict(mine.mode, theirs.mode)
        ]


def nearest(edges: Sequence[Wait], each: int = 10) -> tuple[Wait, ...]:
    """Return of every session the first waits, those for holders before those for the queue."""
    count: Counter[int] = Counter()
    kept = []
    for edge in sorted(edges, key=lambda edge: edge.queued):
        count[edge.waiter] += 1
        if count[edge.waiter] <= each:
            kept.append(edge)
    return tuple(kept)


def forest(edges: Sequence[Wait]) -> tuple[Node, ...]:
    """Return the trees, those with most waiters first; every wait is in one of them, drawn or counted."""
    built = _Forest(edges)
    trees = [built.tree(party) for party in built.free]
    while left := built.left():
        circle = _circle(left[0], built.places)
        trees.append(built.tree(circle[0], circle))
    sizes = {id(tree): len(behind(tree)) for tree in trees}
    return tuple(sorted(trees, key=lambda tree: (-sizes[id(tree)], str(tree.party))))


class _Forest:
    """The waits by both ends, where each waiter is drawn (*places*), and who was drawn so far."""

    def __init__(self, edges: Sequence[Wait]) -> None:
        self._waiters: dict[Party, list[Wait]] = {}
        self._blockers: dict[Party, list[Wait]] = {}
        for edge in edges:
            self._blockers.setdefault(edge.waiter, []).append(edge)
            self._waiters.setdefault(edge.blocker, []).append(edge)
        self.free = sorted((party for party in self._waiters if party not in self._blockers), key=str)
        self.places = {party: self._placed(waits) for party, waits in self._blockers.items()}
        self._shown: set[Party] = set()

    def _placed(self, waits: Sequence[Wait]) -> list[Party]:
        """Return below whom it is drawn: those that hold what it asks for, roots first if they are many."""
        holding = [wait.blocker for wait in waits if not wait.queued]
        if len(holding) > PLACES:
            holding.sort(key=lambda party: party in self._blockers)
        return holding[:PLACES] or [waits[0].blocker]

    def left(self) -> list[Party]:
        """Return who waits and was not drawn yet."""
        return sorted((party for party in self._blockers if party not in self._shown), key=str)

    def tree(self, root: Party, circle: tuple[Party, ...] = ()) -> Node:
        """Draw all below a party; a chain may be as deep as there are sessions, so nothing here calls itself."""
        order: list[tuple[Node, int]] = []  # with the place in this list of the one above
        stack: list[tuple[Party, Wait | None, int]] = [(root, None, -1)]
        while stack:
            party, wait, above = stack.pop()
            if party not in self._shown:
                below = [edge for edge in self._waiters.get(party, ()) if party in self.places[edge.waiter]]
                stack += [(edge.waiter, edge, len(order)) for edge in reversed(below)]
            order.append((self._bare(party, wait, circle if wait is None else ()), above))
            self._shown.add(party)
        return _folded(order)

    def _bare(self, party: Party, wait: Wait | None, circle: tuple[Party, ...]) -> Node:
        """Return a party's node with nobody below it yet."""
        rest = self._blockers.get(party, ()) if wait is not None else ()
        others = tuple(one.blocker for one in sorted(rest, key=lambda one: one.queued) if one is not wait)
        waiters = self._waiters.get(party, ())
        if party in self._shown:
            return Node(party, (), wait, others, seen_above=bool(waiters))
        more = tuple(edge.waiter for edge in waiters if party not in self.places[edge.waiter])
        return Node(party, (), wait, others, circle=circle, more=more)


def _folded(order: Sequence[tuple[Node, int]]) -> Node:
    """Put each node below the one above it, from the last to the first, which is the root."""
    below: dict[int, list[Node]] = {}
    for number in range(len(order) - 1, -1, -1):
        bare, above = order[number]
        node = replace(bare, below=tuple(reversed(below.pop(number, []))))
        below.setdefault(above, []).append(node)
    return below[-1][0]


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
    return frozenset(party for one in flat(node) for party in (one.party, *one.more)) - {node.party}


def flat(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, from above to below."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack += reversed(one.below)


def lines(scene: Scene, trees: Sequence[Node]) -> list[str]:
    """Write the trees for people, one line for each node."""
    return [line for tree in trees for line in _lines(scene, tree)]


def _lines(scene: Scene, tree: Node) -> Iterator[str]:
    stack = [(tree, "", "")]
    while stack:
        node, first, rest = stack.pop()
        yield first + said(scene, node)
        counted = node.wait is None and bool(node.more)
        last = len(node.below) - 1
        below = [
            (
                one,
                rest + ("└─ " if number == last and not counted else "├─ "),
                rest + ("   " if number == last and not counted else "│  "),
            )
            for number, one in enumerate(node.below)
        ]
        stack += reversed(below)
    if tree.more:
        yield f"└─ and {len(tree.more)} more, which stand elsewhere"


def said(scene: Scene, node: Node) -> str:
    """Write one node: who it is and what it does, what it asks, and whom else it waits for."""
    text = named(scene, node.party)
    if node.wait is not None:
        text += f"; asks {about(node.wait)}"
    elif node.circle:
        text += f"; waits in a circle: {' → '.join(map(str, (*node.circle, node.circle[0])))}"
    count = len(behind(node))
    text += f"; {count} behind it" if node.wait is None and count else ""
    text += f"; waits for {listed(node.others)} too" if node.others else ""
    return text + ("; see above for who waits for it" if node.seen_above else "")


def listed(parties: Sequence[Party]) -> str:
    """Name the first few, and count the others.

    >>> listed((7, 8)), listed((7, 8, 9, 10, 11))
    ('7 and 8', '7 and 8 and 9 and 2 more')
    """
    left = len(parties) - NAMED
    return " and ".join([*map(str, parties[:NAMED]), *([f"{left} more"] if left > 0 else [])])


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


def whose(session: Session) -> str:
    """Write what every role may see of a session: its role, database and application."""
    if session.user is None:
        return f"of no role{f', in {session.database}' if session.database else ''}"
    return f"{session.user}@{session.database or 'no database'} {session.application}".rstrip()


def _doing(session: Session) -> str:
    if session.hidden:
        return f"{whose(session)}: not shown"
    who = session.application or session.user or session.backend_type or "hidden"
    age = "" if session.state_s is None else f" for {session.state_s:.1f} s"
    return f"{who}: {session.state or 'state not shown'}{age}"
