"""What the slow log has of what was sent: by threshold, by form, by role, by driver, with plans, and sampled.

Everything is sent to a server of its own, so that what is in the log can be counted against what was sent. The sessions
here set what they log themselves; the server's own threshold is 100 ms.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import psycopg2

from lab.demonstrate.bench import NAME, Bench
from lab.demonstrate.log_server import PLAIN, THRESHOLD_MS, Noted, noted, server, session, text
from lab.server.private import Private
from lab.slowlog import SlowLog
from lab.units import monotonic_us

__all__ = [
    "BY_KEY", "BY_NAME", "LINES", "ONE", "PLAIN", "SHORT", "SLEEP_MS", "THRESHOLD_MS", "Explained", "Mixture", "Parsed",
    "Rights", "Sampled", "Written", "drivers", "explained", "mixture", "parsed", "rights", "sampled", "server",
]  # fmt: skip

SHORT, LINES, ONE = "lesson/log_short", "lesson/log_lines", "lesson/nothing"
BY_KEY, BY_NAME = "lesson/log_by_key", "lesson/log_by_name"

_SLEEP = "lesson/log_sleep"
SLEEP_MS = 150.0
_ROWS = 20_000  # of the short statement, which takes some milliseconds with them


@dataclass(frozen=True, slots=True)
class Mixture:
    """Slow and short statements: how long the client waited for each, and how many of them the log has."""

    threshold_ms: float
    slow_ms: list[float]
    short_ms: list[float]
    slow_logged: int
    short_logged: int

    @property
    def missing_share_of_time(self) -> float:
        """The share of all the time that went into statements that are not in the log, about: by means of each kind."""
        slow = sum(self.slow_ms) * (1 - self.slow_logged_share)
        short = sum(self.short_ms) * (1 - self.short_logged_share)
        return (slow + short) / (sum(self.short_ms) + sum(self.slow_ms))

    @property
    def slow_logged_share(self) -> float:
        """How much of the slow statements is in the log, 0 to 1."""
        return self.slow_logged / len(self.slow_ms)

    @property
    def short_logged_share(self) -> float:
        """How much of the short statements is in the log, 0 to 1."""
        return self.short_logged / len(self.short_ms)


def mixture(
    bench: Bench, lent: Private, slow: int = 6, short: int = 300, rows: int = _ROWS, **parameters: object
) -> Mixture:
    """Send slow statements, which sleep for 150 ms, among many short ones.

    :param parameters: what the session sets; without any it logs as the server does, from 100 ms on.
    """
    times: dict[str, list[float]] = {_SLEEP: [], SHORT: []}
    with noted(bench, lent) as said, session(lent, **parameters) as cursor:
        for number in range(slow + short):
            name = _SLEEP if number % (1 + short // slow) == 0 and len(times[_SLEEP]) < slow else SHORT
            began_us = monotonic_us()
            cursor.execute(text(name), {"seconds": SLEEP_MS / 1000, "rows": rows})
            times[name].append((monotonic_us() - began_us) / 1000)
    calls = {group.statement: group.calls for group in said.read().groups}
    threshold_ms = float(str(parameters.get("log_min_duration_statement", THRESHOLD_MS)))
    logged = [sum(n for statement, n in calls.items() if word in statement) for word in ("pg_sleep", "generate_series")]
    return Mixture(threshold_ms, times[_SLEEP], times[SHORT], *logged)


@dataclass(frozen=True, slots=True)
class Parsed:
    """How many statements each way of reading found of those that were sent."""

    sent: int
    by_line: int  # lines that have as many fields between commas as a row of csvlog
    by_csv: int
    by_form: dict[str, int]  # by the lab, from each form of the log
    duration_ms: dict[str, float]


def parsed(
    bench: Bench, lent: Private, statement: str = LINES, sent: int = 20, unlogged: int = 0, half: Sequence[str] = ()
) -> Parsed:
    """Send a statement some times, and read the log line by line, as CSV, and in each form by the lab.

    :param unlogged: how many more are sent by a session that logs nothing.
    :param half: forms of which only the first half is read.
    """
    with noted(bench, lent) as said:
        for count, threshold_ms in ((sent, 0), (unlogged, -1)):
            with session(lent, log_min_duration_statement=threshold_ms) as cursor:
                for number in range(count):
                    cursor.execute(text(statement), {"number": number})
    for form in half:
        whole = said.files[form].read_bytes()
        said.files[form].write_bytes(whole[: len(whole) // 2])
    content = said.files["csv"].read_text(encoding="utf-8")
    rows = [row for row in csv.reader(io.StringIO(content)) if len(row) > 13 and _is_statement(row[13])]
    lines = [line.split(",") for line in content.splitlines()]
    found = {form: said.read(form) for form in said.files}
    return Parsed(
        sent + unlogged,
        sum(len(line) == len(rows[0]) and _is_statement(line[13].strip('"')) for line in lines),
        len(rows),
        {form: one.statements - _settings_of(one) for form, one in found.items()},
        {form: one.duration_ms for form, one in found.items()},
    )


def _is_statement(message: str) -> bool:
    return message.startswith("duration: ") and "set_config" not in message


def _settings_of(found: SlowLog) -> int:
    """How often the session set a parameter: that too is in the log, once it logs everything."""
    return sum(group.calls for group in found.groups if "set_config" in group.statement)


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may have a session log everything. States are SQLSTATEs, empty where it was allowed."""

    plain: str  # a role without privilege sets it
    granted: str | None  # the same after GRANT SET ON PARAMETER; None before version 15
    sent: int
    own_logged: int  # of the session that set it
    others_logged: int  # of another session at the same time
    by_role_logged: int  # of the plain role, after ALTER ROLE


def rights(
    bench: Bench,
    lent: Private,
    role: str = PLAIN,
    sent: int = 10,
    own_ms: float = 0,
    others_ms: float = THRESHOLD_MS,
    change: bool = True,
) -> Rights:
    """Have a role set the threshold to 0; have a superuser do so beside another session; and set it for the role.

    :param own_ms: what the superuser sets.
    :param others_ms: what the other session has.
    :param change: grant the right to the role, and set the threshold for it; or change nothing.
    """  # fmt: skip
    plain = _setting_it(lent, role)
    granted = None
    if lent.major >= 15:
        with _changed(lent, "lesson/log_grant", "lesson/log_revoke", change):
            granted = _setting_it(lent, role)
    own = _logged(bench, lent, {"log_min_duration_statement": own_ms}, sent)
    with session(lent, log_min_duration_statement=own_ms):
        others = _logged(bench, lent, {"log_min_duration_statement": others_ms}, sent)
    with _changed(lent, "lesson/log_for_role", "lesson/log_not_for_role", change):
        by_role = _logged(bench, lent, {}, sent, PLAIN)
    return Rights(plain, granted, sent, own, others, by_role)


def _setting_it(lent: Private, role: str) -> str:
    with session(lent, role) as cursor:
        try:
            cursor.execute(text("lesson/log_everything"))
        except psycopg2.Error as error:
            return error.pgcode or "?"
    return ""


def _logged(bench: Bench, lent: Private, parameters: Mapping[str, object], sent: int, role: str = "lab_owner") -> int:
    """Send short statements, and return how many of them are in the log."""
    with noted(bench, lent) as said, session(lent, role, **parameters) as cursor:
        for _ in range(sent):
            cursor.execute(text(SHORT), {"rows": 1})
    return sum(group.calls for group in said.read().groups if "generate_series" in group.statement)


@contextmanager
def _changed(lent: Private, before: str, after: str, change: bool) -> Iterator[None]:
    with session(lent) as cursor:
        cursor.execute(text(before if change else ONE))
        try:
            yield
        finally:
            cursor.execute(text(after))


@dataclass(frozen=True, slots=True)
class Written:
    """What one driver's statements look like in the log."""

    driver: str
    sent: int
    entries: int  # with those of parse and bind
    statements: int
    texts: int  # different ones
    details: int  # different ones: the parameters
    groups: int  # texts after normalising


def drivers(
    bench: Bench, lent: Private, values: Sequence[str] = (), statement: str = BY_KEY, factory: Any = psycopg.Cursor
) -> tuple[Written, Written]:
    """Send a statement with different values by psycopg2 and by psycopg 3.

    :param values: one for each time it is sent.
    :param statement: what psycopg2 sends; psycopg 3 asks for the row by its key.
    :param factory: psycopg 3's kind of cursor.
    """
    sent = list(values) or [f"it's value, {number}" for number in range(8)]
    with noted(bench, lent) as said, session(lent, log_min_duration_statement=0) as cursor:
        _send(cursor, statement, sent)
        _send(cursor, BY_KEY, sent[: len(sent) if statement != BY_KEY else 0])
    by_2 = _written("psycopg2", said, len(sent))
    options = "-c log_min_duration_statement=0"
    connected = psycopg.connect(lent.dsn(), autocommit=True, options=options, application_name=NAME)
    with noted(bench, lent) as said, connected as connection:
        _send(factory(connection), BY_KEY, sent)
    return by_2, _written("psycopg 3", said, len(sent))


def _send(cursor: Any, statement: str, values: Sequence[str]) -> None:
    for number, value in enumerate(values):
        cursor.execute(text(statement), (1000 + 10 * number if len(set(values)) > 1 else 1000, value))


def _written(driver: str, said: Noted, sent: int) -> Written:
    rows = [row for row in said.rows() if "pg_class" in row["statement"]]
    run = [row for row in rows if row["kind"] == "statement"]
    groups = [group for group in said.read().groups if "pg_class" in group.statement]
    return Written(
        driver, sent, len(rows), len(run), len({row["statement"] for row in run}),
        len({row["detail"] for row in run if row["detail"]}), len(groups),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explained:
    """Executions with plans: what the log has of them, and what is counted."""

    sent: int
    entries: int
    plans: int
    statements: int
    joined: int
    plan: str


def explained(bench: Bench, lent: Private, sent: int = 5, plans: bool = True, unlogged: int = 0) -> Explained:
    """Send a statement with its duration and its plan logged.

    :param plans: have auto_explain log them.
    :param unlogged: how many more are sent by a session that logs nothing.
    """
    with (
        noted(bench, lent) as said,
        session(lent, auto_explain__log_min_duration=0 if plans else -1, log_min_duration_statement=0) as cursor,
    ):
        for _ in range(sent):
            cursor.execute(text(SHORT), {"rows": 10})
        with session(lent, log_min_duration_statement=-1) as other:
            for _ in range(unlogged):
                other.execute(text(SHORT), {"rows": 10})
    rows = [row for row in said.rows() if "generate_series" in row["statement"]]
    found = next(group for group in said.read().groups if "generate_series" in group.statement)
    plans_logged = sum(row["kind"] == "plan" for row in rows)
    return Explained(sent + unlogged, len(rows), plans_logged, found.calls, found.plans, found.plan)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A mixture of which everything slow is to be logged, and a share of the rest."""

    mixture: Mixture
    rate: float


def sampled(
    bench: Bench, lent: Private, rate: float = 0.1, threshold_ms: float = THRESHOLD_MS, sample_ms: float = 0
) -> Sampled:
    """Have all that is slow logged, and a random share of what takes longer than *sample_ms*."""
    found = mixture(
        bench, lent, 3, 1000, 20, log_min_duration_statement=threshold_ms, log_min_duration_sample=sample_ms,
        log_statement_sample_rate=rate,
    )  # fmt: skip
    return Sampled(found, rate)
