# %% [markdown]
# # 09 · Bloat
#
# *20 minutes: 9 to read and predict, 2 of running, 9 for your turn.*
#
# A table has grown, and somebody says: half of it is bloat. Half of it is *what*? Rows that VACUUM will remove, room that new rows will use, or disk that you would get back if you wrote the table anew? These are three numbers, and the tools that print one of them seldom say which.
#
# Who is right, and about what? Here the truth can be had: the tables are made for it, and in the end each is rewritten and measured.

# %%
from lab import lesson
from lab.demonstrate import bloat, growth, hot
from lab.demonstrate.bloat import SCENES
from lab.lesson import bloat_pictures

lesson.begin("09_bloat")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# From a table that was just filled, every other row is deleted. Then VACUUM runs. By how many per cent does the file become smaller?

# %%
guess_smaller = lesson.predict("% by which VACUUM makes the file smaller", 50)

# %% [markdown]
# ## A server without autovacuum
#
# Autovacuum would come between, so a private server without it is made for this lesson. It ends with it.

# %%
place = lesson.hold(bloat.place(bench))
rows = bench.scaled(ci=20_000, workshop=100_000)

# %% [markdown]
# ## One table, three questions
#
# The same table twice: half of its rows deleted, and then also vacuumed. Each is looked at by four ways. **exact** is `pgstattuple`, which reads the whole table. **approx** is `pgstattuple_approx`, which leaves out the pages that the visibility map calls clean. **estimate** reads the catalog only, and computes. **counters** is `n_dead_tup`.

# %%
deleted = bloat.shown(place, SCENES["half deleted"], rows)
vacuumed = bloat.shown(place, SCENES["half deleted, vacuumed"], rows)

# %% tags=["nbval-ignore-output"]
bloat_pictures.answers(deleted)

# %% tags=["nbval-ignore-output"]
bloat_pictures.answers(vacuumed)

# %% tags=["nbval-ignore-output"]
bloat_pictures.files(deleted, vacuumed, guess_smaller)

# %%
lesson.claim(
    "Before VACUUM at least two fifths of the file are dead",
    deleted.by("exact").dead_pct,
    at_least=40,
)
lesson.claim(
    "After it as much is free",
    vacuumed.by("exact").free_pct,
    at_least=40,
)
lesson.claim(
    "The file is as large as before",
    vacuumed.before_bytes / deleted.before_bytes,
    between=(1, 1),
)

# %%
lesson.claim(
    "The counters see nothing of that: no row is dead",
    vacuumed.by("counters").dead_rows,
    between=(0, 0),
)
lesson.claim(
    "A rewrite gives half of the file back",
    vacuumed.rewrite_pct,
    between=(48, 52),
)

# %% [markdown]
# VACUUM makes room *inside* the file. Only empty pages at its end go back to the disk. So a monitor that watches dead rows is content from here on, although half of the file is empty.
#
# Dead and free bytes are a little less than a rewrite gives back: each page keeps its header, and removed rows leave pointers of four bytes behind.

# %% [markdown]
# ## Four ways against the truth
#
# Now more tables, each made so that somebody stumbles. A *fillfactor* keeps room in every page, on purpose. Columns that *lie badly* need padding between them. A *dropped* column stays in the rows that have it. The last table was never analyzed.
#
# A fifth way comes along: the **usual estimate**, as it is passed on in wikis and built into tools. It adds up the widths of the columns, and takes the rows of the last ANALYZE.

# %%
shown = bloat.each(place, SCENES.values(), rows)

# %% tags=["nbval-ignore-output"]
bloat_pictures.said(shown, rows)

# %%
whole = [one for one in shown.values() if not one.looked.table.dropped]
analyzed = [one for one in shown.values() if one.by("estimate").rewrite_pct is not None]
wide = shown["a wide column dropped"]

# %%
lesson.claim(
    "Where no column was dropped, the exact way is within a point of the truth",
    max(one.off("exact") for one in whole),
    at_most=1,
)
lesson.claim(
    "The lab's estimate is within a point of it, dropped columns or not",
    max(one.off("estimate") for one in analyzed),
    at_most=1,
)
lesson.claim(
    "One table was never analyzed, and of that one it says nothing",
    len(shown) - len(analyzed),
    between=(1, 1),
)

# %%
lesson.claim(
    "The usual estimate is more than fifteen points off in three tables",
    sum((one.off(bloat.CLASSIC) or 0) > 15 for one in shown.values()),
    at_least=3,
)
lesson.claim(
    "After a column was dropped, the exact way misses over half of the file",
    wide.off("exact"),
    at_least=50,
)

# %% [markdown]
# The most careful way of all is wrong about the dropped column: `pgstattuple` reads every row, and what is left of the column lies in rows that live. It does not lie; it answers another question. *What can be reused?* Nothing. *What would a rewrite give back?* Most of it.
#
# The usual estimate calls padding and fillfactor bloat. A rewrite would bring both back. And when rows were deleted after ANALYZE, it has not heard of it.

# %% [markdown]
# ## What a look costs
#
# To count pages, nothing of the table may be in the server's cache. So a server is restarted before each look, and asked how many pages it read from outside. The count has a few pages of maps and catalogs in it as well, so it may be above what the table has. The estimate reads none of the table.

# %%
looks = bloat.cold(
    bench, (SCENES["half deleted"], SCENES["half deleted, vacuumed"]), rows
)

# %% tags=["nbval-ignore-output"]
bloat_pictures.costs(looks)

# %%
dirty_exact, dirty_approx, clean_exact, clean_approx = (
    one.read_pages / one.pages for one in looks
)
lesson.claim("The exact way reads every page of a clean table", clean_exact, at_least=1)
lesson.claim(
    "If VACUUM has been there, the approximate way reads under half of that",
    clean_approx / clean_exact,
    at_most=0.5,
)

# %%
lesson.claim(
    "If rows have died everywhere, it reads as much as the exact one",
    dirty_approx / dirty_exact,
    at_least=0.8,
)

# %% [markdown]
# That is cheap here and dear on a table of a terabyte, which then also fills the cache with itself. `lab bloat` reads nothing larger than its limit unless told to, and says what it left out.

# %% [markdown]
# ## Indexes
#
# Three indexes: one with ten different keys, one whose keys came in random order, and one half of whose entries were deleted. Since PostgreSQL 13 equal keys are merged: the key once, then six bytes for each row.

# %%
keys = bench.scaled(ci=40_000, workshop=100_000)
few = bloat.index_shown(place, "ten different keys", keys, keys=10)
mixed = bloat.index_shown(place, "keys in random order", keys, at_random=True)
thinned = bloat.index_shown(place, "half of the rows deleted", keys, deleted=True)

# %% tags=["nbval-ignore-output"]
bloat_pictures.indexes([few, mixed, thinned])

# %%
lesson.claim(
    "The usual estimate of the index with few keys is far below zero",
    few.usual.rebuild_pct,
    at_most=-50,
)
lesson.claim(
    "The lab's is near the truth for all three",
    max(one.off("estimate") for one in (few, mixed, thinned)),
    at_most=8,
)

# %%
lesson.claim(
    "Keys in random order alone leave a tenth of an index to be had",
    mixed.rebuild_pct,
    at_least=10,
)

# %% [markdown]
# The index with random keys is not ill. Its pages were split in halves and fill up again, so they are about two thirds full on average. REINDEX packs them, and the next inserts split them anew.

# %% [markdown]
# ## Updates that leave the indexes alone
#
# An UPDATE writes a new row. If that finds room in the same page, and no indexed column changes, it is **HOT**: no index gets a new entry, and the old row can go without VACUUM. The fillfactor keeps room for that.
#
# A table is filled, and a fifth of its rows is updated; five times, each time another fifth. How many per cent of the updates are HOT if the pages were full?

# %%
guess_hot = lesson.predict("% of updates that are HOT in full pages", 20)

# %%
free = hot.swept(place, (100, 90, 70, 50))
indexed = hot.swept(place, (100, 50), indexed=True)

# %% tags=["nbval-ignore-output"]
bloat_pictures.hot(free, indexed, guess_hot)

# %% tags=["nbval-ignore-output"]
bloat_pictures.room(free)

# %%
full, _, seventy, fifty = free
lesson.claim(
    "In full pages some of the updates found no room", full.hot_pct, at_most=90
)
lesson.claim(
    "With a little more than a quarter kept free, every update is HOT",
    seventy.hot_pct,
    between=(100, 100),
)
lesson.claim(
    "With half of each page kept free the file is clearly larger, for nothing more",
    fifty.after_bytes / seventy.after_bytes,
    at_least=1.2,
)

# %%
lesson.claim(
    "With an index on the column that changes none is, whatever the fillfactor",
    max(one.hot_pct for one in indexed),
    at_most=0,
)

# %% [markdown]
# Why are most updates HOT even in full pages? The first rows of a round find their page full and go elsewhere. The rows that they leave behind are dead when the next round comes to the page, are removed in passing, and make room.

# %% [markdown]
# ## Over time
#
# Every row of a small table is updated nine times over: never vacuumed, or after every third round. In the meantime the table is looked at on another connection. The marks say when VACUUM ran, as the server's counter tells it. How many times its first size has the file without VACUUM?

# %%
guess_times = lesson.predict("times its first size, never vacuumed", 5)

# %%
live = bench.scaled(ci=20_000, workshop=60_000)
never = growth.grown(place, rounds=9, vacuum_every=0, rows=live)
sometimes = growth.grown(place, rounds=9, vacuum_every=3, rows=live)

# %% tags=["nbval-ignore-output"]
bloat_pictures.course(never, sometimes, guess_times)

# %%
lesson.claim(
    "Without VACUUM the file grows to at least six times its first size",
    never.grown,
    at_least=6,
)
lesson.claim(
    "Most of that is free room that no row uses", never.free_share, at_least=0.6
)
lesson.claim(
    "With VACUUM it grows to two thirds of that at most",
    sometimes.grown / never.grown,
    at_most=0.67,
)

# %%
lesson.claim(
    "The server counted three runs of VACUUM", sometimes.vacuums, between=(3, 3)
)
lesson.claim("None of them made the file smaller", sometimes.shrunk, between=(0, 0))

# %% [markdown]
# ## Why
#
# Look at the free room of the table that was never vacuumed. The rows *are* removed there: whoever passes by a page prunes it. But who needs room for a new row asks the free space map, and only VACUUM writes down there what it found. So the room is free, and nobody knows.
#
# - The file's size is set by the worst moment between two runs of VACUUM. Vacuuming three times as often would have kept it smaller; once it has grown, VACUUM does not bring it back.
# - Would a rewrite help for long? The table would grow again to the size that its churn needs.

# %% [markdown]
# ## Your turn
#
# This table has three columns of eight bytes and three of one byte, and they lie badly:
#
# `is_new boolean, id bigint, is_paid boolean, amount bigint, is_sent boolean, weight bigint`
#
# Write the order in which the same rows take the least. By how many per cent will the file be smaller? `lesson.hint("column_order")` helps, one step further each time it is called.

# %%
guess_order = lesson.predict("% smaller in the best order", 10)
before_bytes = bloat.badly_laid(place)

# %% tags=["exercise"]
after_bytes = bloat.ordered(place, ...)

# %% tags=["solution"]
after_bytes = bloat.ordered(
    place, ["id", "amount", "weight", "is_new", "is_paid", "is_sent"]
)

# %%
lesson.check("column_order", place)

# %% tags=["nbval-ignore-output"]
bloat_pictures.orders(before_bytes, after_bytes, guess_order)

# %%
lesson.claim(
    "In the better order the same rows take at least a sixth less",
    1 - after_bytes / before_bytes,
    at_least=1 / 6,
)

# %% [markdown]
# No tool would have called this bloat, and no VACUUM will free it.

# %% [markdown]
# ## In production
#
# **Ask the right question.** `lab bloat` prints all three answers side by side, by every way that may be gone, with what each way costs and what it cannot know: `lab bloat --dsn postgresql://monitor@db/shop`. It writes nothing, membership in `pg_monitor` is enough, and files above its limit are estimated unless you say `--exact`.
#
# **Set:** leave the fillfactor alone unless a table is updated much in columns without an index; then 70 to 90, and look at the share of HOT updates before and after. New fillfactors hold for new pages. From PostgreSQL 16 on `n_tup_newpage_upd` says how many updates found no room.
#
# **Watch:** the file's size beside its live rows, and not dead rows alone. Free room that is used again is no loss; a file that keeps growing is.
#
# **Before you rewrite:** VACUUM FULL locks out readers too, and needs room for the copy. Ask whether the table will not simply grow again.
