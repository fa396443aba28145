"""Autovacuum comes at one row more than its threshold, which depends on more than the table's size."""

from collections.abc import Sequence

from lab.analyse.autovacuum import CHANGES
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import ground
from lab.demonstrate.triggers import CASES, Came, Case, came
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, cases: Sequence[Case] = CASES, more: int = 1) -> Finding:
    """Bring tables to their thresholds and one row beyond, and see to which of them autovacuum comes."""
    with ground(bench) as lent:
        seen = came(lent, cases, more=more)
    early = sum(one.at.runs > 0 for one in seen)
    late = sum(one.over.runs == 0 for one in seen)
    other = [one for one in seen if one.threshold != _folklore(one)]
    measured = f"{len(seen)} tables: at the threshold autovacuum came to {early}, one row later to {len(seen) - late}"
    numbers = {"tables": float(len(seen)), "early": float(early), "late": float(late), "other": float(len(other))}
    if early or late or len(other) == len(seen):
        return Finding(NOT_HERE, measured, numbers=numbers)
    if not other:
        return Finding(HOLDS, measured, numbers=numbers)
    named = "; ".join(f"{one.case.name}: {one.threshold:g} of {one.case.rows:,}" for one in other)
    return Finding(IN_PART, measured, f"other thresholds: {named}. And it comes at the database's next turn", numbers)


def _folklore(one: Came) -> float:
    return 50 + (one.case.rows // 10 if one.case.reason == CHANGES else one.case.rows // 5)


CLAIM = Claim(
    id="autovacuum",
    sentence="autovacuum runs after 50 + 20 % of the table; analyze after 50 + 10 %",
    folklore="50 + 20 % dead rows; 50 + 10 % changes",
    test=test,
    expected=(IN_PART,),
    mutation={"more": 0},
    lesson="08_autovacuum",
)
