"""Mutations of 05_sessions_in_fastapi."""

from tests.notebooks.mutation import Mutation

NAME = "05_sessions_in_fastapi"
COMMIT = "The commit that comes after the answer"
LOOP = "A blocking driver in `async def`"
HOLDING = "Two sessions, work beside the database, a leak"
WEB = 'web = lesson.hold(bench.application("queue:size=5,overflow=0,timeout=1"))'


def alone(section: str, before: str, after: str, *red: str) -> Mutation:
    """Return a mutation of a section whose application is made in an earlier one."""
    return Mutation(NAME, (section,), ((f"{before}\n", f"{after}\n"),), red)


MUTATIONS = (
    Mutation(
        NAME,
        ("Predict", "Run"),
        (("collapse.cliffs(bench)", "collapse.cliffs(bench, more=10)"),),
        ("Below threads plus connections nothing failed, in any of the three",),
    ),
    Mutation(
        NAME,
        ("Predict", "Run"),
        (("collapse.cliffs(bench)", 'collapse.cliffs(bench, route="inside")'),),
        ("With a third more than that, requests failed in all three",),
    ),
    Mutation(
        NAME,
        ("Look at it while it hangs",),
        (("collapse.stuck(bench)", 'collapse.stuck(bench, route="inside")'),),
        (
            "All threads are taken, and requests wait for one",
            "All connections are out",
            "In PostgreSQL all of them are idle in transaction, and none is active",
        ),
    ),
    Mutation(
        NAME,
        ("Cures, and what is none",),
        (
            (
                "collapse.at_one_load(bench)",
                "collapse.at_one_load(bench, collapse.NO_CURES, collapse.CURES)",
            ),
        ),
        ("Every cure answered every request", "Under each of the others requests failed"),
    ),
    Mutation(
        NAME,
        ("When does `yield` give the connection back?",),
        (
            (
                "documented, function = held[0::2], held[1::2]",
                "documented, function = held[1::2], held[0::2]",
            ),
        ),
        (
            "With the documented dependency all connections are out until stream and task have ended",
            "With scope function none is",
        ),
    ),
    alone(
        COMMIT,
        "late, by_function, inside = transactions.written(bench, web=web)",
        "late, by_function, inside = transactions.written(bench)[::-1]",
        "Late commit: every client was told that it worked",
        "The two other forms told every client that it failed",
    ),
    alone(
        COMMIT,
        "late, by_function, inside = transactions.written(bench, web=web)",
        "late, by_function, inside = transactions.written(bench, user=1)",
        "Late commit: nothing was stored",
    ),
    Mutation(
        NAME,
        (LOOP,),
        (
            ("event_loop.beside(bench, web=web)", "event_loop.beside(bench)[::-1]"),
            ("event_loop.exhausted(bench, web=web)", "event_loop.exhausted(bench)[::-1]"),
        ),
        (
            "In async def the users get no more than one answer for each hold",
            "In def they get at least twice as many",
            "Beside async def the canary waits at least three times as long",
            "In async def the canary stood still for most of the pool's timeout",
            "In async def a request failed",
            "In def none failed",
        ),
    ),
    Mutation(
        NAME,
        (HOLDING,),
        (
            (
                "one_fewer, as_many = holding.locking(bench, web=web)",
                f"{WEB}\nas_many, one_fewer = holding.locking(bench, web=web)",
            ),
            (
                "kept, given_back = holding.outside(bench, web=web)",
                "given_back, kept = holding.outside(bench, web=web)",
            ),
            ("holding.leak(bench, web=web)", 'holding.leak(bench, path="/patterns/inside?ms=0", web=web)'),
        ),
        (
            "One request fewer than connections: nothing failed",
            "As many requests as connections: some failed",
            "Kept: the answers stay at or below connections over hold",
            "Kept: most connections are idle in transaction",
            "Given back: clearly more answers",
            "Every leaked session is a connection out, and idle in transaction",
            "The next request is refused until they are closed",
        ),
    ),
    Mutation(
        NAME,
        ("What the server counts",),
        (("transactions.ended(bench)", 'transactions.ended(bench, route="external-committed")'),),
        ("Each request that only read counts as a rollback",),
    ),
    Mutation(
        NAME,
        ("What the server counts",),
        (("transactions.ended(bench)", 'transactions.ended(bench, route="nowhere")'),),
        ("None of them failed",),
    ),
    Mutation(
        NAME,
        ("Which idle transactions block VACUUM?",),
        (
            (
                "table = horizon.blocked(bench)",
                "names = [one.name for one in horizon.HOLDERS]\n"
                "acts = [horizon.HOLDERS[number] for number in (1, 0, 0, 0, 3)]\n"
                "import dataclasses\n"
                "acts = [dataclasses.replace(act, name=name) for act, name in zip(acts, names, strict=True)]\n"
                "table = horizon.blocked(bench, acts)",
            ),
        ),
        (
            "Beside one that has only read, or is elsewhere, VACUUM removes everything",
            "One that has written, or has a snapshot, keeps every dead row",
        ),
    ),
)
