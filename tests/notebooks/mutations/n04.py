"""Mutations of 04_sizing_the_pool."""

from tests.notebooks.mutation import Mutation

NAME = "04_sizing_the_pool"

MUTATIONS = (
    Mutation(
        NAME,
        ("Predict", "Full pools"),
        (("queue:size=3,overflow=2", "queue:size=3,overflow=1"),),
        (
            "The server has workers × (size + overflow) connections of the app, no more and no fewer",
            "Every request beyond them is refused, and no other",
        ),
    ),
    Mutation(
        NAME,
        ("A full server",),
        (
            ('ordinary="lab_app"', 'ordinary="lab_owner"'),
            (
                "full.overfull.answered, full.overfull.status",
                "import dataclasses\n"
                "full = dataclasses.replace(full, limited=full.full, full=full.limited)\n"
                "full.overfull.answered, full.overfull.status",
            ),
        ),
        (
            "The app gets max_connections less the reserved slots, to the last one",
            "The app's user is told that the service is unavailable",
            "The app's driver reads that the remaining slots are reserved",
            "The observer and the superuser get in all the same",
            "A role with a limit reads of its own limit",
            "A superuser reads that there are too many clients only when every slot is taken",
        ),
    ),
    Mutation(
        NAME,
        ("Too small",),
        (("hold_ms=50, users=40", "hold_ms=50, users=1"),),
        ("Every pool lets through more than half of it",),
    ),
    Mutation(
        NAME,
        ("Too small",),
        (
            (
                "last = held[-1]",
                "import dataclasses\n"
                "held = [dataclasses.replace(one, hold_ms=3 * one.hold_ms) for one in held]\n"
                "last = held[-1]",
            ),
        ),
        ("No pool lets more through than pool / hold",),
    ),
    Mutation(
        NAME,
        ("Too large",),
        (
            (
                "pool_size.burning(bench, sizes, seconds, users=40)",
                'pool_size.burning(bench, sizes, seconds, users=40, path="/patterns/inside?ms=50")',
            ),
        ),
        (
            "Twenty times the connections do not give six times the answers",
            "A statement takes at least twice as long in the database",
        ),
    ),
    Mutation(
        NAME,
        ("Too large",),
        (("pool_size.burning(bench, sizes, seconds", "pool_size.burning(bench, (40, 2), seconds"),),
        (
            "A statement takes at least twice as long in the database",
            "Somebody who has nothing to do with it waits longer too",
        ),
    ),
    Mutation(
        NAME,
        ("Too large", "Why"),
        (
            (
                "burnt = pool_size.burning(bench, sizes, seconds, users=40)",
                "burnt = pool_size.burning(bench, (2,), 1.0, users=1)",
            ),
        ),
        ("By Little's law the pool of two was in use most of the time, and no more than all of it",),
    ),
    Mutation(
        NAME,
        ("A slot, and a client",),
        (
            (
                "active.slots(bench, (100, 1000))",
                'active.slots(bench, (100, 500), max_locks_per_transaction="4096")',
            ),
            ("active.at_work(bench, 2, seconds, idle=50)", "active.at_work(bench, 52, seconds)"),
            ("active.at_work(bench, 32, seconds)", "active.at_work(bench, 2, seconds)"),
        ),
        (
            "A slot takes less than a quarter of a mebibyte",
            "Fifty idle clients do not make a statement take three times as long",
            "Sixteen times the active clients do",
        ),
    ),
    Mutation(
        NAME,
        ("Your turn",),
        (('made = lesson.wave("queue:size=7', 'made = lesson.wave("queue:size=6'),),
        ("The pool gave up no checkout",),
    ),
)
