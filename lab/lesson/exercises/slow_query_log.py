"""Exercises of 10_slow_query_log."""

from lab.demonstrate.slow_log import Sampled

_LEAST, _MOST = 0.15, 0.35  # around the quarter that is asked for, at chance's distance


def sampled_log(done: object) -> tuple[bool, str]:
    """Is all that was slow in the log, and about a quarter of the rest?"""
    if not isinstance(done, Sampled):
        return False, "there is nothing to look at yet; give sampled() a rate and a threshold"
    mixture = done.mixture
    if mixture.slow_logged < len(mixture.slow_ms):
        return False, "statements of 150 ms are missing in the log; what is below the threshold is left to chance"
    if mixture.short_logged_share > _MOST:
        return False, "more of the short statements is in the log than was asked for"
    if mixture.short_logged_share < _LEAST:
        return False, "fewer of the short statements are in the log than were asked for"
    return True, "everything slow is in the log, and about a quarter of the rest"


CHECKS = {"sampled_log": sampled_log}
