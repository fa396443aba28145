"""What is to be run, as values: a pool, a load, and the two together as a variant.

Pools are in :mod:`lab.pools`, and part of a variant.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from lab.errors import UsageError, VariantError
from lab.pools import KINDS, PARAMETERS, PoolConfig

__all__ = [
    "DETAILS", "HISTOGRAM_ABOVE_PER_S", "JOURNEYS", "KINDS", "MODELS", "PARAMETERS", "ROUTES", "ROUTE_BY_NAME",
    "LoadPlan", "PoolConfig", "Route", "Slot", "Variant", "journey",
]  # fmt: skip

MODELS = ("closed", "open")
DETAILS = ("auto", "requests", "histogram")
CAPACITY_S = 6.0  # measured in each run of a search for capacity
MOST_PATHS = 100  # of an application that is not the lab's
HISTOGRAM_ABOVE_PER_S = 20_000.0  # planned arrivals; there the records of single requests pass 0.8 MB each second


@dataclass(frozen=True, slots=True)
class Route:
    """One of the app's routes, as the load asks for it.

    *path* may hold ``{post}``, ``{user}`` or ``{word}``: the load puts in a key of the blog's data, by its own seed.
    """

    name: str
    method: str
    path: str
    touches_database: bool = True


ROUTES: tuple[Route, ...] = (
    Route("post", "GET", "/posts/{post}"),
    Route("posts", "GET", "/posts?limit=20&page={page}"),
    Route("create", "POST", "/posts?author={user}&title=A+new+post"),
    Route("bump", "POST", "/posts/{post}/bump"),
    Route("login", "POST", "/sessions?user={user}"),
    Route("logout", "DELETE", "/sessions/oldest?user={user}"),
    Route("search", "GET", "/search?word={word}"),
    Route("slow", "GET", "/slow?ms=100"),
    Route("error", "GET", "/error"),
    Route("health", "GET", "/health", touches_database=False),
)
ROUTE_BY_NAME = {route.name: route for route in ROUTES}

JOURNEYS: dict[str, dict[str, int]] = {
    "read": {"post": 1},
    "mixed": {"post": 60, "posts": 20, "search": 5, "bump": 8, "create": 3, "login": 2, "logout": 2},
    "churn": {"bump": 50, "login": 25, "logout": 25},
}


def journey(name: str) -> dict[str, int]:
    """Return the weights of a journey's routes.

    :raises UsageError: if there is no such journey.
    """
    if name not in JOURNEYS:
        raise UsageError(f"journey {name!r} is none of {', '.join(JOURNEYS)}")
    return JOURNEYS[name]


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What the load generator does. *users* belong to the closed model, *rate_per_s* to the open one."""

    model: str = "closed"
    users: int = 16
    think_s: float = 0.0
    rate_per_s: float = 0.0
    executors: int = 512  # the open model's limit on requests in flight; what waits for one is counted as latency
    journey: str = "read"
    weights: Mapping[str, int] = field(default_factory=lambda: dict(JOURNEYS["read"]))
    warmup_s: float = 1.0
    measured_s: float = 4.0
    drain_s: float = 35.0  # how long requests in flight at the end may take before they count as unfinished
    seed: int = 1
    processes: int = 1  # of the load generator
    joined: bool = False  # the processes come from elsewhere, rather than being started beside their leader
    detail: str = "auto"  # keep requests, or only a histogram of them; auto: by the planned rate
    paths: tuple[str, ...] = ()  # of an application that is not the lab's, to GET in turn by chance; then no weights
    locustfile: str = ""  # whose users make the load; then neither weights nor paths
    keys: Mapping[str, int] = field(default_factory=lambda: {"post": 1000, "user": 100})  # highest key of each table

    @property
    def total_s(self) -> float:
        """Warm-up and measured time together, seconds; the drain comes after."""
        return self.warmup_s + self.measured_s

    @property
    def histogram(self) -> bool:
        """Whether requests are counted, and not kept one by one."""
        if self.detail == "auto":
            return self.model == "open" and self.rate_per_s > HISTOGRAM_ABOVE_PER_S
        return self.detail == "histogram"

    def checked(self) -> "LoadPlan":
        """Return self if it can be run.

        :raises UsageError: naming the number and its limits.
        """
        limits: list[tuple[str, float, float, float]] = [
            ("warmup", self.warmup_s, 0, 3600),
            ("seconds", self.measured_s, 0.5, 86400),
            ("think time", self.think_s, 0, 3600),
            ("load processes", self.processes, 1, 64),
        ]
        if self.model not in MODELS:
            raise UsageError(f"model {self.model!r} is none of {', '.join(MODELS)}")
        if self.detail not in DETAILS:
            raise UsageError(f"detail {self.detail!r} is none of {', '.join(DETAILS)}")
        limits += (
            [("users", self.users, 1, 5000)] if self.model == "closed" else [("rate", self.rate_per_s, 0.1, 50000)]
        )
        for name, number, low, high in limits:
            if not low <= number <= high:
                raise UsageError(f"{name} is {number:.12g}; give {low:g} to {high:g}")
        if self.model == "closed" and self.processes > self.users:
            raise UsageError(f"load processes are {self.processes}, users {self.users}; give each process a user")
        if self.paths or self.locustfile:
            return self._checked_paths()
        unknown = set(self.weights) - set(ROUTE_BY_NAME)
        if unknown or not self.weights:
            raise UsageError(
                f"journey {self.journey!r}: unknown routes {sorted(unknown)}; use {', '.join(ROUTE_BY_NAME)}"
            )
        return self

    def _checked_paths(self) -> "LoadPlan":
        for path in self.paths:
            if not path.startswith("/") or any(not "!" <= char <= "~" for char in path):
                raise UsageError(f"path {path!r} cannot be asked for; begin with /, and write other characters as %20")
        if len(self.paths) > MOST_PATHS or len(set(self.paths)) < len(self.paths):
            raise UsageError(f"{len(self.paths)} paths given; give up to {MOST_PATHS}, each once")
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, for JSON."""
        return {key: value for key, value in asdict(self).items() if value or key not in ("paths", "locustfile")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LoadPlan":
        """Read back what :meth:`as_dict` gave; unknown keys of later versions are left out."""
        known = {item.name for item in fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        return cls(**kept | ({"paths": tuple(kept["paths"])} if "paths" in kept else {}))

    def with_seed(self, seed: int) -> "LoadPlan":
        """Return the same plan under another seed."""
        return replace(self, seed=seed)


@dataclass(frozen=True, slots=True)
class Variant:
    """One side of a comparison: its name in every table and chart, and its pool."""

    name: str
    pool: PoolConfig

    @classmethod
    def parse_all(cls, texts: list[str], workers: int, defaults: Mapping[str, Any]) -> "tuple[Variant, ...]":
        """Read the variants of a comparison; one that is named twice is numbered, as in ``queue`` and ``queue#2``.

        :raises VariantError: for fewer than two variants, or one that cannot be read.
        """
        if len(texts) != 2:
            raise VariantError(f"{len(texts)} variants given; a comparison takes two, such as: null queue")
        seen: dict[str, int] = {}
        variants = []
        for text in texts:
            pool = PoolConfig.parse(text, workers, defaults)
            name = text.strip()
            seen[name] = seen.get(name, 0) + 1
            variants.append(cls(name if seen[name] == 1 else f"{name}#{seen[name]}", pool))
        return tuple(variants)


@dataclass(frozen=True, slots=True)
class Slot:
    """One run to be made: which variant, in which pair, and first or second of it."""

    variant: Variant
    pair: int
    position: int
    number: int  # 1, 2, ... in the order in which the runs are made

    @property
    def folder_name(self) -> str:
        """The run's folder, in the order in which the runs are made."""
        return f"run-{self.number:02d}-{self.variant.pool.kind}"
