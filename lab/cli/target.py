"""Which server a command looks at: the one that ``--dsn`` names, the lab's in its containers, or the lab's own.

Every command that looks at a server asks here. After ``lab up --compose`` the lab's server can be reached in its
containers only, so the lab in there does what was asked, and its output is passed on.
"""

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from psycopg2.extensions import parse_dsn

from lab import config as settings
from lab.compose.stack import Stack
from lab.errors import ObserverError, UsageError

_SECRET = frozenset({"password", "sslpassword", "oauth_client_secret"})
DSN = Annotated[
    str,
    typer.Option(
        "--dsn",
        help="Another server than the lab's, without its password: a passfile, a service or PGPASSWORD has that. "
        "To look, pg_monitor suffices.",
    ),
]


def passed_on(dsn: str, command: str, *arguments: str | bool) -> bool:
    """Have the lab in the containers do it, if that is the one in use and *dsn* names no other server.

    :param arguments: its words; True stands for ``--json``, False for nothing.
    :raises UsageError: if *dsn* is none, or carries a password.
    """
    _check(dsn)
    if dsn or not in_containers():
        return False
    words = ["--json" if word is True else word for word in arguments if word is not False]
    sys.stdout.write(Stack(settings.read().home).lab(command, *words))
    return True


def again(dsn: str) -> str:
    """Return the option as it was given, for a command that is proposed; nothing if it was not given.

    >>> again("service=shop"), again("host=db user=me"), again("")
    (' --dsn service=shop', " --dsn 'host=db user=me'", '')
    """
    if not dsn:
        return ""
    secret = _SECRET & parse_dsn(dsn).keys()
    return " --dsn ..." if secret else f" --dsn {shlex.quote(dsn)}"


def flags(**given: bool) -> Iterable[str]:
    """Return the options that were given, as words.

    >>> list(flags(what_if=True, exact=False))
    ['--what-if']
    """
    return (f"--{name.replace('_', '-')}" for name, wanted in given.items() if wanted)


def in_containers() -> bool:
    """Whether the lab's server is the one in its containers."""
    return Stack(settings.read().home).stands()


def refuse_files(dsn: str, command: str, **files: object) -> None:
    """Refuse options that name files out here, where a command would be carried out in the containers.

    :raises UsageError: naming the option.
    """
    named = next((name for name, file in files.items() if file), None)
    if named and not dsn and in_containers():
        raise UsageError(
            f"--{named} names a file, and this lab is in containers, which have files of their own; "
            f"docker compose exec jupyter lab {command} --{named} ..."
        )


def dsn_of(dsn: str) -> str:
    """Return the DSN that was given, or the one of the lab's owner.

    :raises ServerError: if the lab's server does not run.
    """
    from lab import server

    return dsn or server.dsn_of(settings.read(), "owner")


@contextmanager
def lent(dsn: str, say: Callable[[str], None]) -> Iterator[str]:
    """Lend the DSN that was given, or the one of the lab's owner, whose server is started for as long if need be."""
    if dsn:
        yield dsn
        return
    from lab import server

    with server.running(settings.read(), say) as where:
        yield where.owner_dsn


def _check(dsn: str) -> None:
    from lab.observe.session import check_dsn

    if not dsn:
        return
    try:
        check_dsn(dsn)
    except ObserverError as error:
        raise UsageError(f"--dsn: {error}") from None
