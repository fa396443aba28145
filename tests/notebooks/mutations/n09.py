"""Mutations of 09_bloat."""

from tests.notebooks.mutation import Mutation

NAME = "09_bloat"
PLACE = "A server without autovacuum"
OTHERS = '{"padded": False, "with_fillfactor": False, "by_counters": False}'
# a rewrite makes this table larger, and no column of it was dropped
ADDED = 'bloat.Scene("a column added", steps=("bloat_add_column", "bloat_vacuum"))'
ALL = '{"padded": True, "with_fillfactor": True, "by_counters": True}'

MUTATIONS = (
    Mutation(
        NAME,
        ("Predict", PLACE, "One table, three questions"),
        (
            ('SCENES["half deleted"], rows', 'SCENES["fresh"], rows'),
            ('SCENES["half deleted, vacuumed"], rows', 'SCENES["later half deleted, vacuumed"], rows'),
        ),
        (
            "Before VACUUM at least two fifths of the file are dead",
            "After it as much is free",
            "The file is as large as before",
            "A rewrite gives half of the file back",
        ),
    ),
    Mutation(
        NAME,
        ("Predict", PLACE, "One table, three questions"),
        (('SCENES["half deleted, vacuumed"], rows', 'SCENES["half deleted"], rows'),),
        ("The counters see nothing of that: no row is dead",),
    ),
    Mutation(
        NAME,
        (PLACE, "Four ways against the truth"),
        (
            (
                "bloat.each(place, SCENES.values(), rows)",
                f"bloat.each(place, [*SCENES.values(), {ADDED}], rows, own={OTHERS}, usual={ALL})",
            ),
        ),
        (
            "Where no column was dropped, the exact way is within a point of the truth",
            "The lab's estimate is within a point of it, dropped columns or not",
            "The usual estimate is more than fifteen points off in three tables",
        ),
    ),
    Mutation(
        NAME,
        (PLACE, "Four ways against the truth"),
        (
            (
                "bloat.each(place, SCENES.values(), rows)",
                "bloat.each(\n"
                "    place,\n"
                "    [\n"
                '        bloat.Scene("a wide column dropped", "bloat_wide"),\n'
                '        bloat.Scene("never analyzed, half deleted"),\n'
                "    ],\n"
                "    rows,\n"
                ")",
            ),
        ),
        (
            "One table was never analyzed, and of that one it says nothing",
            "After a column was dropped, the exact way misses over half of the file",
        ),
    ),
    Mutation(
        NAME,
        (PLACE, "What a look costs"),
        (
            (
                'SCENES["half deleted"], SCENES["half deleted, vacuumed"]',
                'SCENES["half deleted, vacuumed"], SCENES["half deleted"]',
            ),
        ),
        (
            "If VACUUM has been there, the approximate way reads under half of that",
            "If rows have died everywhere, it reads as much as the exact one",
        ),
    ),
    Mutation(
        NAME,
        (PLACE, "What a look costs"),
        (("), rows\n)", '), rows, ways=("approx", "exact")\n)'),),
        ("The exact way reads every page of a clean table",),
    ),
    Mutation(
        NAME,
        (PLACE, "Indexes"),
        (
            ('"ten different keys", keys, keys=10', '"ten different keys", keys'),
            ('"keys in random order", keys, at_random=True', '"keys in random order", keys'),
            (
                '"half of the rows deleted", keys, deleted=True',
                '"half of the rows deleted", keys, keys=10, merged=False',
            ),
        ),
        (
            "The usual estimate of the index with few keys is far below zero",
            "The lab's is near the truth for all three",
            "Keys in random order alone leave a tenth of an index to be had",
        ),
    ),
    Mutation(
        NAME,
        (PLACE, "Updates that leave the indexes alone"),
        (
            ("hot.swept(place, (100, 90, 70, 50))", "hot.swept(place, (50, 90, 100, 100))"),
            ("hot.swept(place, (100, 50), indexed=True)", "hot.swept(place, (100, 50), indexed=False)"),
        ),
        (
            "In full pages some of the updates found no room",
            "With a little more than a quarter kept free, every update is HOT",
            "With half of each page kept free the file is clearly larger, for nothing more",
            "With an index on the column that changes none is, whatever the fillfactor",
        ),
    ),
    Mutation(
        NAME,
        (PLACE, "Over time"),
        (
            ("rounds=9, vacuum_every=0, rows=live", "rounds=9, vacuum_every=1, rows=live"),
            ("rounds=9, vacuum_every=3, rows=live", "rounds=9, vacuum_every=0, rows=live"),
        ),
        (
            "Without VACUUM the file grows to at least six times its first size",
            "Most of that is free room that no row uses",
            "With VACUUM it grows to two thirds of that at most",
            "The server counted three runs of VACUUM",
        ),
    ),
    Mutation(
        NAME,
        (PLACE, "Over time"),
        (
            (
                "rounds=9, vacuum_every=3, rows=live",
                'rounds=9, vacuum_every=3, rows=live, change="bloat_delete_tail"',
            ),
        ),
        ("None of them made the file smaller",),
    ),
    Mutation(
        NAME,
        (PLACE, "Your turn"),
        (
            (
                '["id", "amount", "weight", "is_new", "is_paid", "is_sent"]',
                '["is_new", "id", "is_paid", "amount", "is_sent", "weight"]',
            ),
        ),
        ("In the better order the same rows take at least a sixth less",),
    ),
)
