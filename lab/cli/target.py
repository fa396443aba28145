"""Which server a command looks at: the one that ``--dsn`` names, the lab's in its containers, or the lab's own.

Every command that looks at a server asks here. After ``lab up --compose`` the lab's server can be reached in its
containers only, so the lab in there does what was asked, and its output is passed on.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from lab import config as settings
from lab import conninfo
from lab.cli.watch import ERRORS
from lab.compose.stack import Stack
from lab.errors import ObserverError, UsageError

_SECRET = frozenset({"password", "sslpassword", "oauth_client_secret"})


def taken(context: typer.Context, dsn: str) -> str:
    """Return a DSN without its password, which goes to this process's environment, where other accounts can't read it.

    That it stood in the process list cannot be undone, and is said.

    :raises UsageError: if it was given and is empty, or none; the message repeats nothing of it.
    """
    from psycopg2.extensions import make_dsn

    if not dsn.strip():
        source = context.get_parameter_source("dsn")
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError("--dsn is empty; is the variable set that it is taken from?")
        return ""
    try:
        parts = conninfo.parse(dsn)
    except ValueError as error:
        if conninfo.shows_password(dsn):
            _say_password()
        raise UsageError(f"--dsn: the DSN cannot be read: {error}") from None
    if "password" not in parts:
        return dsn
    os.environ["PGPASSWORD"] = parts.pop("password")
    _say_password()
    return str(make_dsn(**parts))


def _say_password() -> None:
    ERRORS.print(
        "note: the password in --dsn stands in the process list meanwhile; PGPASSWORD, a passfile or a service keeps "
        "it out",
        markup=False,
        soft_wrap=True,
    )


DSN = Annotated[
    str,
    typer.Option(
        "--dsn",
        callback=taken,
        help="Another server than the lab's; its password better in PGPASSWORD, a passfile or a service. "
        "To look, pg_monitor suffices.",
    ),
]


def passed_on(dsn: str, command: str, *arguments: str | bool) -> bool:
    """Have the lab in the containers do it, if that is the one in use and *dsn* names no other server.

    :param arguments: its words; True stands for ``--json``, False for nothing.
    :raises UsageError: if *dsn* is none.
    """
    _check(dsn)
    if dsn or not in_containers():
        return False
    words = ["--json" if word is True else word for word in arguments if word is not False]
    sys.stdout.write(Stack(settings.read().home).lab(command, *words))
    return True


def again(dsn: str) -> str:
    """Return the option as it was given, but for secrets, for a command that is proposed; nothing if it was not given.

    >>> again("service=shop"), again("host=db user=me"), again("")
    (' --dsn service=shop', " --dsn 'host=db user=me'", '')
    """
    from psycopg2.extensions import make_dsn, parse_dsn

    if not dsn:
        return ""
    parts = parse_dsn(dsn)
    open_parts = {name: part for name, part in parts.items() if name not in _SECRET}
    return f" --dsn {shlex.quote(dsn if open_parts == parts else make_dsn(**open_parts))}"


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
