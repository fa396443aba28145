"""Mutations of 01_cost_of_a_connection."""

from tests.notebooks.mutation import Mutation

NAME = "01_cost_of_a_connection"
DOORS = "A server to try things on"
POOL = '"queue:size=10,overflow=0"'

MUTATIONS = (
    Mutation(
        NAME,
        (DOORS, "Predict", "One after the other", "Why"),
        (
            (
                "doors = lesson.hold(connects.doors(bench))",
                "import dataclasses\n"
                "doors = lesson.hold(connects.doors(bench))\n"
                "plain = dataclasses.replace(doors.way(connects.PLAIN), name=connects.PASSWORD)\n"
                "doors = dataclasses.replace(doors, ways=(*doors.ways[:2], plain))\n",
            ),
            (
                "queries = connects.query_ms(doors)",
                "queries = opened[connects.PASSWORD].times_ms\n"
                "opened[connects.SOCKET] = dataclasses.replace(\n"
                "    opened[connects.SOCKET], times_ms=connects.query_ms(doors)\n"
                ")",
            ),
        ),
        (
            "Opening a connection takes at least ten times as long as a query on an open one",
            "Between socket and TCP there is less than a factor of two",
            "With SCRAM the client computes more than twice as long as without a password",
        ),
    ),
    Mutation(
        NAME,
        (DOORS, "Many at once"),
        (
            (
                "doors = lesson.hold(connects.doors(bench))",
                "doors = lesson.hold(connects.doors(bench))\n"
                "import dataclasses\n"
                "shown = dataclasses.replace(doors, ways=doors.ways[2:])\n",
            ),
            ("for way in doors.ways)", "for way in shown.ways)"),
            ("(1, 4, 16, 64)", "(1, 2)"),
        ),
        (
            "The server can be entered over TCP with and without a password",
            "With many at once, each takes at least four times as long as one alone",
        ),
    ),
    Mutation(
        NAME,
        (DOORS, "What it takes of the memory"),
        (
            (
                "grown = memory.grown(doors.server, connections=10)",
                "import dataclasses\n"
                "grown = memory.grown(doors.server, connections=5)\n"
                "scanned = dataclasses.replace(grown.scanned, private_bytes=grown.scanned.rss_bytes)\n"
                "grown = dataclasses.replace(grown, queried=scanned, scanned=scanned)",
            ),
        ),
        (
            "Ten connections are as many processes",
            "What a connection has for itself is under five megabytes",
            "By RSS it seems to be at least five times as much",
            "The scan added at least half of the table to RSS",
        ),
    ),
    Mutation(
        NAME,
        ("A connection for each request",),
        ((f'lesson.compare("connect", {POOL}, users=16)', f"lesson.compare({POOL}, {POOL}, users=16)"),),
        (
            "Without a pool, every request opened a session",
            "With the pool, clearly more requests are answered",
        ),
    ),
    Mutation(
        NAME,
        ("A connection for each request",),
        ((f'lesson.compare("connect", {POOL}, users=16)', 'lesson.compare("connect", "connect", users=16)'),),
        ("With the pool, fewer than one request in ten did",),
    ),
    Mutation(
        NAME,
        (DOORS, "Your turn"),
        (
            ("after_s = nightly.timed(work_in_one)\n\n", ""),
            ("after_s, guess_job", "(after_s := nightly.timed(work)), guess_job"),
        ),
        ("In one session the job takes less than a fifth of the time",),
    ),
)
