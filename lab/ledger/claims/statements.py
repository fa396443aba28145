"""The list by total time shows what cost most; two looks count a run exactly, and a reset spoils that for others."""

from collections.abc import Mapping

from lab.demonstrate import run_statements
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding
from lab.units import format_ms


def test(bench: Bench, requests: Mapping[str, int] = run_statements.MIX, reset: bool = True) -> Finding:
    """Send known requests between two looks, count, and see whether the first by total time is the slowest.

    Then somebody resets one statement, and somebody else looks before that and after it.

    :param reset: whether it is reset.
    """
    ran = run_statements.ran(bench, requests)
    wrong, first, slowest = run_statements.miscounted(ran), ran.statements[0], run_statements.slowest(ran)
    watched = run_statements.watched(bench, reset=reset)
    calls = sum(one.calls or 0 for one in ran.statements)
    known = "unknown" if watched.counted is None else watched.counted
    measured = (
        f"{calls} calls between two looks, {wrong} of them not as sent, nothing reset; first by total time: "
        f"{first.calls} calls of {format_ms(first.mean_exec_ms)}; slowest: "
        f"{slowest.calls} of {format_ms(slowest.mean_exec_ms)}; somebody else's count of {watched.sent} calls over "
        f"{'a' if reset else 'no'} reset: {known}"
    )
    numbers = {"calls": float(calls), "miscounted": float(wrong), "unknown": float(watched.counted is None)}
    if wrong:
        return Finding(NOT_HERE, measured, numbers=numbers)
    but = ["they cost most in total and need not be slow"] if first.queryid != slowest.queryid else []
    if watched.counted is None:
        but.append("two looks need no reset, and a reset takes the count from whoever else looks")
    return Finding(IN_PART if but else HOLDS, measured, "; ".join(but), numbers)


CLAIM = Claim(
    id="statements",
    sentence="pg_stat_statements gives the ten slowest statements by total time; reset it after a change",
    folklore="the ten with the highest total time",
    test=test,
    expected=(IN_PART,),
    mutation={"requests": {"/slow?ms=200": 1}, "reset": False},
    lesson="11_statement_statistics",
)
