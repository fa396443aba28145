"""The dead-percent query is right about dead rows that were reported; free space it cannot see, and it can be false."""

from collections.abc import Sequence

from lab.demonstrate import dead_percent, quiet
from lab.demonstrate.bench import Bench
from lab.demonstrate.dead_percent import Said, Scene
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, scenes: Sequence[Scene] = dead_percent.SCENES) -> Finding:
    """Delete rows in several ways, and hold what the query lists against what pgstattuple finds."""
    with quiet.server(bench) as there:
        found = dead_percent.said(there, scenes)
    measured = "; ".join(map(_told, found))
    right = [one for one in found if not one.wrong and not one.blind]
    numbers = {
        "right": float(len(right)),
        "wrong": float(sum(one.wrong for one in found)),
        "blind": float(sum(one.blind for one in found)),
    }
    if len(right) == len(found):
        return Finding(HOLDS, measured, numbers=numbers)
    if not right:
        return Finding(NOT_HERE, measured, numbers=numbers)
    condition = f"right: {', '.join(one.scene for one in right)}"
    for word, some in (
        ("blind", [one for one in found if one.blind]),
        ("false", [one for one in found if _false(one)]),
    ):
        condition += f"; {word}: {', '.join(one.scene for one in some)}" if some else ""
    return Finding(IN_PART, measured, condition, numbers)


def _false(one: Said) -> bool:
    return one.listed and one.dead == 0


def _told(one: Said) -> str:
    says = f"{one.says_pct:g} % dead" if one.says_pct is not None else "nothing"
    return f"{one.scene}: it says {says}, true are {one.dead_pct:.0f} % dead and {one.free_pct:.0f} % free"


CLAIM = Claim(
    id="dead-percent",
    sentence="the dead-percent query finds the tables to vacuum",
    folklore="more than 1000 dead rows, by n_dead_tup / (n_live_tup + n_dead_tup)",
    test=test,
    expected=(IN_PART,),
    mutation={"scenes": (dead_percent.DELETED,)},
    lesson="07_dead_tuples_and_vacuum",
)
