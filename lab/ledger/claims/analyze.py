"""VACUUM ANALYZE removes dead rows and has the planner expect what is there; VACUUM alone does only the first."""

from lab.demonstrate import quiet, vacuuming
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding

CLOSE = 1.5  # times off: an estimate from a sample


def test(bench: Bench, do: str = "vacuum/vacuum_analyze") -> Finding:
    """Update half of a table, then run *do*, and ask the planner how many rows it expects before and after."""
    steps = (*vacuuming.KNOWN_STEPS[:2], ("afterwards", do))
    with quiet.server(bench) as there:
        _, before, after = vacuuming.known(there, steps)
    measured = (
        f"of {after.truth} rows the planner expected {before.expected} before and {after.expected} after; "
        f"{before.dead} dead rows before, {after.dead} after"
    )
    numbers = {
        "before_times_off": before.times_off,
        "after_times_off": after.times_off,
        "dead_after": float(after.dead),
    }
    refreshed = before.times_off > CLOSE >= after.times_off
    if refreshed and before.dead and not after.dead:
        return Finding(HOLDS, measured, numbers=numbers)
    if refreshed:
        return Finding(IN_PART, measured, "the statistics are refreshed, the dead rows are still there", numbers)
    return Finding(NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="analyze",
    sentence="VACUUM ANALYZE reclaims and refreshes statistics",
    folklore="both in one go",
    test=test,
    expected=(HOLDS,),
    mutation={"do": "vacuum/vacuum"},
    lesson="07_dead_tuples_and_vacuum",
)
