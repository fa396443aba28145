"""Exercises of 04_sizing_the_pool."""

from lab.demonstrate.pool_size import Wave


def smallest_pool(made: object) -> tuple[bool, str]:
    """Did the pool give up no checkout, and would a smaller one have?"""
    if not isinstance(made, Wave):
        return False, "no requests were sent yet; write a pool in place of the dots"
    if made.timeouts:
        return False, "the pool gave up some of the checkouts: it is too small for its timeout"
    if made.size > made.least:
        return False, "the pool refused nobody, and a smaller one would not either"
    return True, "the pool gave up no checkout, and one connection fewer would be too few"


CHECKS = {"smallest_pool": smallest_pool}
