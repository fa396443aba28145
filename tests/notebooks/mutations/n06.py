"""Mutations of 06_external_pooler."""

from tests.notebooks.mutation import Mutation

NAME = "06_external_pooler"
BEHIND = 'behind = lesson.one_load("pgbouncer:size=5", users=16)'

MUTATIONS = (
    Mutation(
        NAME,
        ("Predict", "Count the backends"),
        (
            (
                'inside = pooler.growth(bench, "queue:size=5,overflow=0")',
                'inside = pooler.growth(bench, "pgbouncer:size=5,client=1,timeout=0.01")',
            ),
            (
                'inside_too = pooler.growth(bench, "psycopg_pool:size=5", workers=[2])',
                'inside_too = pooler.growth(bench, "pgbouncer:size=4")',
            ),
            (
                'outside = pooler.growth(bench, "pgbouncer:size=5", workers=[2])',
                'outside = pooler.growth(bench, "queue:size=5,overflow=0")',
            ),
        ),
        (
            "A second worker brings backends of its own with a pool in each",
            "So it does with psycopg's pool",
            "Behind PgBouncer two workers have no more backends than it may open",
            "No request failed",
        ),
    ),
    Mutation(
        NAME,
        ("NullPool before it",),
        (
            (
                'direct = lesson.one_load("null", users=16)',
                'direct = lesson.one_load("queue:size=1,overflow=0,timeout=0.001", users=16)',
            ),
            (BEHIND, 'behind = lesson.one_load("null", users=16)'),
        ),
        (
            "NullPool opens a session in the server for each request",
            "Behind PgBouncer the same application causes no more sessions than PgBouncer may open",
            "Neither load had a failed request",
        ),
    ),
    Mutation(
        NAME,
        ("NullPool before it", "Why it is no gain in time yet"),
        ((BEHIND, 'behind = lesson.one_load("pgbouncer:size=5,client=20", users=16)'),),
        ("A request through PgBouncer still spends a good part of its time on connecting",),
    ),
    Mutation(
        NAME,
        ("Why: who waits where",),
        (("pooler.queue(bench, size=2, clients=6)", "pooler.queue(bench, size=6, clients=6)"),),
        (
            "Two clients have a connection",
            "The others wait in PgBouncer",
            "The longest wait shows while it lasts, as maxwait",
            "What all waited together stays in the statistics",
        ),
    ),
    Mutation(
        NAME,
        ("What it breaks: the session",),
        (
            (
                "found = pooler.leaks(bench)\n",
                'import dataclasses\nfound = dataclasses.replace(pooler.leaks(bench, mode="session"), backends=2)\n',
            ),
        ),
        (
            "Both clients had the same backend",
            "The setting of the first is there",
            "Its lock is still held",
            "Its temporary table is there",
        ),
    ),
    Mutation(
        NAME,
        ("What it breaks: statements with names",),
        (
            (
                ")\nnamed, unnamed\n",
                ")\nimport dataclasses\n"
                "named = dataclasses.replace(named, promised=not named.promised)\n"
                "unnamed = dataclasses.replace(unnamed, failed=1)\n",
            ),
        ),
        (
            "Statements with names work if, and only if, this version says that it follows them",
            "A driver that prepares nothing has no such trouble",
        ),
    ),
    Mutation(
        NAME,
        ("NullPool before it", "Your turn"),
        (
            (BEHIND, 'behind = lesson.one_load("pgbouncer:size=5,client=20", users=16)'),
            (
                'pooled = lesson.one_load("pgbouncer:size=5,client=20", users=16)',
                'pooled = lesson.one_load("pgbouncer:size=5", users=16)',
            ),
        ),
        (
            "Without a pool, each request logged in to PgBouncer",
            "With one, the application logged in no more often than it has connections",
        ),
    ),
)
