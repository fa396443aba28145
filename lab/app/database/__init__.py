"""The app's way to its database: the same SQL over a pool, over no pool, and over the bare driver.

A route opens a session, runs questions of ``lab/sql/app/`` by name and closes the session::

    with session() as db:
        rows = db.run("post", post=1)

Behind it stands what the pool's kind says. The questions are the same, so the variants of a comparison differ in how
they come by their connections, and where the driver is another one, in how that one speaks to the server.

``queries``       what a route may ask, and a pool must tell      ``dsn``           the DSN, for each driver
``driver``        connect                                         ``engine``        null, queue, pgbouncer
``psycopg_pool``  psycopg_pool                                    ``asynchronous``  async
"""

from lab.app.database.driver import DriverDatabase, to_driver
from lab.app.database.dsn import check_mark, parameters
from lab.app.database.engine import EngineDatabase, engine_options
from lab.app.database.queries import (
    AsyncDatabase,
    AsyncQueries,
    Database,
    Queries,
    Row,
    async_session_of,
    session_of,
)
from lab.app.timing import Meter
from lab.plan import PoolConfig

__all__ = [
    "AsyncDatabase", "AsyncQueries", "Database", "Meter", "Queries", "Row", "async_session_of", "check_mark",
    "create_database", "engine_options", "parameters", "session_of", "to_driver",
]  # fmt: skip


def create_database(dsn: str, pool: PoolConfig, name: str) -> Database | AsyncDatabase:
    """Return the app's database; nothing is connected yet. *name* becomes its application_name.

    :raises SettingError: if the DSN cannot be read.
    """
    # two kinds have drivers of their own, and are imported only where they are wanted
    if pool.kind == "async":
        from lab.app.database.asynchronous import AsyncEngineDatabase

        return AsyncEngineDatabase(dsn, pool, name)
    if pool.kind == "psycopg_pool":
        from lab.app.database.psycopg_pool import PsycopgPoolDatabase

        return PsycopgPoolDatabase(dsn, pool, name)
    return (DriverDatabase if pool.kind == "connect" else EngineDatabase)(dsn, pool, name)
