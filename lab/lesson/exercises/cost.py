"""Exercises of 01_cost_of_a_connection."""

from lab.demonstrate.job import QUESTIONS, Job


def one_session(job: object) -> tuple[bool, str]:
    """Has the server answered all questions of the job's last run in a single session?"""
    seen = job.counted() if isinstance(job, Job) else None
    if seen is None:
        return False, "the server has seen no job yet; run the cell above"
    if seen.questions != QUESTIONS:
        return False, "the server has not answered as many questions as the job is to ask"
    if seen.sessions != 1:
        return False, "the server saw more than one session; open the connection once, before the first question"
    return True, "the server answered every question in a single session"


CHECKS = {"one_session": one_session}
