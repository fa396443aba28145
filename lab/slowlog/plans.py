"""Plans of auto_explain, joined to the entry of the same execution, so that it is counted once.

A plan and a statement are one execution if they are of one session and one text, and the plan was logged while the
statement ran, or after it with an execution that began before the statement's end: under the simple protocol the plan
comes before the statement's entry, under the extended one after it, with the next bind, and that of a cursor when the
cursor is closed. The plan of an SQL ``EXECUTE`` has the text of its ``PREPARE``, which the statement's entry has as its
detail; ``PREPARE`` itself has no plan.
A plan without such an entry is a statement of its own: the statement was under its threshold, or it ran inside a
function.
"""

import json
import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from html import unescape

from lab.sql.normal import normalise

_MOST_SESSIONS = 4096  # whose last statements are remembered
_MOST_RAN = 16  # of them for each
_MOST_WAITING = 16 * 1024 * 1024  # characters of plans that wait for their statement; the oldest are decided
_RESOLUTION_S = 0.002  # of the log's times, on both sides

_PLAN = re.compile(r"duration: [0-9.]+ ms\s+plan:\s*", re.DOTALL)
_END = re.compile(r"\n(?:Query Parameters: |.*\(cost=\d)")
_PREPARED = "prepare: "
_PREPARE = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+prepare\s", re.IGNORECASE | re.DOTALL)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d\.\d{1,6})")


@dataclass(slots=True)
class Plan:
    """A plan as it was logged: *body* is what follows ``plan:``."""

    text: str
    body: str
    ms: float
    logged_s: float | None
    group: int = -1


@dataclass(slots=True)
class Ran:
    """One of the last statements of a session; *asked* stands for the texts that a plan of it may have."""

    asked: frozenset[tuple[int, int]]
    group: int
    ms: float
    logged_s: float | None
    has_plan: bool = False


@dataclass(slots=True)
class _Waiting:
    plan: Plan
    asked: tuple[int, int]
    earlier: Ran | None  # it may belong to this one, if it does not to the next


class Joiner:
    """Follows the sessions of a log. It returns plans with their group, or without one: statements of their own."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, deque[Ran]] = OrderedDict()
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._size = 0  # of the plans that wait

    @property
    def waits_for(self) -> list[str]:
        """The sessions of which a plan waits for its statement."""
        return list(self._waiting)

    def statement(self, session: str, ran: Ran) -> list[Plan]:
        """Take a statement, and return the plans that are decided by it."""
        done = [self._decided(waiting, ran) for waiting in self._no_longer(session)]
        self._last.setdefault(session, deque(maxlen=_MOST_RAN)).append(ran)
        self._last.move_to_end(session)
        while len(self._last) > _MOST_SESSIONS:
            gone, _ = self._last.popitem(last=False)
            done += [_alone_or_earlier(waiting) for waiting in self._no_longer(gone)]
        return done

    def plan(self, session: str, plan: Plan) -> list[Plan]:
        """Take a plan, and return it if it is decided, or those that have waited for too long."""
        text = asked(plan.text)
        before = reversed(self._last.get(session, ()))
        earlier = next((ran for ran in before if text in ran.asked and not ran.has_plan), None)
        if earlier and _began_by(plan, earlier.logged_s):
            return [_joined(plan, earlier)]
        self._waiting.setdefault(session, deque()).append(_Waiting(plan, text, earlier))
        self._size += _size(plan)
        done = []
        while self._size > _MOST_WAITING or len(self._waiting) > _MOST_SESSIONS:
            done.append(_alone_or_earlier(self._oldest()))
        return done

    def rest(self) -> list[Plan]:
        """Return the plans that still wait, at the end of the log."""
        return [_alone_or_earlier(waiting) for session in self.waits_for for waiting in self._no_longer(session)]

    def _no_longer(self, session: str) -> deque[_Waiting]:
        """Take away what waits for a session's next statement."""
        taken = self._waiting.pop(session, deque[_Waiting]())
        self._size -= sum(_size(waiting.plan) for waiting in taken)
        return taken

    def _oldest(self) -> _Waiting:
        """Take away the first plan of the session that has been waited for longest."""
        session = next(iter(self._waiting))
        taken = self._waiting[session].popleft()
        self._size -= _size(taken.plan)
        if not self._waiting[session]:
            del self._waiting[session]
        return taken

    def _decided(self, waiting: _Waiting, ran: Ran) -> Plan:
        plan = waiting.plan
        began_s = None if ran.logged_s is None else ran.logged_s - ran.ms / 1000
        if waiting.asked in ran.asked and _not_before(plan.logged_s, began_s):
            return _joined(plan, ran)
        return _alone_or_earlier(waiting)


def asked(text: str) -> tuple[int, int]:
    """Return what tells one text from another without keeping it: its hash and its length."""
    return hash(text), len(text)


def askeds(text: str, detail: str) -> frozenset[tuple[int, int]]:
    """Return what tells the texts that plans of a statement have, by its own text and the detail of its entry."""
    texts = [] if _PREPARE.match(text) and _is_alone(text) else [text]
    if detail.startswith(_PREPARED):
        texts.append(detail.removeprefix(_PREPARED))
    return frozenset(asked(one) for one in texts)


def _is_alone(text: str) -> bool:
    return ";" not in normalise(text)


def take_apart(message: str, time: str) -> Plan:
    """Return the plan in a message of auto_explain, in any of its formats."""
    ms = float(message.split(" ", 2)[1])
    body = _PLAN.sub("", message, count=1)
    return Plan(_query_text(body), body, ms, seconds(time))


def seconds(time: str) -> float | None:
    """Return a log's time in seconds, to be compared with others of the log; None if it has no fractions.

    >>> seconds("2026-11-23 10:00:01.500 UTC") - seconds("2026-11-23 10:00:00.250 UTC")
    1.25
    """
    found = _STAMP.match(time)
    if found:
        try:
            return datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00").timestamp()
        except ValueError:
            return None
    return float(time) if re.fullmatch(r"\d{9,11}\.\d+", time) else None


def _query_text(body: str) -> str:
    if body.startswith("{"):
        try:
            return str(json.loads(body).get("Query Text", ""))
        except (ValueError, AttributeError):
            return ""
    if body.startswith("<"):
        found = re.search(r"<Query-Text>(.*?)</Query-Text>", body, re.DOTALL)
        return unescape(found[1]) if found else ""
    text = body.removeprefix("Query Text: ")
    if text.startswith('"') and "\nPlan:" in text:  # YAML quotes as JSON does
        try:
            return str(json.loads(text.split("\n", 1)[0]))
        except ValueError:
            return ""
    end = _END.search(text)
    return text[: end.start()] if end else text


def _size(plan: Plan) -> int:
    return len(plan.text) + len(plan.body) + 100


def _joined(plan: Plan, ran: Ran) -> Plan:
    ran.has_plan, plan.group = True, ran.group
    return plan


def _alone_or_earlier(waiting: _Waiting) -> Plan:
    earlier = waiting.earlier
    return _joined(waiting.plan, earlier) if earlier and not earlier.has_plan else waiting.plan


def _began_by(plan: Plan, moment_s: float | None) -> bool:
    began_s = None if plan.logged_s is None else plan.logged_s - plan.ms / 1000
    return _not_before(moment_s, began_s)


def _not_before(later_s: float | None, sooner_s: float | None) -> bool:
    return later_s is None or sooner_s is None or later_s >= sooner_s - _RESOLUTION_S
