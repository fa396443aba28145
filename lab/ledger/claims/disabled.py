"""Without autovacuum a table grows with every round, and a query that has nothing to do with it reads more.

What is measured of the query is blocks, of one query, and no time: the verdict says so and goes no further.
"""

from lab.demonstrate import churn
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import ground
from lab.ledger import IN_PART, NOT_HERE, Claim, Finding

ROUNDS = 6
GROWN, COSTLIER = 1.1, 2.0  # how many times as large, and as many blocks read, count as grown and as more to read


def test(bench: Bench, enabled: str = "false") -> Finding:
    """Replace the same rows of a table with autovacuum and of one without, and compare size and blocks read."""
    off = churn.Treatment("switched off", "sessions_off", {**churn.SMALLEST.options, "autovacuum_enabled": enabled})
    with ground(bench) as lent:
        season = churn.churned(bench, lent, (churn.SMALLEST, off), ROUNDS)
    kept, left = season.tables
    blocks = [one.rounds[-1].cost.blocks for one in (kept, left)]
    size = left.size_bytes / kept.size_bytes
    measured = (
        f"{season.rows:,} rows, {ROUNDS} times {season.count:,} replaced: {size:.2f} times the size of the table with "
        f"autovacuum; one row by its key costs {blocks[1]} blocks instead of {blocks[0]}"
    )
    numbers = {"size_ratio": size, "blocks": float(blocks[1]), "blocks_vacuumed": float(blocks[0])}
    grown, costlier = size >= GROWN, blocks[1] >= COSTLIER * blocks[0]
    if not grown and not costlier:
        return Finding(NOT_HERE, measured, numbers=numbers)
    return Finding(IN_PART, measured, _condition(grown, costlier), numbers)


def _condition(grown: bool, costlier: bool) -> str:
    """Say what was seen of the two halves of the sentence; of queries, one was asked, and its blocks were counted."""
    table = "the table grows" if grown else "the table does not grow"
    query = "reads more blocks" if costlier else "reads no more blocks"
    return f"{table}; one row by its key, the one query that was asked, {query}; no time was judged"


CLAIM = Claim(
    id="disabled",
    sentence="autovacuum_enabled = false lets the table grow and queries slow down",
    folklore="never switch it off",
    test=test,
    expected=(IN_PART,),
    mutation={"enabled": "true"},
    lesson="08_autovacuum",
)
