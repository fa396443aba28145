"""Mutations of 07_dead_tuples_and_vacuum."""

from tests.notebooks.mutation import Mutation

NAME = "07_dead_tuples_and_vacuum"
LEAVES, QUERY, SHRINK = "What a statement leaves", "The query that everybody has", "The file does not shrink"
END, WAITS, PLANNER = "Unless its end is empty", "Who has to wait?", "VACUUM ANALYZE"
DISK, READERS = "VACUUM FULL: the disk", "VACUUM FULL: the readers"


def mutated(section: str, before: str, after: str, *red: str) -> Mutation:
    """Return a mutation of one section, by one change; what was predicted is drawn in some."""
    return Mutation(NAME, ("Predict", section), ((before, after),), red)


MUTATIONS = (
    Mutation(
        NAME,
        (LEAVES,),
        (
            ("versions.left(bench, versions.LEAVE)", "versions.left(bench, versions.LEAVE_NONE)"),
            ("no_trace = versions.left(bench, versions.LEAVE_NONE)", "no_trace = versions.left(bench, versions.LEAVE)"),
            ("[versions.AGAIN]", "[versions.UPDATE]"),
        ),
        (
            "Each row that was updated, deleted, or written in vain left exactly one dead row",
            "INSERT, SELECT FOR UPDATE and TRUNCATE left none",
            "One row updated over and over left few: the full page is tidied on the way",
        ),
    ),
    mutated(
        LEAVES,
        "[versions.AGAIN]",
        "[versions.AGAIN, versions.UPDATE], report=False",
        "The statistics count the same, once the session has reported",
    ),
    mutated(
        QUERY,
        "dead_percent.said(bench)",
        "dead_percent.said(bench, [dead_percent.SCENES[number] for number in (1, 0, 3, 2)])",
        "Right where rows were deleted and nothing else happened",
        "Blind for free space: a file that is nearly half empty is not listed",
        "False after DELETE and VACUUM at once: listed, and not one dead row",
        "A small table is never listed, although nine of ten rows are dead",
    ),
    mutated(
        SHRINK,
        "vacuuming.file(bench)",
        'vacuuming.file(bench, (vacuuming.STEPS[0], ("VACUUM", "vacuum/vacuum_full"), vacuuming.STEPS[2]))',
        "VACUUM gave nothing of the file back",
    ),
    mutated(
        SHRINK,
        "vacuuming.file(bench)",
        'vacuuming.file(bench, (vacuuming.STEPS[0], ("VACUUM", "vacuum/analyze"), vacuuming.STEPS[2]))',
        "VACUUM removed all that was dead",
        "The new rows took the place of the dead ones: the file did not grow",
    ),
    mutated(
        END,
        "vacuuming.tails(bench)",
        "vacuuming.tails(bench, (vacuuming.FORBIDDEN, vacuuming.ALONE, vacuuming.ALONE))",
        "Empty pages at the end are given back",
        "With vacuum_truncate false they stay",
        "Beside an open transaction that has read they stay as well",
    ),
    mutated(
        END,
        "vacuuming.tails(bench)",
        "vacuuming.tails(bench, (vacuuming.ALONE, vacuuming.FORBIDDEN, vacuuming.FORBIDDEN), do='vacuum/analyze')",
        "The dead rows are gone in all three",
        "Meanwhile it was in the phase that shortens the file",
        "It tried that for seconds before it gave up",
    ),
    mutated(
        WAITS,
        "probing.waiting(bench)",
        "probing.waiting(bench, probing.HOLDERS[::-1])",
        "No reader and no writer waits for VACUUM",
        "For VACUUM FULL everything waits, a plain SELECT too",
    ),
    mutated(
        WAITS,
        "probing.waiting(bench)",
        "probing.waiting(bench, (probing.READER, probing.VACUUM, probing.FULL))",
        "ANALYZE, CREATE INDEX, ALTER TABLE and a second VACUUM all wait for it",
        "An EXCLUSIVE lock lets a SELECT through, and nothing else",
    ),
    mutated(
        WAITS,
        "probing.queued(bench)",
        "probing.queued(bench, between=probing.ANALYZE)",
        "A SELECT waits behind the ALTER TABLE that waits for VACUUM",
    ),
    mutated(
        PLANNER,
        "vacuuming.known(bench)",
        "vacuuming.known(bench, [vacuuming.KNOWN_STEPS[number] for number in (0, 1, 3, 3)])",
        "VACUUM alone leaves it wrong",
    ),
    mutated(
        PLANNER,
        "vacuuming.known(bench)",
        "vacuuming.known(bench, [vacuuming.KNOWN_STEPS[number] for number in (0, 1, 0, 1)])",
        "VACUUM ANALYZE mends it",
        "Dead rows are gone after both",
    ),
    mutated(
        PLANNER,
        "vacuuming.known(bench)",
        "vacuuming.known(bench, [vacuuming.KNOWN_STEPS[number] for number in (0, 0, 2, 3)])",
        "After the update the planner is wrong by far",
    ),
    mutated(
        DISK,
        "rewriting.disk(bench)",
        'rewriting.disk(bench, probing.Holder("VACUUM", "vacuum/vacuum"))',
        "The table is half as large afterwards",
        "Meanwhile the new copy stood beside the old one",
    ),
    Mutation(
        NAME,
        ("Predict", READERS),
        (
            (
                "rewriting.read_beside(bench, rewriting.AS_AUTOVACUUM)",
                "rewriting.read_beside(bench, rewriting.REWRITE)",
            ),
            (
                "beside_full = rewriting.read_beside(bench, rewriting.REWRITE)",
                "beside_full = rewriting.read_beside(bench, rewriting.AS_AUTOVACUUM)",
            ),
        ),
        (
            "Beside VACUUM the reader was answered all the time",
            "Beside VACUUM FULL it waited for most of the time that it took",
        ),
    ),
)
