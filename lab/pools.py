"""The app's way to its connections, as a value: a kind, and its parameters.

A pool is written as people write it on the command line: a kind, and after a colon its parameters.

>>> PoolConfig.parse("queue:size=5,overflow=0,pre_ping=true").ceiling
5
>>> PoolConfig.parse("null").spec
'null'
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from lab.errors import VariantError

THREADS = 40  # AnyIO's limiter, for each worker: in these threads FastAPI runs what is not async

_QUEUE = ("size", "overflow", "timeout", "recycle", "pre_ping", "lifo", "reset", "echo")
PARAMETERS: Mapping[str, tuple[str, ...]] = {  # kind -> the parameters that it has
    "connect": ("threads",),
    "null": ("threads",),
    "queue": (*_QUEUE, "threads"),
    "async": (*_QUEUE, "driver"),
    "psycopg_pool": ("size", "min", "timeout", "threads"),
    "pgbouncer": ("size", "client", "timeout", "mode", "threads"),
}
KINDS = tuple(PARAMETERS)
_WITH_OVERFLOW = ("queue", "async")


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """How the app gets its connections.

    ``connect`` calls the driver for each request, ``null`` is SQLAlchemy's NullPool, ``queue`` its QueuePool,
    ``async`` an async engine with the pool that SQLAlchemy gives it, ``psycopg_pool`` that package's pool below a
    NullPool, ``pgbouncer`` a PgBouncer between the app and the server. Which parameters a kind has says
    :data:`PARAMETERS`; the others mean nothing to it.
    """

    kind: str = "queue"
    size: int = 5  # connections kept when idle, 0 keeps any number; psycopg_pool and pgbouncer: the most there are
    overflow: int = 10  # more than size, while busy; -1 is without limit
    timeout_s: float = 30.0  # how long a checkout waits before TimeoutError; pgbouncer: of its client's pool
    recycle_s: float = -1.0  # age at which the next checkout replaces a connection; -1 never
    pre_ping: bool = False  # one round trip at checkout, to notice a dead connection
    use_lifo: bool = False  # the connection that came back last goes out first
    reset_on_return: str = "rollback"  # rollback, commit or none
    echo_pool: bool = False  # log what the pool does
    threads: int = THREADS  # of each worker, for handlers that are not async
    driver: str = "asyncpg"  # of an async engine: asyncpg or psycopg
    min_size: int = -1  # of psycopg_pool: connections opened at once and kept; -1: as many as size
    client_size: int = 0  # before PgBouncer: a QueuePool of so many in each worker; 0: NullPool
    mode: str = "transaction"  # of PgBouncer: transaction or session
    workers: int = 1  # processes of the app, each with a pool of its own

    @classmethod
    def parse(cls, text: str, workers: int = 1, defaults: Mapping[str, Any] | None = None) -> "PoolConfig":
        """Read a specification such as ``queue:size=5,overflow=0``; *defaults* stand for what it leaves out.

        :raises VariantError: naming the word that is wrong and what is allowed.
        """
        kind, colon, rest = text.strip().partition(":")
        if kind not in KINDS:
            raise VariantError(f"variant {text!r}: {kind!r} is no kind of pool; use {', '.join(KINDS)}")
        allowed = PARAMETERS[kind]
        values = {name: value for name, value in (defaults or {}).items() if name in allowed}
        given: set[str] = set()
        for pair in rest.split(",") if colon else ():
            name, separator, raw = (part.strip() for part in pair.partition("="))
            if separator and name in set().union(*PARAMETERS.values()) and name not in allowed:
                raise VariantError(f"variant {text!r}: {kind} has no {name}; it has {', '.join(allowed)}")
            if name not in allowed or not separator:
                raise VariantError(f"variant {text!r}: {pair!r} is none of {', '.join(allowed)} with a value")
            if name in given:
                raise VariantError(f"variant {text!r}: {name} is given twice; give it once")
            given.add(name)
            attribute, read = _ATTRIBUTES[name]
            values[attribute] = read(f"variant {text!r}: {name}", raw)
        return cls(kind=kind, workers=workers, **values).checked(text)

    def checked(self, text: str) -> "PoolConfig":
        """Return self if the numbers make sense together.

        :raises VariantError: naming *text* and the number that does not.
        """
        if self.size < 0 or self.overflow < -1:
            raise VariantError(f"variant {text!r}: size is 0 or more and overflow -1 or more")
        if self.timeout_s < 0 or self.recycle_s < -1:
            raise VariantError(f"variant {text!r}: timeout is 0 s or more and recycle -1 (never) or more")
        if not 1 <= self.workers <= 64:
            raise VariantError(f"workers is {self.workers}; give 1 to 64")
        if not 1 <= self.threads <= 1000:
            raise VariantError(f"variant {text!r}: threads is {self.threads}; give 1 to 1000")
        if self.kind in _WITH_OVERFLOW and self.size == 0 and self.overflow != -1:
            raise VariantError(
                f"variant {text!r}: size=0 means no limit in QueuePool, and overflow is then ignored; "
                "write overflow=-1 beside it, or null for no pool"
            )
        if self.kind in ("psycopg_pool", "pgbouncer") and self.size < 1:
            raise VariantError(f"variant {text!r}: size is {self.size}; give {self.kind} at least 1")
        if not -1 <= self.min_size <= self.size:
            raise VariantError(f"variant {text!r}: min is {self.min_size}; give 0 to size ({self.size}), -1 for size")
        if self.client_size < 0:
            raise VariantError(f"variant {text!r}: client is {self.client_size}; give a pool's size, 0 for none")
        return self

    @property
    def spec(self) -> str:
        """The shortest text that :meth:`parse` reads back as this pool (workers apart)."""
        parts = []
        for name in PARAMETERS[self.kind]:
            attribute = _ATTRIBUTES[name][0]
            current = getattr(self, attribute)
            # both or none: `lab compare` puts its own defaults in place of what is left out
            of_size = name in ("size", "overflow") and self.kind in _WITH_OVERFLOW
            if current != _DEFAULTS[attribute] or (of_size and not self._of_default_size):
                parts.append(f"{name}={_write(current)}")
        return self.kind + (":" + ",".join(parts) if parts else "")

    @property
    def _of_default_size(self) -> bool:
        return (self.size, self.overflow) == (_DEFAULTS["size"], _DEFAULTS["overflow"])

    @property
    def capacity(self) -> int | None:
        """The most connections that one worker can have out at once; None where nothing limits them."""
        if self.kind in _WITH_OVERFLOW:
            return None if self.overflow == -1 else self.size + self.overflow
        return self.size if self.kind == "psycopg_pool" else self.client_size or None

    @property
    def needs_pooler(self) -> bool:
        """Whether the app reaches the server through a PgBouncer."""
        return self.kind == "pgbouncer"

    @property
    def ceiling(self) -> int | None:
        """The most connections that all workers together can hold in the server; None where nothing limits them."""
        if self.kind == "pgbouncer":  # one for all workers
            return self.size
        return None if self.capacity is None else self.workers * self.capacity

    def checked_direct(self, text: str) -> "PoolConfig":
        """Return self if an app that stands, with no PgBouncer before its server, can have this pool.

        :raises VariantError: if it needs one.
        """
        if self.needs_pooler:
            raise VariantError(
                f"variant {text!r}: only lab compare starts a PgBouncer, one for each run; "
                f"give an app that stands one of {', '.join(kind for kind in KINDS if kind != self.kind)}"
            )
        return self

    def checked_for(self, slots: int, max_connections: int, text: str) -> "PoolConfig":
        """Return self if a server that gives the app *slots* connections can hold the pool.

        :raises VariantError: if the pool's ceiling is over that.
        """
        if self.ceiling is not None and self.ceiling > slots:
            what, each = f"size {self.size}", slots
            if self.kind != "pgbouncer":
                each = slots // self.workers
                more = f"(size {self.size} + overflow {self.overflow})" if self.kind in _WITH_OVERFLOW else what
                what = f"workers {self.workers} x {more}"
            cure = "size + overflow" if self.kind in _WITH_OVERFLOW else "size"
            raise VariantError(
                f"variant {text!r} may open {self.ceiling} connections ({what}), the server gives the app {slots} "
                f"(max_connections {max_connections}); make {cure} {each} or less"
            )
        return self


def _read_int(what: str, raw: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise VariantError(f"{what} is {raw!r}; give a whole number") from None


def _read_seconds(what: str, raw: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise VariantError(f"{what} is {raw!r}; give seconds")
    return value


def _read_bool(what: str, raw: str) -> bool:
    if raw.lower() not in ("true", "false"):
        raise VariantError(f"{what} is {raw!r}; give true or false")
    return raw.lower() == "true"


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read(what: str, raw: str) -> str:
        if raw not in words:
            raise VariantError(f"{what} is {raw!r}; give {', '.join(words[:-1])} or {words[-1]}")
        return raw

    return read


def _write(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


_ATTRIBUTES: dict[str, tuple[str, Any]] = {
    "size": ("size", _read_int),
    "overflow": ("overflow", _read_int),
    "timeout": ("timeout_s", _read_seconds),
    "recycle": ("recycle_s", _read_seconds),
    "pre_ping": ("pre_ping", _read_bool),
    "lifo": ("use_lifo", _read_bool),
    "reset": ("reset_on_return", _one_of("rollback", "commit", "none")),
    "echo": ("echo_pool", _read_bool),
    "threads": ("threads", _read_int),
    "driver": ("driver", _one_of("asyncpg", "psycopg")),
    "min": ("min_size", _read_int),
    "client": ("client_size", _read_int),
    "mode": ("mode", _one_of("transaction", "session")),
}
_DEFAULTS = {item.name: item.default for item in fields(PoolConfig)}
