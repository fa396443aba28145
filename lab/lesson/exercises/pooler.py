"""Exercises of 06_external_pooler."""

from lab.analyse.summary import VariantSummary

SIZE = 5  # of PgBouncer, as in the rest of the lesson


def pool_before_pooler(done: object) -> tuple[bool, str]:
    """Did the application keep its connections to PgBouncer, with no more behind it than before?"""
    if not isinstance(done, VariantSummary):
        return False, "there is no load yet; give one_load a variant in place of the dots"
    if done.pool["kind"] != "pgbouncer" or done.pool["size"] != SIZE:
        return False, "the load did not go through a PgBouncer of five; change one thing at a time"
    logins, requests = done.logins, done.done
    if logins is None or logins > requests / 10:
        return False, "the application still logs in to PgBouncer again and again; client= gives it a pool"
    if done.sessions_opened is not None and done.sessions_opened > SIZE:
        return False, "the server saw more sessions than PgBouncer may open; were others connected?"
    return True, "the application keeps its connections to PgBouncer, and the server saw no more sessions than before"


CHECKS = {"pool_before_pooler": pool_before_pooler}
