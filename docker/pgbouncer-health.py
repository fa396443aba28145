"""Healthy means: PgBouncer answers on its own console. The server behind it has a check of its own."""

from pathlib import Path

import psycopg2

password = Path("/run/secrets/lab_app").read_text().strip()
connection = psycopg2.connect(
    host="127.0.0.1", port=6432, dbname="pgbouncer", user="lab_app", password=password, connect_timeout=3
)
connection.autocommit = True  # the console knows no transactions
connection.cursor().execute("SHOW VERSION")
connection.close()
