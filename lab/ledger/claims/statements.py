"""The list by total time shows what cost most, and a run is counted exactly without a reset."""

from collections.abc import Mapping

from lab.demonstrate import run_statements
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.units import format_ms


def test(bench: Bench, requests: Mapping[str, int] = run_statements.MIX) -> Finding:
    """Send known requests between two looks, count, and see whether the first by total time is the slowest."""
    ran = run_statements.ran(bench, requests)
    wrong, first, slowest = run_statements.miscounted(ran), ran.statements[0], run_statements.slowest(ran)
    calls = sum(one.calls or 0 for one in ran.statements)
    measured = (
        f"{calls} calls between two looks, {wrong} of them not as sent, nothing reset; first by total time: "
        f"{first.calls} calls of {format_ms(first.mean_exec_ms)}; slowest: "
        f"{slowest.calls} of {format_ms(slowest.mean_exec_ms)}"
    )
    numbers = {"calls": float(calls), "miscounted": float(wrong)}
    if wrong:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if first.queryid == slowest.queryid:
        return Finding(HOLDS, measured, numbers=numbers)
    return Finding(IN_PART, measured, "they cost most in total and need not be slow; two looks need no reset", numbers)


CLAIM = Claim(
    id="statements",
    sentence="pg_stat_statements gives the ten slowest statements by total time; reset it after a change",
    folklore="the ten with the highest total time",
    test=test,
    expected=(IN_PART,),
    mutation={"requests": {"/slow?ms=200": 1}},
    lesson="11_statement_statistics",
)
