"""Exercises of 04_sizing_the_pool."""

from lab.demonstrate.pool_size import Wave

TIMEOUT_S = 1.25  # as in the text; with another one the answer is another


def smallest_pool(made: object) -> tuple[bool, str]:
    """Did the pool give up no checkout, and would a smaller one have?"""
    if not isinstance(made, Wave):
        return False, "no requests were sent yet; write a pool in place of the dots"
    if made.timeout_s != TIMEOUT_S:
        return False, f"the pool waits for {made.timeout_s:g} s; add timeout={TIMEOUT_S:g}"
    if made.timeouts:
        return False, "the pool gave up some of the checkouts: it is too small for its timeout"
    if made.answered < made.sent:
        return False, "some requests failed for another reason than the pool; send them again"
    if made.size < made.least:
        return (
            False,
            "nobody was refused this time, but the size alone is too small; add overflow=0",
        )
    if made.size > made.least:
        return False, "the pool refused nobody, and a smaller one would not either"
    return True, "the pool gave up no checkout, and one connection fewer would be too few"


CHECKS = {"smallest_pool": smallest_pool}
