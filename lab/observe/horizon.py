"""Who holds the horizon: asked of the server, with a word on whom the role may not look at.

A session counts by its transaction's number or its snapshot, whichever is older: a READ COMMITTED transaction that has
written and is idle has the first and not the second. The number of a session of another database does not count, its
snapshot neither. A prepared transaction has no session, a slot needs none.
"""

from psycopg2.extensions import connection as Connection

from lab import sql
from lab.record.horizon import Holder, Holders


def holders(connection: Connection) -> Holders:
    """Return all holders of the server, the oldest first; the asking session is none of them.

    :param connection: to any database, in autocommit; what other roles' sessions do is told to ``pg_monitor``.
    :raises psycopg2.Error: if the server does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.load("observe/horizon"))
        names = [column.name for column in cursor.description or ()]
        found = tuple(Holder(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())
        cursor.execute(sql.load("observe/horizon_unseen"))
        (unseen,) = cursor.fetchone() or (0,)
    return Holders(found, unseen)
