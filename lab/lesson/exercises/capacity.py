"""Exercises of 13_capacity."""

from lab.record.run import Run

USERS, MOST, LEAST = 10, 50.0, 20.0  # of the exercise: users, and requests per second


def think_time(done: object) -> tuple[bool, str]:
    """Can the recorded load not ask for more than allowed, by its plan and by what its users did; and does it ask?"""
    if not isinstance(done, Run):
        return False, "there is no load yet; give closed_load a think time in place of the dots"
    load, planned = done.manifest.load, done.manifest.books["planned"]
    if load["model"] != "closed" or load["users"] != USERS:
        return False, "the load is not that of ten users; change one thing at a time"
    if load["think_s"] <= 0 or load["users"] / load["think_s"] > MOST:
        return False, "a server that answers at once would be asked for more than fifty requests per second"
    if load["users"] / load["think_s"] < LEAST:
        return False, "even a server that answers at once is asked for fewer than twenty requests per second"
    if planned < load["users"]:
        return False, "not every user has asked; run it again"
    return (
        True,
        "ten users cannot ask for more than fifty requests per second, and a slow server makes them ask for fewer",
    )


CHECKS = {"think_time": think_time}
