"""A thread that gives a connection back and asks again at once gets it again, past those that wait."""

from lab.demonstrate import fairness
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, threads: int = 40, size: int = 5) -> Finding:
    """Count the checkouts of each of many threads, without a pause between them and with one."""
    greedy, pausing = fairness.shares(bench, threads, size), fairness.shares(bench, threads, size, pause_s=0.005)
    measured = (
        f"of {threads} threads at a pool of {size}, {greedy.starved} got less than a tenth of an equal share when none "
        f"paused (the most was {greedy.checkouts[0]} checkouts, the least {greedy.checkouts[-1]}), and "
        f"{pausing.starved} when each paused 5 ms after giving back"
    )
    numbers = {"starved": greedy.starved, "starved_with_pause": pausing.starved}
    if greedy.starved < threads / 4:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if pausing.starved < threads / 4:
        return Finding(IN_PART, measured, "threads that ask again as soon as they have given back", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="barging",
    sentence="QueuePool is not fair among waiting threads",
    folklore="a queue: first come, first served",
    test=test,
    expected=(IN_PART,),
    mutation={"threads": 5},
    lesson="03_pool_settings",
)
