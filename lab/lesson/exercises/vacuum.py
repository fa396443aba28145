"""Exercises of 07_dead_tuples_and_vacuum."""

from lab.demonstrate.vacuuming import Tried

SHORT = 0.6  # of the file: half of the rows are left


def shorter_file(tried: object) -> tuple[bool, str]:
    """Did a statement give the end of the file back, without a rewrite and with the table's setting as it was?"""
    if not isinstance(tried, Tried):
        return False, "there is no statement yet; write it in place of the dots"
    if tried.error:
        return False, f"the server refused it: {tried.error}"
    if tried.rows_lost:
        return False, "rows are missing; give back only what is empty"
    if not tried.setting_kept:
        return False, "the table's setting has changed; whoever made it had a reason"
    if not tried.same_file:
        return False, "the table was written anew, and nobody could read it meanwhile"
    if tried.kept > SHORT:
        return False, "the file is as long as before"
    return True, "the file is half as long, and it is the same file"


CHECKS = {"shorter_file": shorter_file}
