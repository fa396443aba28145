"""Mutations of 02_nullpool_or_queuepool."""

from tests.notebooks.mutation import Mutation

NAME = "02_nullpool_or_queuepool"
QUEUE = '"queue:size=10,overflow=0"'

MUTATIONS = (
    Mutation(
        NAME,
        ("What does closing a session close?", "A trap on the way"),
        (
            (
                'lesson.sessions("queue", count=3), lesson.sessions("null", count=3)',
                'lesson.sessions("null", count=3), lesson.sessions("queue", count=3)',
            ),
            (
                'through_null = lesson.updates("null")',
                'through_null = lesson.updates("null")\nthrough_pool, through_null = through_null, through_pool',
            ),
        ),
        (
            "With a pool, three sessions share one backend",
            "With NullPool, each session has a backend of its own",
            "NullPool's updates are all seen once its backends have ended",
            "Most of the pool's updates are not seen at once",
        ),
    ),
    Mutation(
        NAME,
        ("A trap on the way",),
        (
            (
                "through_pool, through_null\n",
                "import dataclasses\nthrough_pool = dataclasses.replace(through_pool, after_flush=0)\n",
            ),
        ),
        ("After the backends ended, every update is seen",),
    ),
    Mutation(
        NAME,
        ("Predict", "Run", "Count before you time", "What it cost", "Why"),
        ((f'lesson.compare("null", {QUEUE}, users=16)', f"lesson.compare({QUEUE}, {QUEUE}, users=16)"),),
        (
            "NullPool opened one session for each request",
            "The pool answers clearly more requests",
            "A NullPool request connects for longer than it executes SQL",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", "Run", "Count before you time", "What it cost"),
        (
            (f'lesson.compare("null", {QUEUE}, users=16)', 'lesson.compare("null", "null", users=16)'),
            (
                "lesson.table(*result.both)",
                "import dataclasses\n"
                "result = dataclasses.replace(result, first=dataclasses.replace(result.first, failed=1))",
            ),
        ),
        (
            "The pool opened a session for fewer than one request in ten",
            "The pool answers clearly more requests",
            "No request failed",
        ),
    ),
    Mutation(
        NAME,
        ("Your turn",),
        (
            (
                'one = lesson.compare("null", "queue:size=1,overflow=0", users=16)',
                'one = lesson.compare("null", "null", users=16)',
            ),
        ),
        ("A pool of a single connection answers clearly more than NullPool",),
    ),
)
