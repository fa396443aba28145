"""Mutations of 12_live_triage."""

from tests.notebooks.mutation import Mutation

NAME = "12_live_triage"
STAGE = "stage = lesson.hold(triage.stage(bench))"

MUTATIONS = (
    Mutation(
        NAME,
        ("See it",),
        ((STAGE, "stage = lesson.hold(triage.stage(bench, forget=False, migrate=False))"),),
        (
            "Three sessions wait for a lock",
            "All of them are active: active is not the same as working",
            "Two are idle in transaction, and wait for nobody but their client",
            "Three waited for a lock in every sample",
        ),
    ),
    Mutation(
        NAME,
        ("See it", "Who waits for whom"),
        (
            (STAGE, "stage = lesson.hold(triage.stage(bench, migrate=False))"),
            (
                "triage.frozen(stage, True), triage.frozen(stage, False)",
                "triage.frozen(stage, False), triage.frozen(stage, True)",
            ),
            ("triage_pictures.tree(stage, scene, guess)", "triage_pictures.tree(stage, scene)"),
        ),
        (
            "Inside a transaction the newcomer is not seen",
            "With autocommit it is",
            "Everybody who waits is behind one session that does nothing",
            "There is a second root",
            "The list waits for a lock that nobody has: it is behind the migration's request",
            "A join on the relation accuses sessions that block nobody",
            "A join on the transaction misses every wait for a table",
        ),
    ),
    Mutation(
        NAME,
        ("See it", "Who waits for whom"),
        (
            (STAGE, 'stage = lesson.hold(triage.stage(bench, report="lesson/triage_locking_report"))'),
            ("triage_pictures.tree(stage, scene, guess)", "triage_pictures.tree(stage, scene)"),
        ),
        ("The query that runs longest blocks nobody",),
    ),
    Mutation(
        NAME,
        ("See it", "Somebody who is not there"),
        (("triage.orphan(bench, ", "triage.orphan(bench, prepare=False, "),),
        ("The blocker is pid zero, and its name can be found",),
    ),
    Mutation(
        NAME,
        ("See it", "Cancel or terminate"),
        (
            (
                "found = endings.endings(bench, ",
                'really = {"active": "idle", "waits for a lock": "idle in transaction", "idle": "gone",\n'
                '          "idle in transaction": "active", "terminate": "cancel"}\n'
                "found = endings.endings(bench, really=really, ",
            ),
        ),
        (
            "A cancel ends a query that runs or waits, and its session stays",
            "To idle sessions, in a transaction or not, it does nothing",
            "And it says true all the same",
            "The guarded form sends nothing there, and says why",
            "Terminate ended all four sessions",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", "See it", "Why the pid is not enough"),
        (
            ("bench, guarded=False, tries=tries", "bench, guarded=True, tries=20"),
            (
                "guarded = aiming.shots(bench, guarded=True, tries=tries",
                "guarded = aiming.shots(bench, guarded=False, tries=tries",
            ),
        ),
        (
            "By pid, innocent queries were hit, and not once or twice",
            "Guarded, no innocent one was",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", "See it", "Why the pid is not enough"),
        (("bench, guarded=True, tries=tries", "bench, guarded=True, tries=1"),),
        ("Guarded, requests that were wanted were hit",),
    ),
    Mutation(
        NAME,
        ("See it", "Your turn"),
        (
            (
                'receipts = stage.terminate("forgetful"), stage.cancel("migration")',
                'receipts = (stage.cancel("report"),)',
            ),
        ),
        ("Nobody waits any more",),
    ),
)
