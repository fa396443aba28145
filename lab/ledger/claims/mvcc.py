"""Each UPDATE and DELETE leaves a dead tuple: also one that changes nothing, and one that is rolled back."""

from collections.abc import Sequence

from lab.demonstrate import quiet, versions
from lab.demonstrate.bench import Bench
from lab.demonstrate.versions import Write
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding


def test(bench: Bench, writes: Sequence[Write] = versions.LEAVE, again: Write = versions.AGAIN) -> Finding:
    """Run each statement on a new table and count the dead rows, then update one row over and over."""
    with quiet.server(bench) as there:
        found = versions.left(there, writes)
        (tidied,) = versions.left(there, [again])
    exact = sum(one.dead == one.touched for one in found)
    measured = ", ".join(f"{one.dead} dead of {one.touched} ({one.write})" for one in (*found, tidied))
    numbers = {"exact": float(exact), "dead_of_one_row": float(tidied.dead)}
    if exact < len(found):
        return Finding(NOT_HERE, measured, numbers=numbers)
    if tidied.dead < tidied.touched:
        condition = "a page that is full is tidied by the next update of a row on it, where no index has changed"
        return Finding(IN_PART, measured, f"one each when it is written; {condition}", numbers)
    return Finding(HOLDS, measured, numbers=numbers)


CLAIM = Claim(
    id="mvcc",
    sentence="each UPDATE and DELETE leaves a dead tuple",
    folklore="one for each row that is changed",
    test=test,
    expected=(IN_PART,),
    mutation={"writes": versions.LEAVE_NONE},
    lesson="07_dead_tuples_and_vacuum",
)
