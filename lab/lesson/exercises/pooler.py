"""Exercises of 06_external_pooler."""

from lab.demonstrate.pairs import Compared


def pool_before_pooler(done: object) -> tuple[bool, str]:
    """Does the second variant keep connections to PgBouncer, with no more behind it than before?"""
    if not isinstance(done, Compared):
        return False, "there is no comparison yet; give compare a variant in place of the dots"
    first, second = (side.pool for side in done.both)
    if second["kind"] != "pgbouncer" or not second["client_size"]:
        return False, "the second variant keeps no connections to PgBouncer; client= gives the application a pool"
    if second["size"] != first["size"]:
        return False, "the second variant has another size behind PgBouncer; change one thing at a time"
    opened, runs = done.second.sessions_opened, len(done.result.runs) // 2
    if opened is not None and opened > runs * int(second["size"]):
        return False, "the server saw more sessions than PgBouncer may open; were others connected?"
    return True, "the application keeps its connections to PgBouncer, and the server saw no more sessions than before"


CHECKS = {"pool_before_pooler": pool_before_pooler}
