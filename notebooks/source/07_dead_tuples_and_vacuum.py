# %% [markdown]
# # 07 · Dead tuples and VACUUM
#
# *25 minutes: 12 to read and predict, 3 of running, 10 for your turn.*
#
# A table that is updated grows, also when it has no more rows than before. VACUUM is said to clean it up without locking anybody, and VACUUM FULL to do it properly.
#
# What is left behind by a statement, what does each of the two take away, and who has to wait meanwhile? The lesson asks a small server of its own, where nobody else is and autovacuum is off: what stands in a table there is what the lesson did to it.

# %%
from lab import lesson
from lab.demonstrate import (
    dead_percent,
    probing,
    quiet,
    rewriting,
    vacuuming,
    versions,
)
from lab.lesson import vacuum_pictures

lesson.begin("07_dead_tuples_and_vacuum")
bench = lesson.hold(quiet.server(lesson.bench()))

# %% [markdown]
# ## Predict
#
# Every second row of a table is deleted, then VACUUM runs. How many percent of the file does the operating system get back?
#
# And while VACUUM FULL writes a table anew that fits into memory with ease, somebody reads one row of it, by its key, again and again. What is the reader's longest wait?

# %%
guess_back = lesson.predict("percent of the file that VACUUM gives back", 50)
guess_wait = lesson.predict("longest wait beside VACUUM FULL, ms", 10)

# %% [markdown]
# ## What a statement leaves
#
# Each of these touches a thousand rows of a new table. `pgstattuple` reads every page and counts what is there; `n_dead_tup` is what the statistics say.

# %% tags=["nbval-ignore-output"]
wrote = versions.left(bench, versions.LEAVE)
no_trace = versions.left(bench, versions.LEAVE_NONE)
again = versions.left(bench, [versions.AGAIN])

# %% tags=["nbval-ignore-output"]
vacuum_pictures.left_table([*wrote, *no_trace, *again])

# %%
lesson.claim(
    "Each row that was updated, deleted, or written in vain left exactly one dead row",
    sum(abs(one.dead - one.touched) for one in wrote),
    at_most=0,
)
lesson.claim(
    "INSERT, SELECT FOR UPDATE and TRUNCATE left none",
    sum(one.dead for one in no_trace),
    at_most=0,
)

# %%
lesson.claim(
    "One row updated over and over left few: the full page is tidied on the way",
    again[0].dead / again[0].touched,
    between=(0.001, 0.3),
)
lesson.claim(
    "The statistics count the same, once the session has reported",
    sum(abs(one.counted_dead - one.dead) for one in (*wrote, *no_trace, *again)),
    at_most=0,
)

# %% [markdown]
# ## Why
#
# PostgreSQL never writes over a row. An UPDATE adds a new version and notes on the old one which transaction ended it; a DELETE only makes the note. A transaction that began before still finds what it has to see, and a ROLLBACK has nothing to undo: the new versions count as never written.
#
# A version that nobody can see any more is a **dead row**, or dead tuple. It takes its place until somebody clears it away: VACUUM, or, if the new version lies on the same page and no index has changed, whoever next finds that page full. That is *pruning*, and the update a *HOT* update.

# %% [markdown]
# ## The query that everybody has
#
# Tables with more than a thousand dead rows, by `n_dead_tup / (n_live_tup + n_dead_tup)`. Four tables, and what the query says of each.

# %% tags=["nbval-ignore-output"]
said = dead_percent.said(bench)
vacuum_pictures.said_table(said)

# %%
deleted, vacuumed, at_once, small = said
lesson.claim(
    "Right where rows were deleted and nothing else happened",
    abs((deleted.says_pct or 0) - 50),
    at_most=1,
)
lesson.claim(
    "Blind for free space: a file that is nearly half empty is not listed",
    vacuumed.free_pct if not vacuumed.listed else 0,
    at_least=40,
)

# %%
lesson.claim(
    "False after DELETE and VACUUM at once: listed, and not one dead row",
    0 if at_once.dead else at_once.says_pct,
    at_least=20,
)
lesson.claim(
    "A small table is never listed, although nine of ten rows are dead",
    small.dead if not small.listed else 0,
    at_least=900,
)

# %% [markdown]
# The third row is how most notebooks and tests do it. A session reports its counts at most once a second. So VACUUM sets the counter to zero, and then the DELETE arrives and adds its rows to it. The second row is the cure: `pg_stat_force_next_flush()` in the session that deleted, before the VACUUM; on 13 and 14 a second's pause and one more statement. The lab's own snapshots do that.
#
# Free space is in no counter. To see it somebody has to read the table: `pgstattuple`, and lesson 09.

# %% [markdown]
# ## The file does not shrink
#
# Every second row deleted, VACUUM, and the same rows added again.

# %% tags=["nbval-ignore-output"]
stages = vacuuming.file(bench)

# %% tags=["nbval-ignore-output"]
vacuum_pictures.file(stages, guess_back)

# %%
filled, after_delete, after_vacuum, refilled = stages.values()
lesson.claim("VACUUM removed all that was dead", after_vacuum.dead_pct, between=(0, 0))
lesson.claim(
    "VACUUM gave nothing of the file back",
    after_vacuum.file_bytes / filled.file_bytes,
    between=(1, 1),
)

# %%
lesson.claim(
    "The new rows took the place of the dead ones: the file did not grow",
    refilled.file_bytes / filled.file_bytes,
    between=(1, 1),
)

# %% [markdown]
# So VACUUM is for the next rows, not for the disk. A table that is vacuumed in time stays at its size; one that was vacuumed too late keeps the size it had reached.

# %% [markdown]
# ## Unless its end is empty
#
# Now the second half of the rows is deleted, the last pages of the file. Three such tables are vacuumed at the same time: one alone, one where `vacuum_truncate` is false, and one that somebody has read who is now idle in transaction.

# %% tags=["nbval-ignore-output"]
tails = vacuuming.tails(bench)
vacuum_pictures.tails_table(tails)

# %%
alone, forbidden, read = tails
lesson.claim("Empty pages at the end are given back", alone.kept, between=(0.4, 0.6))
lesson.claim("With vacuum_truncate false they stay", forbidden.kept, between=(1, 1))

# %%
lesson.claim(
    "Beside an open transaction that has read they stay as well",
    read.kept,
    between=(1, 1),
)
lesson.claim(
    "The dead rows are gone in all three",
    sum(one.dead_after for one in tails),
    at_most=0,
)

# %%
lesson.claim(
    "Meanwhile it was in the phase that shortens the file",
    read.phases.count("truncating heap"),
    at_least=1,
)
lesson.claim("It tried that for seconds before it gave up", read.took_s, at_least=4.5)

# %% [markdown]
# To cut the file VACUUM needs an ACCESS EXCLUSIVE lock, which anybody else's lock on the table denies it. It tries for five seconds, and lets go as soon as somebody waits for it. This is the one moment at which VACUUM is in the way, and it comes at the very end; on a standby the lock is replayed, and held until the VACUUM's commit arrives. Where that hurts, `vacuum_truncate = false` on the table turns it off.
#
# Lesson 05 found a reader who is idle in transaction harmless. For the dead rows he is; the file stays as long as it was.

# %% [markdown]
# ## Who has to wait?
#
# A VACUUM that rests at every page holds its lock for long enough to try one statement after the other. A plain EXCLUSIVE lock and a VACUUM FULL, which is stopped halfway, for comparison.

# %% tags=["nbval-ignore-output"]
tables = probing.waiting(bench)

# %% tags=["nbval-ignore-output"]
vacuum_pictures.waiting(tables)

# %%
vacuum, exclusive, full = tables
use = [one.name for one in (*probing.READS, *probing.WRITES)]
upkeep = [one.name for one in probing.UPKEEP]
lesson.claim("No reader and no writer waits for VACUUM", vacuum.waited(*use), at_most=0)
lesson.claim(
    "ANALYZE, CREATE INDEX, ALTER TABLE and a second VACUUM all wait for it",
    vacuum.waited(*upkeep) - len(upkeep),
    between=(0, 0),
)

# %%
passed = [one.probe for one in exclusive.met if not one.waited]
lesson.claim(
    "An EXCLUSIVE lock lets a SELECT through, and nothing else",
    passed == ["SELECT"],
    between=(1, 1),
)
lesson.claim(
    "For VACUUM FULL everything waits, a plain SELECT too",
    full.waited() - len(full.met),
    between=(0, 0),
)

# %% [markdown]
# VACUUM holds SHARE UPDATE EXCLUSIVE, which readers and writers do not mind; whatever changes the table, or looks after it, does. So "non-locking" is right until one of those comes: an `ALTER TABLE` waits for the VACUUM, and a SELECT that comes after it?

# %% tags=["nbval-ignore-output"]
behind = probing.queued(bench)
vacuum_pictures.queued(behind)

# %%
lesson.claim(
    "A SELECT waits behind the ALTER TABLE that waits for VACUUM",
    behind.waited,
    between=(1, 1),
)

# %% [markdown]
# Autovacuum gives way in that case and starts over another time, unless it runs against wraparound; a VACUUM of yours does not.

# %% [markdown]
# ## VACUUM ANALYZE
#
# Half of the rows are updated. How many does the planner expect to find, after VACUUM and after VACUUM ANALYZE?

# %% tags=["nbval-ignore-output"]
known = vacuuming.known(bench)
vacuum_pictures.known_table(known)

# %%
_, updated, plain, both = known
lesson.claim(
    "After the update the planner is wrong by far", updated.times_off, at_least=1000
)
lesson.claim("VACUUM alone leaves it wrong", plain.times_off, at_least=1000)
lesson.claim("VACUUM ANALYZE mends it", both.times_off, at_most=1.1)
lesson.claim("Dead rows are gone after both", plain.dead + both.dead, at_most=0)

# %% [markdown]
# ## VACUUM FULL: the disk
#
# The table from above, half empty after a VACUUM, is written anew. The second row is taken when the copy is complete and the old file is not yet given up.

# %% tags=["nbval-ignore-output"]
disk = rewriting.disk(bench)
vacuum_pictures.disk(disk)

# %%
lesson.claim(
    "The table is half as large afterwards",
    disk.after_bytes / disk.before_bytes,
    between=(0.4, 0.6),
)
lesson.claim(
    "Meanwhile the new copy stood beside the old one",
    disk.beside_bytes / disk.after_bytes,
    at_least=1,
)

# %% [markdown]
# Whoever runs VACUUM FULL because the disk is full finds that it needs the room first.

# %% [markdown]
# ## VACUUM FULL: the readers
#
# The same delete, once with a VACUUM that rests as autovacuum does, once with VACUUM FULL. Beside both somebody asks for one row a hundred times a second, and each wait counts from the moment at which the question was due.

# %% tags=["nbval-ignore-output"]
beside = rewriting.read_beside(bench, rewriting.AS_AUTOVACUUM)
beside_full = rewriting.read_beside(bench, rewriting.REWRITE)

# %% tags=["nbval-ignore-output"]
vacuum_pictures.readers([beside, beside_full], guess_wait)

# %%
lesson.claim(
    "Beside VACUUM the reader was answered all the time",
    beside.answered,
    at_least=15,
)
lesson.claim(
    "Beside VACUUM FULL it waited for most of the time that it took",
    beside_full.blocked,
    at_least=0.5,
)

# %% [markdown]
# The wait is as long as VACUUM FULL takes: not much for a table of this size, hours for one of a terabyte. It is a line that slopes, since each later question has waited less; and in an application each of them holds a connection of the pool.

# %% [markdown]
# ## Your turn
#
# The last half of a table is gone, and its file is as long as ever: somebody has set `vacuum_truncate = false` on it. Give the space back with one statement, without a rewrite and without changing the table's settings. The table is called `scratch`; `lesson.hint("shorter_file")` helps, one step further each time it is called.

# %% tags=["exercise"]
statement = ...

# %% tags=["solution"]
statement = "VACUUM (TRUNCATE on) scratch"

# %%
lesson.check("shorter_file", vacuuming.tried(bench, statement))

# %% [markdown]
# ## In production
#
# - Dead rows are normal. What matters is that VACUUM comes before the table has grown; when autovacuum does is lesson 08.
# - Do not wait for a file to shrink. If it has to, and the table is read, use a tool that copies beside it (`pg_repack`, `pg_squeeze`), or VACUUM FULL in a window as long as the copy takes, with room for the copy.
# - Set `lock_timeout` before `ALTER TABLE`: it may meet a VACUUM, and everybody else then waits behind it.
# - After a large change run ANALYZE, or VACUUM ANALYZE: VACUUM alone tells the planner nothing of the values.
# - Read dead-row counters only when every session has reported, and never as a measure of bloat.
