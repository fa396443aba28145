"""What ``pg_cancel_backend`` and ``pg_terminate_backend`` do to a session in each state, and what they say about it.

Both answer whether a signal was sent, not what came of it. A cancel that arrives while no query runs is dropped.

Source: PostgreSQL's ``postgres.c`` (``ProcessInterrupts``, ``DoingCommandRead``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.triage import Stage, bare
from lab.observe import signals
from lab.process import wait_until
from lab.record.triage import Identity
from lab.server.private import Private

ACTIVE, BLOCKED, IN_TRANSACTION, IDLE, GONE = "active", "waits for a lock", "idle in transaction", "idle", "gone"
ACTS = (signals.CANCEL, signals.TERMINATE)
STATES = (ACTIVE, BLOCKED, IN_TRANSACTION, IDLE)


@dataclass(frozen=True, slots=True)
class Ending:
    """One signal to one session: what the function said, and what was left after it."""

    state: str
    act: str
    said: bool
    over: bool  # whether what the session was at has ended: its query, or its transaction
    session_left: bool
    guarded: str  # what the guarded form made of the same target before


def endings(
    bench: Bench,
    states: Sequence[str] = STATES,
    really: Mapping[str, str] | None = None,
    server: Private | None = None,
) -> tuple[Ending, ...]:
    """Send each signal to a fresh session in each state, by pid and without a guard.

    :param really: what to do in place of what it is called: a state, ``GONE`` among them, or a signal.
    """
    instead = really or {}
    with bare(bench, server) as made:
        made.opens("holder", "lesson/triage_pay")
        found = [
            _ending(made, instead.get(state, state), instead.get(act, act), f"{state}, {act}")
            for state in states
            for act in ACTS
        ]
    called = [(state, act) for state in states for act in ACTS]
    return tuple(replace(one, state=state, act=act) for one, (state, act) in zip(found, called, strict=True))


def _ending(made: Stage, state: str, act: str, name: str) -> Ending:
    _bring(made, state, name)
    aim = _left(made, name)
    refused = "sent"
    if aim is None:
        refused = GONE
    elif _refused(state, act):
        refused = signals.cancel(made.eye, aim, wait_s=0).outcome
    said = bool(Reader(made.eye).value(f"lesson/triage_{act}", pid=made.pids[name]))
    # nothing may come of it, and that takes a while to be sure of
    over = wait_until(lambda: _left(made, name) != aim, timeout_s=0.3 if refused != "sent" else 20)
    return Ending(state, act, said, over, made.session(name) is not None, refused)


def _refused(state: str, act: str) -> bool:
    """Whether there is nothing that this signal could end."""
    return act == signals.CANCEL and state in (IN_TRANSACTION, IDLE)


def _bring(made: Stage, state: str, name: str) -> None:
    """Connect a session, and wait until it is in this state."""
    if state in (ACTIVE, BLOCKED):
        made.begins(name, "lesson/triage_report" if state == ACTIVE else "lesson/triage_pay")
        wait_until(lambda: _is(made, name, "active", state == BLOCKED), timeout_s=20)
    elif state == GONE:
        made.opens(name)
        Reader(made.eye).rows("lesson/triage_terminate", pid=made.pids[name])
        wait_until(lambda: made.session(name) is None, timeout_s=20)
    else:
        made.opens(name, *(["lesson/triage_read"] if state == IN_TRANSACTION else []))
        wait_until(lambda: _is(made, name, state, False), timeout_s=20)


def _is(made: Stage, name: str, state: str, blocked: bool) -> bool:
    found = made.session(name)
    return found is not None and found.state == state and bool(found.blocked_by) == blocked


def _left(made: Stage, name: str) -> Identity | None:
    found = made.session(name)
    return found.identity if found else None
