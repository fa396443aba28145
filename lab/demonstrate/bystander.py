"""Somebody who has nothing to do with the load, and asks for one row by its key at fixed times.

A process of its own, on a connection of its own: what it waits for is the server, and not the threads that make the
load. Each time is taken from the moment at which the question was due, so what waits behind a slow answer has waited
too. The child imports nothing of the lab, and ends when its standard input is closed, also with its parent.
"""

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

EVERY_S = 0.02
_PATIENCE_S = 20.0  # for its first answer, and for its last
_FILE = Path(__file__).resolve()


@dataclass(slots=True)
class Bystander:
    """What it waited, milliseconds; known after the body of :func:`bystander`."""

    times_ms: list[float] = field(default_factory=list)


@contextmanager
def bystander(dsn: str, statement: str, every_s: float = EVERY_S) -> Iterator[Bystander]:
    """Have *statement* asked every *every_s* while the body runs. *dsn* carries a passfile and no password.

    :raises ServerError: if it cannot be asked at all, or its asking ended early or did not end.
    """
    from lab.errors import ServerError  # the child runs this file alone

    seen = Bystander()
    child = subprocess.Popen(
        [sys.executable, "-I", str(_FILE), dsn, statement, str(every_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdin and child.stdout
    try:
        # it says when it is connected
        if not select.select([child.stdout], [], [], _PATIENCE_S)[0] or not child.stdout.readline():
            why = _ended(child)[1]
            raise ServerError(
                f"the bystander could not ask its question ({why}); see that the server takes connections"
            )
        yield seen
    except BaseException:
        _ended(child)
        raise
    answer, why = _ended(child)
    if why or not (times_ms := json.loads(answer)):
        raise ServerError(f"the bystander stopped asking ({why or 'it was never asked'}); try again")
    seen.times_ms.extend(times_ms)


def _ended(child: "subprocess.Popen[str]") -> tuple[str, str]:
    """Have the child end; return what it said, and why it failed: empty if it did not."""
    if child.returncode is not None:
        return "", ""
    try:
        answer, said = child.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return "", f"no end within {_PATIENCE_S:g} s"
    lines = said.strip().splitlines() or [f"it ended with code {child.returncode}"]
    return answer, lines[-1] if child.returncode else ""


def _ask(dsn: str, statement: str, every_s: float) -> list[float]:
    connection = psycopg2.connect(dsn, application_name="lab-admin-bystander")
    connection.autocommit = True
    times_ms: list[float] = []
    with connection.cursor() as cursor:
        cursor.execute(statement)  # reads the catalogs
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        due = time.monotonic()
        while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            cursor.execute(statement)
            cursor.fetchall()
            times_ms.append(1000 * (time.monotonic() - due))
            due += every_s
    connection.close()
    return times_ms


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(_ask(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
    except psycopg2.Error as error:
        sys.exit((str(error).splitlines() or ["no reason given"])[0])
