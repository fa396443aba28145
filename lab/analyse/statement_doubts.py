"""What makes the difference of two looks at pg_stat_statements doubtful: pure functions on two snapshots.

Before 17 nothing dates the counters of a single statement, so that one which was reset and has grown beyond its former
count looks as if it had gone on. Signs of it are sums and extremes that no calls could have led to, and the reset
itself, which is a statement like any other; where there is none, it may have happened all the same.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.record.counters import Snapshot, StatementCounters

RESET = "somebody reset statements (pg_stat_statements_reset ran), and this server does not date their counters"
_RESET = re.compile(r"\bpg_stat_statements_reset\s*\(", re.IGNORECASE)
_ROUNDING = 1e-6  # of sums that a server made of many doubles

Statements = Mapping[Any, StatementCounters]


def was_reset(old: Statements, new: Statements) -> bool:
    """Whether a reset is among what ran between the looks."""
    grown = (one for key, one in new.items() if key not in old or old[key].calls != one.calls)
    return any(one.calls and _RESET.search(one.query) for one in grown)


def contradicts(old: StatementCounters, new: StatementCounters) -> bool:
    """Whether no calls lead from the one to the other: outside of the extremes, or spread by less than nothing.

    Only for what is not dated: from 17 on the extremes can be reset alone.
    """
    shortest_ms, longest_ms = new.min_exec_ms, new.max_exec_ms
    if old.total_exec_ms is None or new.total_exec_ms is None or shortest_ms is None or longest_ms is None:
        return False
    calls, total_ms = new.calls - old.calls, new.total_exec_ms - old.total_exec_ms
    slack_ms = _ROUNDING * new.total_exec_ms
    least_ms = max(calls * shortest_ms, longest_ms if longest_ms > (old.max_exec_ms or 0.0) else 0.0)
    if not least_ms - slack_ms <= total_ms <= calls * longest_ms + slack_ms:
        return True
    before, after = squares(old), squares(new)
    if before is None or after is None:
        return False
    return calls * (after - before) < total_ms**2 - _ROUNDING * (calls * after + new.total_exec_ms**2)


def squares(one: StatementCounters) -> float | None:
    """Return the sum of the squares of all calls' times, ms²; None where the server does not tell the deviation."""
    if one.stddev_exec_ms is None or one.total_exec_ms is None:
        return None
    return one.calls * (one.stddev_exec_ms**2 + (one.total_exec_ms / one.calls) ** 2) if one.calls else 0.0


def doubts(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Give what keeps the statements from being complete, in words; each look has statements."""
    old, new = ({one.key: one for one in look.statements or ()} for look in (before, after))
    if before.began.statements_dealloc is None or after.began.statements_dealloc is None:
        yield "whether statements were dropped for want of room is unknown: this server does not count it"
    if any(one.stats_since is None for one in (*old.values(), *new.values())):
        yield (
            "whether single statements were reset is unknown: before 17 that leaves no trace where they have run more "
            "often since than before"
        )
    elif was_reset(old, new):
        yield "somebody reset statements; what ran of new ones before that is missing"
    yield from _hidden(before, after)


def _hidden(before: Snapshot, after: Snapshot) -> Iterator[str]:
    if not before.hidden_statements and not after.hidden_statements:
        return
    calls = after.hidden_calls - before.hidden_calls
    least = after.hidden_statements - before.hidden_statements
    known = f"{calls} calls of them" if calls >= 0 and least >= 0 else "an unknown number of calls of them"
    yield f"statements of other roles are not shown, {known} between the looks; pg_monitor would see them"


def still_running(before: Snapshot, after: Snapshot) -> str:
    """Say how many statements ran from before the first look until after the second; empty if none did."""
    count = len(set(before.running) & set(after.running))
    if not count:
        return ""
    said = "1 statement was" if count == 1 else f"{count} statements were"
    return f"{said} running all the time, from before the first look, and counted only when over: not in it"
