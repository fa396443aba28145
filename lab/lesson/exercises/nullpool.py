"""Exercises of 02_nullpool_or_queuepool."""

from lab.demonstrate.pairs import Compared


def one_connection(done: object) -> tuple[bool, str]:
    """Did the second variant have a single session in each of its runs?"""
    if not isinstance(done, Compared):
        return False, "there is no comparison yet; give compare a pool in place of the dots"
    opened, runs = done.second.sessions_opened, len(done.result.runs) // 2
    if opened != runs:
        return (
            False,
            "the server saw more than one session in a run of the second variant; size and overflow both count",
        )
    return True, "the server saw a single session in each run of the second variant"


CHECKS = {"one_connection": one_connection}
