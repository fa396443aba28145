"""Which numbers make autovacuum run on a table, and at which count: its own arithmetic, in its own precision.

Autovacuum compares in ``float4``: 24 bits, so that beyond 16,777,216 rows neighbouring counts are the same number. It
runs when a count is *greater* than its threshold::

    dead rows   > threshold + scale factor x reltuples          at most the maximum threshold (18)
    inserts     > insert threshold + its scale factor x reltuples x share of pages not all-frozen (18; 1 before)
    changes     > analyze threshold + its scale factor x reltuples
    age         > freeze_max_age                                also where autovacuum is disabled

A TOAST table is judged for itself: by its own storage parameters if it has any at all, else by those of its table.

Source: PostgreSQL's ``autovacuum.c``, ``relation_needs_vacanalyze``, in 13 to 18.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from lab.record.autovacuum import TOAST, Look, Rules, Table
from lab.record.options import Options

DEAD, INSERTS, CHANGES, AGE, MULTIXACT_AGE = "dead rows", "inserts", "changes", "age", "multixact age"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One reason to run: it is due when *count* is at least *first*, the least count above *threshold*."""

    reason: str
    count: int
    threshold: float
    first: int

    @property
    def due(self) -> bool:
        """Whether autovacuum would run on it now."""
        return self.count >= self.first


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds for one table: the server's settings with its storage parameters put in."""

    rules: Rules
    enabled: bool  # autovacuum_enabled of the table


def effective(table: Table, look: Look) -> Effective:
    """Return what holds for a table: its own parameters; a TOAST table without any has those of its table."""
    own = table.options
    if own is None and table.kind == TOAST and table.parent is not None:
        parent = look.table(table.parent)
        own = parent.options if parent else None
    own, rules = own or Options(), look.rules
    given = {
        name: getattr(own, name)
        for name in (field.name for field in fields(Options))
        if name != "enabled" and getattr(own, name) is not None
    }
    for name in ("freeze_max_age", "multixact_freeze_max_age"):
        if name in given:  # may only shorten it; and a launcher that is off wakes at the server's own
            given[name] = min(given[name], getattr(rules, name)) if rules.enabled else getattr(rules, name)
    return Effective(replace(rules, **given), own.enabled is not False)


def vacuum_threshold(table: Table, rules: Rules) -> float:
    """Return how many dead rows are not yet too many.

    >>> vacuum_threshold(Table(1, "public", "t", reltuples=10_000), Rules())
    2050.0
    """
    size = np.float32(max(table.reltuples, 0))
    threshold = np.float32(rules.vacuum_threshold) + np.float32(rules.vacuum_scale_factor) * size
    most = rules.vacuum_max_threshold
    if most is not None and most >= 0 and threshold > np.float32(most):
        threshold = np.float32(most)
    return float(threshold)


def insert_threshold(table: Table, rules: Rules) -> float | None:
    """Return how many rows may be inserted before a vacuum; None: inserts do not count.

    >>> insert_threshold(Table(1, "public", "t", reltuples=100_000, pages=500, frozen_pages=500), Rules())
    1000.0
    >>> insert_threshold(Table(1, "public", "t", reltuples=100_000, pages=500), Rules())
    21000.0
    """
    if rules.vacuum_insert_threshold < 0:
        return None
    unfrozen = np.float32(1)
    if table.pages > 0 and (table.frozen_pages or 0) > 0:
        frozen = min(table.frozen_pages or 0, table.pages)
        unfrozen = np.float32(1) - np.float32(frozen) / np.float32(table.pages)
    size = np.float32(max(table.reltuples, 0))
    scale = np.float32(rules.vacuum_insert_scale_factor)
    return float(np.float32(rules.vacuum_insert_threshold) + scale * size * unfrozen)


def analyze_threshold(table: Table, rules: Rules) -> float:
    """Return how many changes are not yet too many.

    >>> analyze_threshold(Table(1, "public", "t", reltuples=-1), Rules())
    50.0
    """
    size = np.float32(max(table.reltuples, 0))
    return float(np.float32(rules.analyze_threshold) + np.float32(rules.analyze_scale_factor) * size)


def first_above(threshold: float) -> int:
    """Return the least whole number that is greater than *threshold* in ``float4``.

    >>> first_above(2050.0), first_above(50.6), first_above(16_777_216.0)
    (2051, 51, 16777218)
    """
    least = int(threshold) + 1
    if np.float32(least) > np.float32(threshold):
        return least
    above = int(np.nextafter(np.float32(threshold), np.float32(np.inf)))
    middle = (int(threshold) + above) // 2  # a number in the middle goes to the even one of the two
    return middle if np.float32(middle) > np.float32(threshold) else middle + 1


def forced(table: Table, rules: Rules) -> tuple[Trigger, ...]:
    """Return the triggers that work everywhere: a table must not grow too old."""
    ages = (
        (AGE, table.xid_age, rules.freeze_max_age),
        (MULTIXACT_AGE, table.multixact_age, rules.multixact_freeze_max_age),
    )
    return tuple(Trigger(reason, age, float(most), most + 1) for reason, age, most in ages if age is not None)


def vacuum_triggers(table: Table, look: Look) -> tuple[Trigger, ...]:
    """Return what can make autovacuum vacuum this table, whether it is due or not."""
    holds = effective(table, look)
    always = forced(table, holds.rules)
    if not _heeds_counts(holds, always):
        return always
    counted = [(DEAD, table.dead_rows, vacuum_threshold(table, holds.rules))]
    inserts = insert_threshold(table, holds.rules)
    if inserts is not None:
        counted.append((INSERTS, table.inserted_rows, inserts))
    return (*(Trigger(reason, count, limit, first_above(limit)) for reason, count, limit in counted), *always)


def analyze_triggers(table: Table, look: Look) -> tuple[Trigger, ...]:
    """Return what can make autovacuum analyze this table: nothing for TOAST tables and ``pg_statistic``."""
    holds = effective(table, look)
    if table.kind == TOAST or table.full_name == "pg_catalog.pg_statistic":
        return ()
    if not _heeds_counts(holds, forced(table, holds.rules)):
        return ()
    limit = analyze_threshold(table, holds.rules)
    return (Trigger(CHANGES, table.changed_rows, limit, first_above(limit)),)


def _heeds_counts(holds: Effective, always: tuple[Trigger, ...]) -> bool:
    """Whether rows count at all: a table that is disabled is looked at only when it has grown too old."""
    return holds.rules.enabled and (holds.enabled or any(trigger.due for trigger in always))
