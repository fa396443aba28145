"""Exercises of 03_pool_settings."""

from collections.abc import Mapping
from types import EllipsisType
from typing import Any

from sqlalchemy.exc import ArgumentError, DBAPIError

from lab.demonstrate import lifetime
from lab.demonstrate.lifetime import Night
from lab.lesson.desk import bench

_FEW = 2  # backends that one user at a time needs, and one to spare


def shrink(settings: object) -> tuple[bool, str]:
    """Does a pool with these settings give connections back to the server, and serve all again?"""
    if not isinstance(settings, Mapping) or _unfinished(settings):
        return False, "write settings in place of the dots"
    try:
        return judged(lifetime.night(bench(), **settings))
    except (ArgumentError, DBAPIError, TypeError) as error:
        return False, f"no engine works with these settings: {str(error).splitlines()[0]}"


def judged(night: Night) -> tuple[bool, str]:
    """Say what the server showed after the quiet time, and whether the burst was served."""
    if night.left > _FEW:
        return False, f"after the quiet time the server still has {night.left} of {night.warm} backends"
    if night.failed:
        return False, f"the pool shrank, but {night.failed} of {night.warm} requests failed when all were wanted again"
    return True, "the server ended what was idle, and every request was served when all were wanted again"


def _unfinished(settings: Mapping[str, Any]) -> bool:
    flat = [*settings.values(), *(settings.get("connect_args") or {}).values()]
    return any(isinstance(value, EllipsisType) or value == "..." for value in flat)


CHECKS = {"shrink": shrink}
