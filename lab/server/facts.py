"""What a run's manifest says about the server: its version, its settings, never a password or a path."""

from lab.server import data
from lab.server.values import Facts


def non_default_settings(dsn: str) -> dict[str, str]:
    """Return the settings that differ from PostgreSQL's defaults, by name, as ``SHOW`` writes them.

    :raises ServerError: if the server cannot be reached.
    """
    with data.connect(dsn) as conn:
        return dict(data.run(conn, "settings"))


def server_facts(dsn: str) -> Facts:
    """Return version, encoding, durability and size of the database that *dsn* names; sizes in bytes.

    :raises ServerError: if the server cannot be reached.
    """
    with data.connect(dsn) as conn, conn.cursor() as cursor:
        cursor.execute(data.text("facts"))
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))
