"""One question to a server, on a connection of its own."""

import psycopg2


def value(dsn: str, query: str, **parameters: str) -> object:
    """Return the first value of the first row; None if there is none. Committed at once."""
    connection = psycopg2.connect(dsn, **parameters)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()
