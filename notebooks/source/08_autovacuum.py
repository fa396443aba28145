# %% [markdown]
# # 08 · Autovacuum
#
# *25 minutes: 12 to read and predict, 4 of running, 9 for your turn.*
#
# Dead rows are removed by VACUUM, and VACUUM is mostly run by autovacuum. When does it come to a table, how much is dead by then, and what happens where it does not come, or comes in vain?
#
# Everything happens on a private server, on which autovacuum looks once a second instead of once a minute.

# %%
from lab import lesson
from lab.demonstrate import churn, held, triggers
from lab.demonstrate.ground import ground
from lab.lesson import autovacuum_pictures as pictures
from lab.lesson.exercises import autovacuum

lesson.begin("08_autovacuum")
bench = lesson.bench()
server = lesson.hold(ground(bench))

# %% [markdown]
# ## Predict
#
# A table has the default settings. Its rows come and go; how many are live never changes.
#
# When autovacuum comes, how many dead rows does it find, in per cent of the live ones?

# %%
guess = lesson.predict("dead rows that autovacuum finds, % of the live ones", 12)

# %% [markdown]
# ## When does it come?
#
# The rule is in the documentation: dead rows have to be *more* than a threshold plus a share of the table. Beside it there is one for inserts, and one for ANALYZE.
#
# Each of these tables is brought to exactly its threshold, and autovacuum looks twice. Then one row more. Meanwhile rows of three other tables die at a steady rate; half-way, the moment at which autovacuum will come is predicted.

# %% tags=["nbval-ignore-output"]
came, climbs = triggers.watched(bench, server)
pictures.counts(came, server)

# %%
lesson.claim(
    "At its threshold autovacuum left every table alone",
    max(one.at.runs for one in came),
    at_most=0,
)
lesson.claim(
    "One row later it came to every one of them",
    min(one.over.runs for one in came),
    at_least=1,
)
lesson.claim(
    "Each time it had been predicted, from the counters and the settings",
    sum(not step.right for one in came for step in (one.at, one.over)),
    at_most=0,
)

# %% [markdown]
# - The share is one of `reltuples`, what the last VACUUM or ANALYZE thought of the table. For one that was never analyzed that is nothing, so it comes early; for one that has grown since, early too.
# - A table that only grows is vacuumed as well, after enough inserts: its pages get marked as visible to all and frozen. PostgreSQL 18 counts only the share that is not yet frozen.
# - PostgreSQL 18 also has a maximum for the threshold. Where it is missing, so is that row of the table.

# %% [markdown]
# ## At which moment?
#
# Crossing the threshold is not enough: the database has to get its turn, once in each `autovacuum_naptime`. So a moment is predicted as an interval.

# %% tags=["nbval-ignore-output"]
pictures.moments(climbs)

# %%
lesson.claim(
    "It never came before fifty rows and a fifth of the table were dead, and one more",
    min(one.died - one.default_threshold for one in climbs),
    at_least=1,
)
lesson.claim(
    "It came in the interval that was predicted, or within two turns of it",
    max(one.outside_s for one in climbs),
    at_most=2,
)

# %% [markdown]
# ## Three scale factors, and none
#
# Four tables of sessions, with the same churn: in each round the oldest end, and as many begin. One table has the default scale factor, two have smaller ones of their own, and on the last autovacuum is switched off.

# %% tags=["nbval-ignore-output"]
season = churn.churned(bench, server)
pictures.dead(season, guess)

# %%
default, smaller, smallest, off = season.tables
lesson.claim(
    "The smaller the scale factor, the more often autovacuum came",
    min(smallest.vacuums - smaller.vacuums, smaller.vacuums - default.vacuums),
    at_least=1,
)
lesson.claim(
    "And the fewer dead rows it found",
    min(default.peak / smaller.peak, smaller.peak / smallest.peak),
    at_least=1.5,
)
lesson.claim("Where it is switched off it never came", off.vacuums, at_most=0)

# %% [markdown]
# The default finds a fifth of the table dead, and what dies until its turn. Yet the smallest factor does not find a hundredth: between two turns more than that dies. Below that point a smaller factor changes nothing but the number of turns that are used, and `autovacuum_naptime` is what counts.

# %% tags=["nbval-ignore-output"]
pictures.sizes(season)

# %%
lesson.claim(
    "The table without autovacuum is clearly larger than that with the smallest factor",
    off.size_bytes / smallest.size_bytes,
    at_least=1.15,
)
lesson.claim(
    "Without autovacuum it grew in every round", off.least_growth_bytes, at_least=1
)

# %% [markdown]
# ## What an innocent query pays
#
# Which is the oldest session? One row, by the primary key: the quickest question there is. It was asked of every table after every turn.

# %% tags=["nbval-ignore-output"]
pictures.reads(season)

# %% tags=["nbval-ignore-output"]
pictures.costs(season)

# %%
lesson.claim(
    "With the smallest factor it reads no more at the end than at the beginning",
    smallest.rounds[-1].cost.blocks / smallest.rounds[0].cost.blocks,
    at_most=1.5,
)
lesson.claim(
    "Without autovacuum it reads more than twice as many blocks",
    off.rounds[-1].cost.blocks / smallest.rounds[-1].cost.blocks,
    at_least=2,
)

# %% [markdown]
# Every session that ended has left an entry at the beginning of the index, and only VACUUM removes it. The query walks over all of them to find its one row.
#
# Switch autovacuum on again. It is never too late, except for the file: the space is free for new rows, and is not given back.

# %% tags=["nbval-ignore-output"]
mended = churn.mended(server)
pictures.before_and_after(mended)

# %%
lesson.claim("One visit removes every dead row", mended.after.dead, at_most=0)
lesson.claim(
    "The query reads as little as with the smallest factor",
    mended.cost_after.blocks / smallest.rounds[-1].cost.blocks,
    at_most=1.5,
)
lesson.claim(
    "The file has not become smaller",
    mended.after.size_bytes / mended.before.size_bytes,
    at_least=1,
)

# %% [markdown]
# ## Autovacuum that comes in vain
#
# A transaction is idle while rows die, one of each kind, each in a database of its own. Autovacuum runs. How many rows does it remove?

# %% tags=["nbval-ignore-output"]
beside = held.held(bench, server)
pictures.holders(beside)

# %%
blocking = [one for one in beside if one.blocked]
harmless = ("READ COMMITTED, has read", "REPEATABLE READ, in another database")
lesson.claim(
    "Beside one that has only read, or is elsewhere, everything was removed",
    sum(one.left for one in beside if one.holder in harmless),
    at_most=0,
)
lesson.claim(
    "Beside every other one not a single row was",
    sum(one.dead - one.left for one in beside if one.holder not in harmless),
    at_most=0,
)

# %%
lesson.claim(
    "There autovacuum came again and again all the same",
    min((one.runs for one in blocking), default=0),
    at_least=2,
)
lesson.claim(
    "The server says who it is where something is in the way, and names nobody elsewhere",
    sum(bool(one.named) != one.blocked for one in beside),
    at_most=0,
)
lesson.claim(
    "When the transaction had ended, everything was removed",
    max(one.left_after for one in beside),
    at_most=0,
)

# %% [markdown]
# A rising `autovacuum_count` is no sign of health: it rises fastest where nothing can be removed. Nor is one column enough to find who is in the way:
#
# - one that has written shows in `backend_xid` and not in `backend_xmin`, one with a snapshot or an open cursor in `backend_xmin`;
# - a prepared transaction has no session at all; it is in `pg_prepared_xacts`;
# - replication slots and standbys hold rows too: `pg_replication_slots`, `pg_stat_replication`. `lab autovacuum` looks at all of them.

# %% [markdown]
# ## Why
#
# Autovacuum wakes up for each database once in a naptime, reads the counters that sessions have handed in, and compares them with a threshold for each table. It does not look at the table. What it does not know, it can't act on: counters that are late, or lost in a crash, or a `reltuples` that is old.
#
# A fifth of a small table is little. A fifth of a large one is a lot to leave behind, and a lot to clean up at once. The default grows with the table, and so does what every query walks over in the meantime.

# %% [markdown]
# ## Your turn
#
# `visits_log` has twenty thousand rows and the default settings. Make autovacuum come after a few hundred dead rows at the latest, and leave all other tables as they are: what stands between the parentheses of `ALTER TABLE visits_log SET (...)`? `lesson.hint("comes_in_time")` helps, one step further each time it is called.

# %%
autovacuum.prepare(server)

# %% tags=["exercise"]
autovacuum.alter(server, ...)

# %% tags=["solution"]
autovacuum.alter(server, "autovacuum_vacuum_scale_factor = 0.02")

# %%
lesson.check("comes_in_time", server)

# %% [markdown]
# ## In production
#
# - Leave autovacuum on. Give hot tables a scale factor of their own, so small that what dies between two turns is most of what is dead; smaller is of no use.
# - `lab autovacuum --dsn ...` says for every table when autovacuum comes and why, and who holds the horizon. Against idle transactions set `idle_in_transaction_session_timeout`; watch `pg_prepared_xacts` and slots.
# - Look at dead rows over time and not at `autovacuum_count`. If dead rows do not fall after a run, somebody is in the way.
