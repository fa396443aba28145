"""Exercises of 12_live_triage."""

from lab.demonstrate.triage import FORGETFUL, LIST, PAYMENT, READER, REPORT, Stage
from lab.errors import LabError
from lab.process import wait_until


def free_the_queue(made: object) -> tuple[bool, str]:
    """Did the payment and the list go on, the report run on, and the reader keep its session?"""
    if not isinstance(made, Stage):
        return False, "there is no stage; give the check the one of this lesson"
    # what was let go needs a moment to be done
    wait_until(lambda: not made.waiting(), timeout_s=5)
    waiting = made.waiting()
    try:
        there = {name for name in (FORGETFUL, READER, REPORT, PAYMENT, LIST) if made.session(name) is not None}
        report = made.session(REPORT)
    except LabError as error:
        return False, str(error)
    return judged(waiting, there, report is not None and report.state == "active")


def judged(waiting: list[str], there: set[str], report_runs: bool) -> tuple[bool, str]:
    """Say what the server showed: who waits, who is there, and whether the report still runs."""
    if not report_runs:
        return False, "the report was ended, and it blocked nobody: what takes long is not what is in the way"
    if FORGETFUL in there and waiting:
        return False, f"there still wait: {', '.join(waiting)}; whoever holds the row is still there"
    if waiting:
        return False, f"there still wait: {', '.join(waiting)}; look at the tree again, somebody else is in the way"
    if FORGETFUL in there:
        return False, "nobody waits, but the payment did not get its row: whoever holds it is still there"
    if READER not in there:
        return False, "nobody waits, but the reader lost its session; the migration could have tried again later"
    for name in (PAYMENT, LIST):
        if name not in there:
            return False, f"nobody waits, but the {name} lost its session, and it only waited"
    return True, "payment and list went on, the report runs, and the reader has its session"


CHECKS = {"free_the_queue": free_the_queue}
