"""Mutations of 10_slow_query_log."""

from tests.notebooks.mutation import Mutation

NAME = "10_slow_query_log"

MUTATIONS = (
    Mutation(
        NAME,
        ("Predict", "Count what is in it"),
        (
            (
                "mixture = slow_log.mixture(bench, server)",
                "mixture = slow_log.mixture(bench, server, log_min_duration_statement=0)",
            ),
        ),
        (
            "Of what took less, next to nothing is",
            "A good part of the time is in statements that the log does not have",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", "Count what is in it"),
        (
            (
                "mixture = slow_log.mixture(bench, server)",
                "mixture = slow_log.mixture(bench, server, log_min_duration_statement=60_000)",
            ),
        ),
        ("What took longer than the threshold is in the log, each once",),
    ),
    Mutation(
        NAME,
        ("Predict", "Is csvlog easy to parse?"),
        (("parsed = slow_log.parsed(bench, server)", "parsed = slow_log.parsed(bench, server, slow_log.ONE)"),),
        ("Line by line, not even half are found",),
    ),
    Mutation(
        NAME,
        ("Predict", "Is csvlog easy to parse?"),
        (("parsed = slow_log.parsed(bench, server)", "parsed = slow_log.parsed(bench, server, unlogged=5)"),),
        (
            "Read as CSV, each is found once",
            "Each form of the log, read as what it is, has every statement once",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", "Is csvlog easy to parse?"),
        (("parsed = slow_log.parsed(bench, server)", "parsed = slow_log.parsed(bench, server, half=['csv'])"),),
        ("The forms say the same of the time",),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "Who may log everything?",
        ),
        (("rights = slow_log.rights(bench, server)", 'rights = slow_log.rights(bench, server, "lab_owner")'),),
        ("A plain role may not: permission denied",),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "Who may log everything?",
        ),
        (
            (
                "rights = slow_log.rights(bench, server)",
                "rights = slow_log.rights(bench, server, own_ms=-1, others_ms=0)",
            ),
        ),
        (
            "A superuser may, and everything of that session is in the log",
            "What other sessions send at the same time is not",
        ),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "Who may log everything?",
        ),
        (("rights = slow_log.rights(bench, server)", "rights = slow_log.rights(bench, server, change=False)"),),
        (
            "After ALTER ROLE every new session of a plain role is logged",
            "The right to set it can be granted, on every version that has GRANT SET ON PARAMETER",
        ),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "What the drivers write",
        ),
        (
            (
                "by_2, by_3 = slow_log.drivers(bench, server)",
                'by_2, by_3 = slow_log.drivers(bench, server, ["one"] * 8)',
            ),
        ),
        (
            "With the values in the statement, the log has as many texts as values",
            "Those values are in the detail of the entry",
        ),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "What the drivers write",
        ),
        (
            (
                "by_2, by_3 = slow_log.drivers(bench, server)\n",
                "import psycopg\nby_2, by_3 = slow_log.drivers(bench, server, factory=psycopg.ClientCursor)\n",
            ),
        ),
        (
            "With the values sent apart, it has one text",
            "Sent in steps, statements cause more entries than there are statements",
        ),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "What the drivers write",
        ),
        (
            (
                "by_2, by_3 = slow_log.drivers(bench, server)",
                "by_2, by_3 = slow_log.drivers(bench, server, statement=slow_log.BY_NAME)",
            ),
        ),
        ("Normalised, both are one statement each",),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "A plan, and not a second execution",
        ),
        (("slow_log.explained(bench, server)", "slow_log.explained(bench, server, plans=False, unlogged=5)"),),
        (
            "The log has two entries with a duration for each execution",
            "The lab counts each execution once",
            "Each has its plan",
        ),
    ),
    Mutation(
        NAME,
        (
            "Predict",
            "Why not simply log everything?",
        ),
        (
            (
                "sample = slow_log.sampled(bench, server, rate=0.1)",
                "sample = slow_log.sampled(bench, server, rate=0.001, threshold_ms=60_000)",
            ),
        ),
        ("About the share that was asked for is in the log", "All that took longer than the threshold is there too"),
    ),
)
