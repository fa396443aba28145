"""Which request comes next, and when: drawn from seeds alone, so that a plan is the same load each time.

Each stream of random numbers has a seed of its own (the plan's, a purpose, an index), so that the gaps between
arrivals say nothing about the keys that are asked for.
"""

import random
import re
from array import array
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from lab.errors import UsageError
from lab.plan import ROUTES

PAGES = 10  # how deep readers leaf through a list
# words of the posts of the sample data: a search for one finds a stable share of them
WORDS = (
    "river",
    "stone",
    "window",
    "garden",
    "bread",
    "winter",
    "letter",
    "market",
    "paper",
    "coffee",
    "harbor",
    "lamp",
)
_PLACE = re.compile(r"\{(\w+)\}")


class Request(NamedTuple):
    """What to ask for: *route* is the index in plan.ROUTES or in the plan's paths, *name* the route's own."""

    route: int
    name: str
    method: str
    path: str


def stream(seed: int, purpose: str, index: int = 0) -> random.Random:
    """Return a stream of random numbers that depends on all three, and on nothing else."""
    return random.Random(f"{purpose}/{seed}/{index}")


class Journey:
    """An endless, repeatable sequence of requests by the weights of their routes.

    :raises UsageError: if no route has a weight, or a path has a placeholder that is not known.
    """

    def __init__(self, weights: Mapping[str, int], keys: Mapping[str, int], seed: int, index: int = 0) -> None:
        chosen = [(number, route) for number, route in enumerate(ROUTES) if weights.get(route.name, 0) > 0]
        if not chosen:
            raise UsageError(f"journey {dict(weights)} has no route with a weight above 0; give one")
        self._random = stream(seed, "journey", index).random
        self._bounds = list(accumulate(weights[route.name] for _, route in chosen))
        self._drawn = [
            (number, route.name, route.method, _pieces(route.path), self._key(route.path, keys))
            for number, route in chosen
        ]

    def next(self) -> Request:
        """Return the next request."""
        draw = self._random
        number, name, method, (before, after), key = self._drawn[bisect(self._bounds, draw() * self._bounds[-1])]
        return Request(number, name, method, f"{before}{key(draw())}{after}")

    def _key(self, path: str, keys: Mapping[str, int]) -> Callable[[float], int | str]:
        match = _PLACE.search(path)
        if match is None:
            return lambda _: ""
        kind = match.group(1)
        if kind == "word":
            return lambda at: WORDS[int(at * len(WORDS))]
        if kind not in keys and kind != "page":
            raise UsageError(f"path {path!r}: the plan names no highest key for {kind!r}; it has {', '.join(keys)}")
        highest = max(1, keys.get(kind, PAGES))
        return lambda at: 1 + int(at * highest)


class Paths:
    """An endless, repeatable sequence of GET requests for an application's *paths*, each as likely as any other."""

    def __init__(self, paths: Sequence[str], seed: int, index: int = 0) -> None:
        self._random = stream(seed, "journey", index).random
        self._requests = [Request(number, path, "GET", path) for number, path in enumerate(paths)]

    def next(self) -> Request:
        """Return the next request."""
        return self._requests[int(self._random() * len(self._requests))]


def _pieces(path: str) -> tuple[str, str]:
    pieces = _PLACE.split(path)
    if len(pieces) > 3:
        raise UsageError(f"path {path!r} has more than one placeholder; the load fills in one")
    return pieces[0], pieces[2] if len(pieces) == 3 else ""


def arrivals(rate_per_s: float, total_s: float, seed: int, index: int = 0) -> "array[int]":
    """Return the moments of Poisson arrivals over [0, *total_s*), in microseconds from the start.

    >>> list(arrivals(10, 1, seed=1)) == list(arrivals(10, 1, seed=1))
    True
    """
    draw = stream(seed, "arrivals", index).expovariate
    moments, at_s = array("q"), draw(rate_per_s)
    while at_s < total_s:
        moments.append(int(at_s * 1e6))
        at_s += draw(rate_per_s)
    return moments
