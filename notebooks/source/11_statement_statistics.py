# %% [markdown]
# # 11 · What each statement costs
#
# *25 minutes: 12 to read and predict, 2 of running, 11 for your turn.*
#
# `pg_stat_statements` keeps a line for every statement, with calls, times, rows and blocks. The advice is: look at the ten with the highest total time, change something, reset it, look again. And `pg_stat_user_indexes` says which indexes are used.
#
# Both are counters. Here we know what was sent, so we can see what they count. Then one index is missing, one is added, one is never used, and one is there twice.

# %%
from lab import lesson
from lab.demonstrate import index_use, run_statements
from lab.lesson import statement_pictures as pictures

lesson.begin("11_statement_statistics")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# A page shows twenty posts and the name of each post's author. The posts are loaded first; then the template asks each post for its author, and the ORM loads it. How many statements does PostgreSQL execute for the page?

# %%
guess_page = lesson.predict("statements for a page of twenty posts", 2)

# %% [markdown]
# ## What one run did
#
# The application is asked a known number of times: a post by its key, something short that is asked often, something slow, and the page with the authors. Before and after, all counters are read, and subtracted. Nothing is reset.

# %% tags=["nbval-ignore-output"]
web = lesson.hold(bench.application("queue:size=2,overflow=0"))
run = run_statements.ran(bench, run_statements.MIX, web)
pictures.table(run)

# %%
lesson.claim(
    "Every statement was counted as often as the requests sent it",
    run_statements.miscounted(run),
    at_most=0,
)
lesson.claim(
    "What cost most in total is not what is slowest",
    run_statements.slowest(run).queryid != run.statements[0].queryid,
    at_least=1,
)

# %% [markdown]
# *The ten slowest* is what the list by total time is often called, and it is not that. It shows where the server's time goes: something quick that is asked all day stands above the report that takes a minute once a month. Both lists are of use, for different questions. The mean hides as much again: compare it with the spread.

# %% [markdown]
# ## Who resets, and who watches
#
# A reset is for everybody. One statement is asked some times, then somebody takes a first look. A second person resets the statistics, because a change went live; then it is asked again, and the first one looks a second time and subtracts.

# %% tags=["nbval-ignore-output"]
left_alone = run_statements.watched(bench, reset=False)
disturbed = run_statements.watched(bench, reset=True)
pictures.watched(left_alone, disturbed)

# %%
lesson.claim(
    "Two looks give exactly what was asked between them",
    left_alone.counted == left_alone.sent,
    at_least=1,
)
lesson.claim(
    "After somebody's reset the difference is unknown, and said to be",
    disturbed.counted is None,
    at_least=1,
)

# %% [markdown]
# The view has forgotten what came before, for the dashboard, for the colleague and for next month's comparison. Who subtracts needs no reset, but must notice one: a count that fell is the sign, and from PostgreSQL 17 on each line says since when it counts. `lab statements` subtracts, and says *unknown* where it has to.

# %% [markdown]
# ## A statement that nobody wrote
#
# An engine with `pool_pre_ping` takes a connection out of its pool and gives it back, again and again. Then the application asks for its own health check, `SELECT 42`. The same without the ping:

# %% tags=["nbval-ignore-output"]
pinged = run_statements.pinged(bench, pre_ping=True)
silent = run_statements.pinged(bench, pre_ping=False)
pictures.pinged(pinged, silent)

# %%
lesson.claim(
    "Each checkout with a ping is one more call",
    pinged.calls - silent.calls - pinged.checkouts,
    between=(0, 0),
)
lesson.claim("Ping and health check share one line", len(pinged.rows), between=(1, 1))

# %% [markdown]
# Constants are taken out before statements are told apart, so everybody's `SELECT` of one number is the same statement. A busy pool puts it on top of every list by calls. Count transactions or requests by something else.

# %% [markdown]
# ## One page, three ways
#
# The page of the prediction, and two other ways to make it: one statement that joins, and one for the posts with a second for all their authors.

# %% tags=["nbval-ignore-output"]
ways = run_statements.pages(bench, web)
pictures.pages(ways, guess_page)

# %%
each, joined, listed = (ways[name] for name in run_statements.WAYS)
lesson.claim(
    "Author by author, it is a statement for each post, and one",
    each.each,
    between=(21, 21),
)
lesson.claim("A join makes it one statement", joined.each, between=(1, 1))
lesson.claim("A list of keys makes it two", listed.each, between=(2, 2))

# %% tags=["nbval-ignore-output"]
pictures.loops(each.loops)

# %%
lesson.claim(
    "The loop is recognised, from counts alone", len(each.loops), between=(1, 1)
)
lesson.claim("In the cures there is none", len(joined.loops + listed.loops), at_most=0)

# %% [markdown]
# The single statement takes microseconds, so no slow log will ever show it. The counters do: very many calls, one row each, beside a statement that returned as many rows; and more calls than requests, which chance cannot make. Each call is a round trip too, which no counter of the server contains.

# %% [markdown]
# ## Lists of other lengths
#
# The second cure has a price in the statistics. One question is asked with lists of five lengths: as `IN (…)`, and as `= ANY` of one array, which is a single value.

# %% tags=["nbval-ignore-output"]
in_lists = run_statements.listed(bench, "lesson/in_list")
arrays = run_statements.listed(bench, "lesson/any_list")
pictures.lists(in_lists, arrays)

# %%
lesson.claim(
    "To the server the IN lists are several statements", in_lists.rows, at_least=2
)
lesson.claim("By their normalised text they are one", in_lists.texts, between=(1, 1))
lesson.claim("With an array it is one statement", arrays.rows, between=(1, 1))

# %% [markdown]
# Before PostgreSQL 18 every length is a line of its own, and lines are few: `pg_stat_statements.max` is 5000 by default, and what does not fit pushes out what was asked least. From 18 on lists of constants count as one; a list of one is still an equation. The ids change with the major version, so compare by text.

# %% [markdown]
# ## A search without and with an index
#
# The search route looks for a part of a text, which no B-tree can find. A trigram index can (`pg_trgm`). In the sample's thousand posts the planner would not use it, so some thousand more are added for this lesson.
#
# What would the index change? The lab tries it in a transaction that is rolled back: pairs of executions in random order, without the index and with it. How many times as fast will the search be?

# %%
guess_faster = lesson.predict("times as fast with a trigram index", 3)

# %% tags=["nbval-ignore-output"]
posts = lesson.hold(index_use.more_posts(bench))
tried = index_use.what_if_searchable(bench, pairs=bench.scaled(ci=4, workshop=12))
pictures.sides(tried, ("without the index", "with it"))

# %% tags=["nbval-ignore-output"]
pictures.tried(tried, guess_faster)

# %%
lesson.claim(
    "The index spares the search at least half of the blocks",
    tried.after.blocks / tried.before.blocks,
    at_most=0.5,
)
lesson.claim("It is clearly faster", tried.effect.ratio, at_most=0.7)
lesson.claim(
    "It finds the one post that has the text", tried.after.rows, between=(1, 1)
)

# %% [markdown]
# A what-if is one client and a warm cache. Now the index is made for real, and the application searches, before and after. The two runs are compared by the statement's text, which is the same:

# %% tags=["nbval-ignore-output"]
before = index_use.searched(bench, web)
with index_use.searchable(bench):
    after = index_use.searched(bench, web)
pictures.side_by_side(before, after)

# %%
lesson.claim(
    "In both runs the route searched as often",
    before.calls("app/search") - after.calls("app/search"),
    between=(0, 0),
)
lesson.claim(
    "The route's searches took at most half of the blocks",
    index_use.blocks_per_call(after.statements, "app/search") / index_use.blocks_per_call(before.statements, "app/search"),
    at_most=0.5,
)  # fmt: skip

# %% [markdown]
# ## Which index is used?
#
# Another route counts a user's comments. First there is no index for it; then one; then the same index a second time, and one that nobody asks for. Each time the same question is asked for one user after the other, and then the scans of each index are read.

# %% tags=["nbval-ignore-output"]
none = index_use.used(bench)
one = index_use.used(bench, [index_use.USED])
three = index_use.used(bench, [index_use.USED, index_use.AGAIN, index_use.UNUSED])
pictures.uses(none, one, three)

# %% tags=["nbval-ignore-output"]
pictures.advice(three.findings)

# %%
lesson.claim(
    "What is missing is found, by the statement and its blocks",
    none.found("missing") == ["comments (author_id)"],
    at_least=1,
)
lesson.claim(
    "Once it is there, nothing is missing", len(one.found("missing")), at_most=0
)
lesson.claim(
    "It is scanned once for each question",
    one.least(index_use.USED) - one.asked,
    between=(0, 0),
)

# %%
lesson.claim(
    "Of two that are alike only one is scanned",
    three.least(index_use.USED, index_use.AGAIN),
    at_most=0,
)
lesson.claim(
    "One of the twins is found as a duplicate",
    len(three.found("duplicate")),
    between=(1, 1),
)
lesson.claim(
    "What nobody asks for is found as unused",
    index_use.UNUSED in three.found("unused"),
    at_least=1,
)

# %% [markdown]
# The twin that is not scanned may well be the one that was there first. Which of the two the planner takes says nothing, so drop either, and not both.
#
# What does an index cost that nobody scans? Rows of the table are written into a copy with all its indexes, and into one without that index; then both are undone.

# %% tags=["nbval-ignore-output"]
writing = index_use.writing(bench, without=index_use.UNUSED)
pictures.sides(writing, ("with the index", "without it"))

# %%
lesson.claim(
    "Without the index a writer touches clearly fewer blocks",
    writing.after.blocks / writing.before.blocks,
    at_most=0.9,
)

# %% [markdown]
# Every insert pays for it, and every update that is not HOT. `lab indexes --what-if` tries each cure in this way, on the lab's own database only.

# %% [markdown]
# ## Why
#
# A scan is counted when something is looked up in the index. A unique index is asked something else: may this row be written? Users are added, some of them with an address that somebody has.
#
# And the planner looks things up itself. `EXPLAIN` is asked for the comments since a day in the future, with the index that nobody uses. It runs nothing.

# %% tags=["nbval-ignore-output"]
enforced = index_use.enforced(bench)
planned = index_use.planned(bench, since="2030-01-01")
pictures.scans(enforced, planned)

# %%
lesson.claim("The unique index refused rows", enforced.refused, at_least=1)
lesson.claim("By the view it was not scanned once", enforced.scans, at_most=0)
lesson.claim("The lab does not call it unused", enforced.called_unused, at_most=0)
lesson.claim("Planning alone counts as scans", planned.scans, at_least=1)

# %% [markdown]
# So *not scanned* and *not needed* are two things, and so are *scanned* and *used*: the planner asks the index for its largest value, since the statistics may be older than the newest rows. An index may keep something true, serve a foreign key, tell rows apart for a subscriber, or be read on a standby, where its scans are counted and nowhere else. And every counter has a beginning: `lab indexes` says since when it counts.
#
# - What would `idx_scan` say the day after a crash?
# - Which of your indexes would only a job at the end of the year use?

# %% [markdown]
# ## Your turn
#
# Find an index on `comments` with which the route's question reads as little as possible:
#
# `SELECT count(*), max(created_at) FROM comments WHERE author_id = …`
#
# Name its columns, in order, with commas between. The check tries your index in a transaction that is rolled back. `lesson.hint("comments_index")` helps, one step further each time.

# %% tags=["exercise"]
columns = ...

# %% tags=["solution"]
columns = "author_id, created_at"

# %%
lesson.check("comments_index", columns)

# %% tags=["nbval-ignore-output"]
wider = index_use.used(bench, [index_use.USED, index_use.WIDER])
pictures.advice(wider.findings)

# %%
lesson.claim(
    "Beside the wider index the narrow one overlaps",
    wider.found("overlapping") == [index_use.USED],
    at_least=1,
)

# %% [markdown]
# ## In production
#
# - Read the counters on a schedule and subtract: `lab statements --dsn … --seconds 60`. Look by total time, by calls, by mean and by blocks; each list answers another question. Leave the reset to nobody.
# - Blocks for each call are the same on every machine, times are not. Before and after a change compare blocks first.
# - Many calls with one row each, beside a statement with as many rows: look for a loop in the code.
# - `lab indexes --dsn …` tells what is invalid, duplicate, overlapping, unused and missing, with evidence and with what speaks against it. Try it on a copy before you drop anything, and look at the standbys.
# - `lab claims statements index-use` tests both sentences of the beginning on your machine.
