"""Scans of indexes are counted, those of the planner too; what a unique index does without a scan is not."""

from lab.demonstrate import index_use
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, taken: int = 5, look_up: bool = False, since: str = "2030-01-01") -> Finding:
    """Ask by one index and not by another; have a unique index refuse rows; plan and run nothing; read the scans."""
    used = index_use.used(bench, [index_use.USED, index_use.UNUSED])
    unique = index_use.enforced(bench, taken=taken, look_up=look_up)
    planned = index_use.planned(bench, since=since)
    told = used.scans[index_use.USED] == used.asked and used.scans[index_use.UNUSED] == 0
    measured = (
        f"{used.asked} questions: {used.scans[index_use.USED]} scans of the index that serves them, "
        f"{used.scans[index_use.UNUSED]} of the other; a unique index that accepted {unique.accepted} rows and refused "
        f"{unique.refused}: {unique.scans} scans; {planned.explained} times EXPLAIN: {planned.scans} scans of an index "
        "that nothing used"
    )
    numbers = {
        "scans": float(used.scans[index_use.USED]),
        "unique_scans": float(unique.scans),
        "planned_scans": float(planned.scans),
    }
    if not told:
        return Finding(NOT_HERE, measured, numbers=numbers)
    without = ["an index that keeps rows unique shows no scan"] if unique.refused and not unique.scans else []
    besides = ["planning alone shows scans of an index that nothing used"] if planned.scans else []
    if not (without or besides):
        return Finding(HOLDS, measured, numbers=numbers)
    return Finding(IN_PART, measured, "; ".join(["for what is looked up", *without, *besides]), numbers)


CLAIM = Claim(
    id="index-use",
    sentence="pg_stat_user_indexes shows which indexes are used",
    folklore="idx_scan = 0 means that it can be dropped",
    test=test,
    expected=(IN_PART,),
    mutation={"taken": 0, "look_up": True, "since": "2025-03-01 01:00Z"},
    lesson="11_statement_statistics",
)
