"""Mutations of 00_start_here."""

from tests.notebooks.mutation import Mutation

NAME = "00_start_here"

MUTATIONS = (
    Mutation(
        NAME,
        ("One request, end to end",),
        (
            (
                'answer = lesson.request("/posts/1")',
                'answer = lesson.request("/posts/1")\nanswer.timing_ms["sql"] += 1e6',
            ),
            ('again = lesson.request("/posts/1")', 'again = lesson.request("/posts/1", pool="null")'),
        ),
        ("The parts are not more than the whole", "The second request opened none"),
    ),
    Mutation(
        NAME,
        ("One request, end to end",),
        (('answer = lesson.request("/posts/1")', 'lesson.request("/posts/1")\nanswer = lesson.request("/posts/1")'),),
        ("The first request opened a connection",),
    ),
    Mutation(
        NAME,
        ("A short load",),
        (
            ('lesson.one_load("queue:size=2,overflow=0", users=4)', 'lesson.one_load("null", users=4)'),
            (
                "lesson.table(load, sessions_opened=guess)",
                "import dataclasses\nload = dataclasses.replace(load, failed=load.failed + 1)",
            ),
        ),
        (
            "Every planned request is accounted for",
            "No request failed",
            "The server opened no more sessions than the pool may hold",
        ),
    ),
)
