"""The values that the server stage hands out, and what the sizes of its data mean."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLES = ("owner", "app", "observer")
DATABASE = "lab"


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows the sample blog holds; its table of sessions begins empty."""

    name: str
    users: int
    posts: int
    comments: int
    tags: int


SIZES = {
    "small": Size("small", 100, 1_000, 5_000, 20),
    "medium": Size("medium", 1_000, 50_000, 200_000, 50),
    "large": Size("large", 10_000, 500_000, 2_000_000, 100),
}


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL that carries the lab's mark, and how to get in.

    The DSNs hold no password: they name the passfile. *app_slots* is how many connections the application's role can
    really have: max_connections without those kept for superusers and for the observer.
    """

    kind: str  # embedded: started by the lab; attached: named by LAB_DSN; composed: named by LAB_SERVER
    owner_dsn: str
    app_dsn: str
    observer_dsn: str
    host: str
    port: int
    version_num: int  # such as 180006
    version: str  # such as 18.6
    pid: int | None  # the postmaster; None where it is not the lab's child
    data_dir: Path | None
    max_connections: int
    app_slots: int
    size: str
    keys: dict[str, int] = field(default_factory=dict)  # post, user: keys run from 1 to this
    notes: tuple[str, ...] = ()
    limits: dict[str, float | int | None] = field(default_factory=dict)  # composed: cpus, memory_bytes of its container

    @property
    def major(self) -> int:
        """The major version, 13 to 18."""
        return self.version_num // 10000


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is there, without starting or changing anything.

    *state* is ``running``, ``stopped``, ``missing`` (nothing was made yet), ``foreign`` (what is there cannot be used
    as it is; *note* says why) or ``unreachable`` (attached or composed, and does not answer).
    """

    state: str
    kind: str
    version: str = ""
    host: str = "127.0.0.1"
    port: int | None = None
    pid: int | None = None
    data_dir: Path | None = None
    size: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``lab doctor``."""

    name: str
    ok: bool
    text: str


Facts = dict[str, Any]
