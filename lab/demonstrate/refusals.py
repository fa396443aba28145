"""The three ways in which PostgreSQL refuses a connection for want of room, each provoked for real.

All of it happens on a private server (:mod:`lab.server.private`) with few connections: nobody else is kept out,
and it takes a second. The words of the messages are the server's own and differ between versions: of the first one the
part up to "slots" is the same from 13 to 18.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psycopg2

from lab import app
from lab.demonstrate.bench import Bench
from lab.demonstrate.crowd import Crowd, crowd
from lab.demonstrate.together import Together
from lab.errors import AppError
from lab.plan import PoolConfig
from lab.process import wait_until
from lab.server import data
from lab.server.build import APP, OBSERVER, OWNER
from lab.server.private import SCRAM, Private, private
from lab.server.values import SIZES

LIMITED, MOST = "lab_limited", 2
RESERVED_WORDS, FULL_WORDS, LIMIT_WORDS = (
    "remaining connection slots are reserved",
    "too many clients already",
    "too many connections for role",
)
_RESERVED = 2  # for roles that may use reserved connections; PostgreSQL 16 and later


@dataclass(frozen=True, slots=True)
class Refusal:
    """How many connections a role got, and what it was told about the next one."""

    role: str
    held: int
    message: str


@dataclass(frozen=True, slots=True)
class Overfull:
    """An app whose pool is larger than what the server leaves it, with as many requests at once as the pool's size."""

    asked: int
    answered: int
    status: int  # of one more request, while the server is full
    detail: str  # and its text: what the app's user reads
    refusal: Refusal  # what the driver says at that moment
    others_in: tuple[str, ...]  # who got in at that moment


@dataclass(frozen=True, slots=True)
class Refusals:
    """Everything that was provoked on one server."""

    max_connections: int
    kept_back: int  # superuser_reserved_connections and reserved_connections
    overfull: Overfull
    limited: Refusal  # a role with a CONNECTION LIMIT
    full: Refusal  # a superuser, on a server without a free slot

    @property
    def slots(self) -> int:
        """What arithmetic leaves to an ordinary role."""
        return self.max_connections - self.kept_back


def provoked(bench: Bench, max_connections: int = 20, ordinary: str = APP) -> Refusals:
    """Fill a private server in three ways; *ordinary* is the role as which the app connects."""
    bench.say(f"a private server with max_connections {max_connections}")
    settings = {"max_connections": str(max_connections), "superuser_reserved_connections": "3"}
    with private(bench.config, roles=dict.fromkeys((APP, OBSERVER, LIMITED), SCRAM), settings=settings) as small:
        if small.major >= 16:  # its programs are this machine's; the lab's server may be another version elsewhere
            small.restart(reserved_connections=str(_RESERVED))
        kept_back = _prepared(small)
        overfull = _overfull(bench, small, max_connections, ordinary)
        return Refusals(max_connections, kept_back, overfull, _until_refused(small, LIMITED), _full(small))


def _prepared(small: Private) -> int:
    """Give the roles their rights and the database the lab's mark, so that the app accepts it."""
    with small.owner() as connection:
        data.run(connection, "mark_table")
        data.write_mark(connection, SIZES["small"], "private")
        data.run(connection, "grant_app", app=data.role(APP))
        reserve = "reserve_slot" if small.major >= 16 else "reserve_superuser_slot"
        data.run(connection, reserve, observer=data.role(OBSERVER))
        data.run(connection, "limit_role", limited=data.role(LIMITED), most=MOST)
        _, _, _, for_superusers, reserved, _ = data.run(connection, "limits")[0]
        return int(for_superusers + reserved)


def _overfull(bench: Bench, small: Private, users: int, role: str) -> Overfull:
    pool = PoolConfig(size=users, overflow=0)
    log = bench.folder / "lesson-app.log"
    web = app.start(small.dsn(role), pool, port=0, name="lab-app-overfull", log=log)
    try:
        with _held(web, users) as seen:
            refusal = _until_refused(small, APP)
            others = tuple(name for name in (OBSERVER, OWNER) if _gets_in(small, name))
            status, detail = _ask(web)
        return Overfull(users, seen[0].done, status, detail, refusal, others)
    finally:
        web.stop()


@contextmanager
def _held(web: app.App, users: int) -> Iterator[list[Crowd]]:
    """Have as many requests hold a connection as can get one; the list holds what became of them, after the body."""
    seen: list[Crowd] = []
    path = "/patterns/inside?ms=1500"
    asking = Together([lambda: seen.append(crowd(web.url, path, users, each=1))])
    asking.start()
    try:
        if not wait_until(lambda: _settled(web, users) or not asking.alive(), timeout_s=20):
            raise AppError(f"{users} requests did not all get or miss a connection within 20 s; try again")
        if not asking.alive():
            asking.check()
        yield seen
    finally:
        asking.wait()
    asking.check()


def _settled(web: app.App, users: int) -> bool:
    meters = [gauge["meter"] for gauge in web.gauges()]
    return bool(sum(meter["held_now"] + meter["failed"] for meter in meters) >= users)


def _ask(web: app.App) -> tuple[int, str]:
    with closing(HTTPConnection(urlsplit(web.url).netloc, timeout=30)) as connection:
        connection.request("GET", "/patterns/inside?ms=1")
        response = connection.getresponse()
        return response.status, str(json.loads(response.read()).get("detail", ""))


def _gets_in(small: Private, role: str) -> bool:
    with suppress(psycopg2.OperationalError), closing(psycopg2.connect(small.dsn(role))):
        return True
    return False


def _full(small: Private) -> Refusal:
    """Have a superuser take every slot: then nobody gets in, not even somebody who could mend it."""
    return _until_refused(small, OWNER)


def _until_refused(small: Private, role: str) -> Refusal:
    """Open connections until the server refuses one, and close them all."""
    held: list[psycopg2.extensions.connection] = []
    try:
        while True:
            held.append(psycopg2.connect(small.dsn(role)))
    except psycopg2.OperationalError as error:
        return Refusal(role, len(held), " ".join(str(error).partition("FATAL:")[2].split()))
    finally:
        for connection in held:
            connection.close()
