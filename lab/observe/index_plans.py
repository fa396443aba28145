"""Which tables statements of pg_stat_statements read as a whole, by plans that are made and not carried out.

The text that pg_stat_statements has carries no values, so it is planned for any value, as a prepared statement is in
the end. PREPARE and EXPLAIN do not execute it, and the session is read-only. Planning can count scans of an index (the
planner looks up its ends); without values and without merge joins it has no reason to.

**Planning runs code.** The planner calls IMMUTABLE functions of constants, and STABLE ones to estimate with, as the
role that plans. A text that somebody else asked may name a function of theirs: whoever plans it gives them the rights
of the role that looks. So all texts are planned in the lab's own database alone; elsewhere those that the same role
asked, one statement each, and never as a role that is a superuser or may become one. Even so a function that was
replaced since it was asked for runs as it is now.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import psycopg2

from lab import sql
from lab.errors import ObserverError
from lab.record.indexes import Asked, WholeRead

Plan = Literal["nothing", "own", "all"]
NOTHING: Plan = "nothing"
OWN: Plan = "own"
ALL: Plan = "all"
NO_PLANS = (
    "plans: none was made, since planning runs functions that statements name; "
    "--plan makes those of what this role asked itself"
)
MOST_PLANNED = 50  # statements, those with the most blocks first: what reads whole tables is among them
PASS_ON = ("Sort", "Incremental Sort", "ModifyTable", "LockRows", "Result", "Append", "Materialize", "Seq Scan")


def refuse_superuser(cursor: Any) -> None:
    """Refuse to plan as a role that is a superuser or may become one.

    :raises ObserverError: naming the role.
    """
    cursor.execute(sql.load("indexes/plan_role"))
    role, is_superuser = cursor.fetchone()
    if is_superuser:
        raise ObserverError(
            f"planning runs functions that statements name, and {role} is a superuser or may become one; "
            "read without --plan, or as a role with pg_monitor alone"
        )


def planned(
    cursor: Any, statements: list[Asked], tables: Collection[str], plan: Plan
) -> tuple[list[Asked], tuple[str, ...]]:
    """Plan the statements that name a table, those with the most blocks first; return all, and what was not planned.

    :param plan: with ``own`` only what the role that looks has asked itself, and what is one statement beyond doubt.
    """
    if plan == NOTHING:
        return statements, (NO_PLANS,)
    ordered = sorted(statements, key=lambda one: -one.blocks)
    named = [one for one in ordered if any(name in one.query for name in tables)]
    chosen = [one for one in named if plan == ALL or (one.is_own and ";" not in one.query)]
    cursor.execute(sql.load("indexes/plan_settings"))
    cursor.execute(sql.load("indexes/plan_path"))
    found = {one: _whole_reads(cursor, one.query) for one in chosen[:MOST_PLANNED]}
    made = [replace(one, whole_reads=found.get(one)) for one in ordered]
    return made, tuple(_notes(found.values(), len(named) - len(chosen)))


def _notes(found: Collection[tuple[WholeRead, ...] | None], others: int) -> Iterator[str]:
    if others:
        yield f"plans: {others} statements were not planned: another role asked them, or they have a semicolon"
    if failed := sum(one is None for one in found):
        yield f"plans: {failed} of {len(found)} statements could not be planned by this role as they stand"


def quoted(name: str) -> str:
    """Return a name as the server quotes it in what it writes, keywords left aside.

    >>> quoted("posts"), quoted("Posts")
    ('posts', '"Posts"')
    """
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name)
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _whole_reads(cursor: Any, query: str) -> tuple[WholeRead, ...] | None:
    """Plan one statement for any value; None if that cannot be done."""
    try:
        cursor.execute(sql.load("indexes/plan_prepare").replace("{statement}", query))
        try:
            cursor.execute(sql.load("indexes/plan_parameters"))
            count = int(cursor.fetchone()[0])
            values = f"({', '.join(['NULL'] * count)})" if count else ""
            cursor.execute(sql.load("indexes/plan_explain").replace("{values}", values))
            plan = cursor.fetchone()[0]
        finally:
            cursor.execute(sql.load("indexes/plan_forget"))
    except psycopg2.Error:
        return None
    return tuple(dict.fromkeys(_scans([plan[0]["Plan"]])))


def _scans(nodes: Iterable[Mapping[str, Any]], is_reduced: bool = False) -> Iterator[WholeRead]:
    for node in nodes:
        if node["Node Type"] == "Seq Scan" and "Filter" in node:
            table, alias = f"{quoted(node['Schema'])}.{quoted(node['Relation Name'])}", quoted(node["Alias"])
            condition = str(node["Filter"]).replace(f"{alias}.", "")
            yield WholeRead(table, condition, int(node["Plan Rows"]), is_reduced)
        yield from _scans(node.get("Plans", ()), is_reduced or node["Node Type"] not in PASS_ON)
