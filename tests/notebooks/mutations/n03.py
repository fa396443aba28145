"""Mutations of 03_pool_settings."""

from tests.notebooks.mutation import Mutation

NAME = "03_pool_settings"
ENDS_IDLE = 'connect_args={"options": "-c idle_session_timeout=400"}'

MUTATIONS = (
    Mutation(
        NAME,
        ("Predict", "How many are open?"),
        (("demand, size=5, overflow=10", "demand, size=5, overflow=0, warm=True"),),
        (
            "The pool starts without any",
            "One at a time, one is opened",
            "At the peak, all that it may open",
            "More than the size, for fewer in use",
            "The gauge overflow begins below zero",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", "How many are open?"),
        (("demand, size=5, overflow=10", "demand, size=4, overflow=11"),),
        ("When all are back, the size is left",),
    ),
    Mutation(
        NAME,
        ("Which one is the overflow?",),
        (("back=(1, 0)", "back=(0, 1)"),),
        ("The connection that was opened first is closed",),
    ),
    Mutation(
        NAME,
        ("What overflow costs",),
        (("pictures.churn(churned,", 'churned["20+0"] = churned["1+19"]\npictures.churn(churned,'),),
        (
            "Without overflow, no connection is opened twice",
            "With almost all of it overflow, several times as many are opened",
        ),
    ),
    Mutation(
        NAME,
        ("When all are out",),
        (
            ("timeout_s=0.5, size=1", "timeout_s=0.5, size=2"),
            ("in_app(bench, size=1)", "in_app(bench, size=2)"),
            ("query_per_timeout(bench)", "query_per_timeout(bench, query_s=0.0)"),
            ("stranded(bench)", "stranded(bench, fails=False)"),
        ),
        (
            "The checkout waited for its timeout",
            "Then it failed",
            "The application answers with an error",
            "Its wait stands under pool",
            "A query may take longer",
            "A failed connect wakes none",
        ),
    ),
    Mutation(
        NAME,
        ("When all are out",),
        (("timeout_s=0.5, size=1", "timeout_s=0.5, size=1, busy=True"),),
        ("To the server it all looked idle",),
    ),
    Mutation(
        NAME,
        ("How old may a connection grow?",),
        (
            ("recycled(bench, recycle_s=0.5)", "recycled(bench, recycle_s=-1)"),
            ("never_idle(bench, recycle_s=0.5)", "never_idle(bench, recycle_s=-1)"),
        ),
        ("A checkout replaces one", "Asked for, both are new", "One that was never idle is replaced too"),
    ),
    Mutation(
        NAME,
        ("How old may a connection grow?",),
        (("recycled(bench, recycle_s=0.5)", f"recycled(bench, recycle_s=0.5, {ENDS_IDLE})"),),
        ("While idle, none is closed",),
    ),
    Mutation(
        NAME,
        ("Connections that the server ends",),
        (
            ("ended_idle(bench, False), faults", "ended_idle(bench, True), faults"),
            ("faults.ended_idle(bench, True)\nin_use", "faults.ended_idle(bench, False)\nin_use"),
            ("ended_in_use(bench, False)", "ended_in_use(bench, False, ended=0)"),
            ("ended_in_use(bench, True)", "ended_in_use(bench, True, ended=0)"),
            ("restarted(bench)", "restarted(bench, stop=False)"),
        ),
        (
            "Without a ping one request fails",
            "With a ping none does",
            "In use, all are lost",
            "In use, a ping saves none",
            "A restart fails some, ping or not",
        ),
    ),
    Mutation(
        NAME,
        ("Connections that the server ends",),
        (("restarted(bench)", "restarted(bench, again=False)"),),
        ("Both pools come back unaided",),
    ),
    Mutation(
        NAME,
        ("Why",),
        (
            (
                "roundtrips.sent_by_unit(bench)",
                'roundtrips.sent_by_unit(bench, {name: ("select", {}) for name in roundtrips.UNITS})',
            ),
        ),
        (
            "A checkout alone, given back, sends nothing",
            "A ping adds one statement to each checkout",
            "With autocommit, a SELECT is a third of the statements",
        ),
    ),
    Mutation(
        NAME,
        ("What `echo` shows",),
        (("echo=True", "echo=False"),),
        ("It shows the statement", "It costs the client clearly more CPU time"),
    ),
    Mutation(
        NAME,
        ("Who is next?",),
        (("threads=40, size=5)", "threads=5, size=5)"), ("pause_s=0.005", "pause_s=0.0")),
        ("Without a pause, most threads starve", "With a pause, hardly any does"),
    ),
    Mutation(
        NAME,
        ("Your turn",),
        (
            (
                "lifetime.quiet(bench), lifetime.quiet(bench, pool_use_lifo=True)",
                "lifetime.quiet(bench, pool_use_lifo=True), lifetime.quiet(bench)",
            ),
        ),
        ("By default all are used in turn", "With LIFO one does all the work"),
    ),
    Mutation(
        NAME,
        ("Your turn",),
        (
            (
                "lifetime.quiet(bench, pool_use_lifo=True)",
                f"lifetime.quiet(\n    bench, pool_use_lifo=True, pool_pre_ping=True, {ENDS_IDLE}\n)",
            ),
        ),
        ("Neither closes any",),
    ),
)
