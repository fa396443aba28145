"""Exercises of 00_start_here."""

from lab.lesson.desk import at, views


def bumped(_: object) -> tuple[bool, str]:
    """Has the server counted a view since the lesson began?"""
    if views(at().where) > at().views_before:
        return True, "the server has counted a view of post 7 since this lesson began"
    return False, "the server has counted no view of post 7 since this lesson began; ask POST /posts/7/bump"


CHECKS = {"first_request": bumped}
