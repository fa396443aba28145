"""Without autovacuum a table grows with every round, and a query that has nothing to do with it pays."""

from lab.demonstrate import churn
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import ground
from lab.ledger import HOLDS, IN_PART, NOT_HERE, Claim, Finding

ROUNDS = 6
GROWN, SLOWED = 1.1, 2.0  # how many times as large, and as many blocks read, count as grown and as slowed


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
    grown, slowed = size >= GROWN, blocks[1] >= SLOWED * blocks[0]
    if grown and slowed:
        return Finding(HOLDS, measured, numbers=numbers)
    if grown or slowed:
        return Finding(IN_PART, measured, "the table grows" if grown else "the query reads more", numbers)
    return Finding(NOT_HERE, measured, numbers=numbers)


CLAIM = Claim(
    id="disabled",
    sentence="autovacuum_enabled = false lets the table grow and queries slow down",
    folklore="never switch it off",
    test=test,
    expected=(HOLDS,),
    mutation={"enabled": "true"},
    lesson="08_autovacuum",
)
