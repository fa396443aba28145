"""What a question's file may say: its keys, each with its kind and its limits."""

import json
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from lab.plan import JOURNEYS


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a question may say: its kind, its unit, and its limits."""

    name: str
    kind: type
    help: str
    low: float = 0
    high: float = float("inf")
    choices: tuple[str, ...] = ()

    def checked(self, value: Any) -> Any:
        """Return the value.

        :raises ValueError: saying what is allowed.
        """
        numbers = (int, float) if self.kind is float else (self.kind,)
        if isinstance(value, bool) or not isinstance(value, numbers):
            raise ValueError(f"{shown(value)}, which is no {_WORDS[self.kind]}; {self.allowed}")
        known = not self.choices or value in self.choices
        if not known or (isinstance(value, int | float) and not self.low <= value <= self.high):
            raise ValueError(f"{shown(value)}; {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return f"give one of {', '.join(self.choices)}"
        if self.kind is str:
            return f"give {self.help}"
        return f"give {self.low:g} to {self.high:.12g}"


_WORDS = {int: "whole number", float: "number", str: "text"}


def shown(value: Any) -> str:
    """Return a value of a TOML file much as it is written there, cut where it is long.

    >>> shown(True), shown("so"), shown([1, "x" * 100])
    ('true', '"so"', '[1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...')
    """
    text = str(value) if isinstance(value, date | time | float) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


VARIED = (
    Key("pool", str, "a pool as for lab compare, such as queue:size=5,overflow=0"),
    Key("size", int, "connections that the pool keeps", 1, 1000),
    Key("overflow", int, "connections beside them while they are needed", 0, 1000),
    Key("workers", int, "processes of the app", 1, 64),
    Key("users", int, "clients of a closed load", 1, 5000),
    Key("rate_per_s", float, "arrivals per second of an open load", 0.1, 50_000),
    Key("journey", str, "what the clients do", choices=tuple(JOURNEYS)),
)
FIXED = (
    Key("warmup_s", float, "seconds before the measured ones", 0, 3600),
    Key("measured_s", float, "measured seconds", 0.5, 86_400),
    Key("think_s", float, "pause of a closed client between two requests, s", 0, 3600),
)
OBJECTIVE = (
    Key("p50_ms", float, "median latency, ms", 0.01, 1e6),
    Key("p90_ms", float, "latency that 90 % stay under, ms", 0.01, 1e6),
    Key("p95_ms", float, "latency that 95 % stay under, ms", 0.01, 1e6),
    Key("p99_ms", float, "latency that 99 % stay under, ms", 0.01, 1e6),
    Key("failed_pct", float, "failed requests, per cent", 0, 100),
)
WHOLE = (
    Key("question", str, "what is asked, in words"),
    Key("repeats", int, "runs of each cell", 1, 100),
    Key("seed", int, "of the order in which cells are measured", 0, 2**31),
)
TABLES = ("grid", "load", "objective")
SETTINGS = "server"  # a table in grid or load: settings of PostgreSQL
STORAGE = "table"  # a table in grid or load: storage parameters of the blog's tables, by table
BLOG = ("users", "posts", "comments", "tags", "sessions")
KEPT = (  # what the lab needs to reach its server, and nobody else
    "config_file", "data_directory", "external_pid_file", "hba_file", "ident_file", "listen_addresses",
    "password_encryption", "port", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
)  # fmt: skip
