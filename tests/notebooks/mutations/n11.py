"""Mutations of 11_statement_statistics."""

from tests.notebooks.mutation import Mutation

NAME = "11_statement_statistics"
OTHER = 'make="lesson/posts_index_elsewhere"'

MUTATIONS = (
    Mutation(
        NAME,
        ("What one run did",),
        (
            (
                "run_statements.ran(bench, run_statements.MIX, web)",
                'run_statements.ran(bench, {"/slow?ms=200": 1}, web, beside={"/slow?ms=200": 1})',
            ),
        ),
        (
            "Every statement was counted as often as the requests sent it",
            "What cost most in total is not what is slowest",
        ),
    ),
    Mutation(
        NAME,
        ("Who resets, and who watches",),
        (
            ("watched(bench, reset=False)", "watched(bench, reset=bool(1))"),
            ("watched(bench, reset=True)", "watched(bench, reset=False)"),
        ),
        (
            "Two looks give exactly what was asked between them",
            "After somebody's reset the difference is unknown, and said to be",
        ),
    ),
    Mutation(
        NAME,
        ("A statement that nobody wrote",),
        (("pinged(bench, pre_ping=True)", "pinged(bench, own=0, pre_ping=False)"),),
        ("Each checkout with a ping is one more call", "Ping and health check share one line"),
    ),
    Mutation(
        NAME,
        ("Predict", "One page, three ways"),
        (
            ("pages(bench, web)", "pages(bench)"),
            ("for name in run_statements.WAYS", 'for name in ("authors-listed", "authors-each", "authors-joined")'),
        ),
        (
            "Author by author, it is a statement for each post, and one",
            "A join makes it one statement",
            "A list of keys makes it two",
            "The loop is recognised, from counts alone",
            "In the cures there is none",
        ),
    ),
    Mutation(
        NAME,
        ("Lists of other lengths",),
        (
            ('listed(bench, "lesson/in_list")', 'listed(bench, "lesson/in_list", lengths=())'),
            ('listed(bench, "lesson/any_list")', 'listed(bench, "lesson/in_list")'),
        ),
        (
            "To the server the IN lists are several statements",
            "By their normalised text they are one",
            "With an array it is one statement",
        ),
    ),
    Mutation(
        NAME,
        ("A search without and with an index",),
        (
            ("what_if_searchable(bench, ", f"what_if_searchable(bench, 999_999, {OTHER}, "),
            (
                "before = index_use.searched(bench, web)",
                "web = None\nbefore = index_use.searched(bench, web, searches=3)",
            ),
            ("index_use.searchable(bench)", f"index_use.searchable(bench, {OTHER})"),
        ),
        (
            "The index spares the search at least half of the blocks",
            "It is clearly faster",
            "It finds the one post that has the text",
            "In both runs the route searched as often",
            "The route's searches took at most half of the blocks",
        ),
    ),
    Mutation(
        NAME,
        ("Which index is used?",),
        (
            ("none = index_use.used(bench)", "none = index_use.used(bench, [index_use.USED])"),
            ("\none = index_use.used(bench, [index_use.USED])", "\none = index_use.used(bench, [index_use.UNUSED])"),
            ("[index_use.USED, index_use.AGAIN, index_use.UNUSED]", "[index_use.USED]"),
            ("index_use.writing(bench, without=index_use.UNUSED)", 'index_use.writing(bench, without="")'),
        ),
        (
            "What is missing is found, by the statement and its blocks",
            "Once it is there, nothing is missing",
            "It is scanned once for each question",
            "Of two that are alike only one is scanned",
            "One of the twins is found as a duplicate",
            "What nobody asks for is found as unused",
            "Without the index a writer touches clearly fewer blocks",
        ),
    ),
    Mutation(
        NAME,
        ("Why",),
        (
            ("index_use.enforced(bench)", "index_use.enforced(bench, taken=0, look_up=True)"),
            ('since="2030-01-01"', 'since="2025-03-01 01:00Z"'),
        ),
        ("The unique index refused rows", "By the view it was not scanned once", "Planning alone counts as scans"),
    ),
    Mutation(
        NAME,
        ("Why",),
        (("index_use.enforced(bench)", "index_use.enforced(bench, index=index_use.UNUSED)"),),
        ("The lab does not call it unused",),
    ),
    Mutation(
        NAME,
        ("Your turn",),
        (("[index_use.USED, index_use.WIDER]", "[index_use.USED]"),),
        ("Beside the wider index the narrow one overlaps",),
    ),
)
