"""When to look: a jittered schedule, fixed before the first look.

A fixed period locks onto a periodic load: 30 ms of work in every 100 ms, looked at each 100 ms, is seen always or
never. Gaps drawn from uniform(0, 2/hz) keep the mean rate and lose the lock.
"""

import random
from collections.abc import Iterator


def moments(start_us: int, hz: float, rng: random.Random) -> Iterator[int]:
    """Yield the moments to look at, in microseconds, for ever; the gaps are uniform on 0 to 2/hz.

    >>> due = moments(0, 10.0, random.Random(1))
    >>> [next(due) for _ in range(3)]
    [26872, 196359, 349114]
    """
    at_us = float(start_us)
    while True:
        at_us += rng.uniform(0.0, 2e6 / hz)
        yield int(at_us)


def next_due(schedule: Iterator[int], now_us: int) -> int:
    """Return the first moment of the schedule that is not past: what was missed is dropped, never caught up.

    >>> next_due(iter([10, 20, 30, 40]), 25)
    30
    """
    return next(due_us for due_us in schedule if due_us >= now_us)
