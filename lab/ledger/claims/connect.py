"""Opening a connection is computing: a fair price for one alone is none for a crowd."""

from lab.demonstrate import connects
from lab.demonstrate.bench import Bench
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding

ABOUT_MS = (1.0, 25.0)  # what may be called about 5 ms: within a factor of five
SAME = 2.0  # up to here a crowd pays the price of one


def test(bench: Bench, clients: int = 64) -> Finding:
    """Open connections one after the other by each way, then with SCRAM by many clients at the same time."""
    with connects.doors(bench) as doors:
        opened = connects.one_by_one(doors, rounds=bench.scaled(ci=3, workshop=10))
        crowd = connects.at_once(doors, connects.PASSWORD, clients, bench.scaled(ci=1.0, workshop=3.0))
    alone_ms, plain_ms = opened[connects.PASSWORD].ms, opened[connects.PLAIN].ms
    measured = (
        f"one after the other {alone_ms:.1f} ms with SCRAM and {plain_ms:.1f} ms without a password (medians); with "
        f"{clients} clients at once {crowd.ms:.0f} ms on average, {crowd.per_s:.0f} connections per second"
    )
    numbers = {"alone_ms": alone_ms, "plain_ms": plain_ms, "crowd_ms": crowd.ms, "crowd_per_s": crowd.per_s}
    if not ABOUT_MS[0] <= alone_ms <= ABOUT_MS[1]:
        return Finding(NOT_HERE, measured, numbers=numbers)
    if crowd.ms < SAME * alone_ms:
        return Finding(HOLDS, measured, numbers=numbers)
    low_ms, high_ms = ABOUT_MS
    condition = (
        f"for one at a time, if {low_ms:g} to {high_ms:g} ms pass for about 5 ms; with {clients} at once it took "
        f"{crowd.ms / alone_ms:.1f} times as long"
    )
    return Finding(IN_PART, measured, condition, numbers)


CLAIM = Claim(
    id="connect",
    sentence="establishing a connection takes about 5 ms",
    folklore="about 5 ms",
    test=test,
    expected=(IN_PART,),
    mutation={"clients": 1},
    lesson="01_cost_of_a_connection",
)
