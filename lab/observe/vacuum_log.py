"""The messages about autovacuum in a server's log: of any form, packed or not, whole or damaged.

A log has its times in the server's ``log_timezone`` and names the zone by an abbreviation, such as CET. Which moment
that is can be told only from the setting itself: IST is India's, Israel's or Ireland's. A last entry that is still
being written is read as far as it goes.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection

from lab import sql
from lab.record.log_message import LogMessage
from lab.slowlog import entries

_BEGINS = ("automatic vacuum ", "automatic aggressive vacuum ", "automatic analyze ")
# before it may stand what a crash left of another time
_TIME = re.compile(r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?P<zone>[A-Za-z]+|[+-]\d\d(?::?\d\d)?)$")
_EPOCH = re.compile(r"\d{10}\.\d{3}")
_UTC = ("UTC", "GMT", "Z")
_AS_UTC = (*_UTC, "UCT", "Zulu", "Etc/UTC", "Etc/GMT", "Etc/UCT", "Etc/Zulu")  # known without a table of zones


def messages(files: Sequence[Path], zone: tzinfo | None = UTC) -> Iterator[LogMessage]:
    """Give what the files of a log say about autovacuum.

    :param zone: the server's ``log_timezone``; None if it is not known: then only times with an offset are known.
    :raises LogError: if a file cannot be read.
    :raises UsageError: if a file is named twice.
    """
    for one in entries(files, begins=_BEGINS):
        yield LogMessage(one.message, moment(one.time, zone), one.pid)


def log_timezone(connection: Connection) -> str:
    """Return the name of the zone in which the server writes its log."""
    with connection.cursor() as cursor:
        cursor.execute(sql.load("observe/log_timezone"))
        name: str = cursor.fetchone()[0]  # type: ignore[index]
    return name


def zone(name: str) -> tzinfo | None:
    """Return the zone of this name; None if this machine does not know it, as one in the notation of POSIX.

    >>> zone("Etc/UTC"), zone("Europe/Berlin"), zone("UTC+3")
    (datetime.timezone.utc, zoneinfo.ZoneInfo(key='Europe/Berlin'), None)
    """
    if name in _AS_UTC:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def moment(text: str, zone: tzinfo | None = UTC) -> datetime | None:
    """Read a time of a log; None if it is none, or if its zone is not known.

    >>> moment("2026-11-23 00:51:28.040 UTC").isoformat(), moment("2026-11-23 00:51:28 CET")
    ('2026-11-23T00:51:28.040000+00:00', None)
    >>> moment("2026-11-23 00:51:28 CET", ZoneInfo("Europe/Berlin")).isoformat()
    '2026-11-22T23:51:28+00:00'
    """
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(text), UTC)
    found = _TIME.search(text)
    if found is None:
        return None
    try:
        if found["zone"][0] in "+-":
            return datetime.fromisoformat(found["stamp"] + found["zone"]).astimezone(UTC)
        return _named(datetime.fromisoformat(found["stamp"]), found["zone"], zone)
    except (ValueError, OverflowError):
        return None


def _named(local: datetime, name: str, zone: tzinfo | None) -> datetime | None:
    """Return the moment that *zone* calls so; when clocks are set back an hour comes twice, under two names."""
    if zone is None:
        return None
    for fold in (0, 1):
        here = local.replace(tzinfo=zone, fold=fold)
        if here.tzname() == name:
            return here.astimezone(UTC)
    return local.replace(tzinfo=UTC) if name in _UTC else None  # the setting was another one then
