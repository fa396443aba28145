"""A DSN as people write it, read without repeating it: libpq's own errors quote the text, password and all."""

import re

import psycopg2
from psycopg2.extensions import parse_dsn

_SCHEMES = ("postgresql", "postgres")
_PASSWORD = re.compile(r"://[^/@]*:.*@|password\s*=", re.DOTALL)
_HOW = (
    "write postgresql://USER@HOST:PORT/DATABASE or 'host=HOST port=PORT user=USER dbname=DATABASE'; "
    "in a URI the signs @, / and space of a name or password are written %40, %2F and %20"
)


def parse(dsn: str) -> dict[str, str]:
    """Return the parameters of libpq's URI or key words.

    :raises ValueError: saying what is wrong and how a DSN looks, without a part of *dsn*.

    >>> parse("postgresql://me@db:5432/blog")["host"]
    'db'
    >>> parse("postgresql://me:s3c/ret@db/blog")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: a / or @ stands where none can be; write ...
    """
    scheme, is_uri, rest = dsn.partition("://")
    if is_uri and re.fullmatch(r"\w[\w+.-]*", scheme) and scheme not in _SCHEMES:
        raise ValueError(f"its scheme is neither postgresql:// nor postgres://; {_HOW}")
    try:
        parts = dict(parse_dsn(dsn))
    except psycopg2.Error:
        kind = "it is a URI that libpq cannot read" if is_uri else "it is neither a URI nor name=value pairs"
        raise ValueError(f"{kind}; {_HOW}") from None
    # libpq takes the rest of a password that is cut short for a host, a port or a database, and quotes it later
    if scheme in _SCHEMES and is_uri and "@" in _behind_user(rest).partition("?")[0]:
        raise ValueError(f"a / or @ stands where none can be; {_HOW}")
    if not all(port.isascii() and (port.isdigit() or not port) for port in parts.get("port", "").split(",")):
        raise ValueError(f"its port is no number; {_HOW}")
    return parts


def shows_password(dsn: str) -> bool:
    """Whether a text that need not be a DSN seems to hold a password.

    >>> shows_password("mysql://me:secret@db/blog"), shows_password("postgresql://me@db:5432/blog")
    (True, False)
    """
    return _PASSWORD.search(dsn) is not None


def _behind_user(rest: str) -> str:
    """Return what follows the user and password of a URI, as libpq finds them: up to the first @ that is before a /."""
    user = re.match(r"[^@/]*@", rest)
    return rest[user.end() :] if user else rest
