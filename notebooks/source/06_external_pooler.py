# %% [markdown]
# # 06 · An external pooler
#
# *15 minutes: 7 to read and predict, 3 of running, 5 for your turn.*
#
# A pool in the application ends at the edge of its process. Four workers on three machines are twelve pools, and PostgreSQL sees the sum. **PgBouncer** is one pool for all of them: a process between application and server that lends a server connection for the length of a transaction, and takes it back while the client stays connected.
#
# What does it bound, what does it cost, and what does it break?

# %%
from lab import lesson
from lab.demonstrate import pooler

lesson.begin("06_external_pooler")
bench = lesson.bench()
lesson.needs("pgbouncer")

# %% [markdown]
# Where PgBouncer is not installed, the cells from here on say so and do nothing.

# %% [markdown]
# ## Predict
#
# Twenty-four users ask an application with two workers, and each request holds a connection for a twentieth of a second. In each worker is a pool of five, without overflow. How many backends does the server have at most? And how many if the workers have no pool, and a PgBouncer of five stands before the server?

# %%
guess_pools = lesson.predict("backends, two workers with a pool of five each", 10)
guess_pooler = lesson.predict("backends, two workers behind a PgBouncer of five", 5)

# %% [markdown]
# ## Count the backends
#
# The third way is psycopg's own pool under SQLAlchemy's NullPool. It is another pool, but it is in the process as well.

# %% tags=["nbval-ignore-output"]
inside = pooler.growth(bench, "queue:size=5,overflow=0")
inside_too = pooler.growth(bench, "psycopg_pool:size=5", workers=[2])
outside = pooler.growth(bench, "pgbouncer:size=5", workers=[2])

# %% tags=["nbval-ignore-output"]
lesson.backends([inside, inside_too], outside, [guess_pools, guess_pooler])

# %%
lesson.claim(
    "A second worker brings backends of its own with a pool in each",
    inside.most[-1],
    between=(6, 10),
)

# %%
lesson.claim("So it does with psycopg's pool", inside_too.most[-1], between=(6, 10))

# %%
lesson.claim(
    "Behind PgBouncer two workers have no more backends than it may open",
    max(outside.most),
    between=(1, 5),
)

# %%
failed = inside.failed + inside_too.failed + outside.failed
lesson.claim("No request failed", failed, at_most=0)

# %% [markdown]
# `default_pool_size` counts for each pair of database and user, not for the whole of PgBouncer: two users with five each are ten backends.

# %% [markdown]
# ## NullPool before it
#
# With a pooler outside, a pool inside seems one too many, and NullPool the right choice. One load of each, to count what the server sees.

# %%
direct = lesson.one_load("null", users=16)
behind = lesson.one_load("pgbouncer:size=5", users=16)

# %% tags=["nbval-ignore-output"]
lesson.table(direct, behind)

# %%
lesson.claim(
    "NullPool opens a session in the server for each request",
    direct.sessions_per_request,
    between=(0.999, 1.001),
)

# %%
lesson.claim(
    "Behind PgBouncer the same application causes no more sessions than PgBouncer may open",
    behind.sessions_opened,
    between=(1, 5),
)

# %%
lesson.claim(
    "Neither load had a failed request", direct.failed + behind.failed, at_most=0
)

# %% [markdown]
# ## Why it is no gain in time yet
#
# The server forks no process any more. But look at *connect*:

# %% tags=["nbval-ignore-output"]
lesson.split(direct, behind)

# %%
lesson.claim(
    "A request through PgBouncer still spends a good part of its time on connecting",
    behind.split_ms.connect / (behind.split_ms.connect + behind.split_ms.sql),
    at_least=0.2,
)

# %% [markdown]
# The connection leads to PgBouncer now, and that wants the password too. SCRAM has both sides compute a few thousand hashes for each login, and PgBouncer does all of its part in a single thread. Nothing that the server saved has gone to the user.

# %% [markdown]
# ## Why: who waits where
#
# PgBouncer has a console of its own, a database named `pgbouncer` that answers `SHOW POOLS` and `SHOW STATS`. Two clients hold both connections of a PgBouncer of two in open transactions, and four more want one.

# %% tags=["nbval-ignore-output"]
line = pooler.queue(bench, size=2, clients=6)
line

# %%
lesson.claim("Two clients have a connection", line.active, between=(2, 2))

# %%
lesson.claim("The others wait in PgBouncer", line.waiting, between=(4, 4))

# %%
lesson.claim(
    "The longest wait shows while it lasts, as maxwait", line.maxwait_s, at_least=0.3
)

# %%
lesson.claim(
    "What all waited together stays in the statistics", line.waited_s, at_least=1
)

# %% [markdown]
# In PostgreSQL there is nothing to be seen of them: it has two connections, idle in transaction. `cl_waiting` and `maxwait` are what to watch; a wait there does not show in the application's own pool, which has handed out its connection long before.

# %% [markdown]
# ## What it breaks: the session
#
# In transaction mode whoever comes next gets the session as it was left. One client sets `statement_timeout`, takes an advisory lock and makes a temporary table, commits, and leaves. What does the next one find?

# %% tags=["nbval-ignore-output"]
found = pooler.leaks(bench)
found

# %%
lesson.claim("Both clients had the same backend", found.backends, between=(1, 1))

# %%
lesson.claim("The setting of the first is there", found.setting, at_least=1)

# %%
lesson.claim("Its lock is still held", found.lock, at_least=1)

# %%
lesson.claim("Its temporary table is there", found.table, at_least=1)

# %% [markdown]
# `SET LOCAL`, `pg_advisory_xact_lock` and `ON COMMIT DROP` end with the transaction, and are right under any pooler. In session mode PgBouncer sends `DISCARD ALL` between two clients; but then a client keeps its connection for as long as it stays, and bounds nothing for applications that have pools.

# %% [markdown]
# ## What it breaks: statements with names
#
# psycopg 3 prepares a statement under a name of its own when it has run a few times, asyncpg at once. The name belongs to a session in the server, and behind PgBouncer that is not the client's. From version 1.21 on PgBouncer can follow such names; before, a driver must not use them.

# %% tags=["nbval-ignore-output"]
named = pooler.prepared(bench, threshold=0)
unnamed = pooler.prepared(bench, threshold=None)
named, unnamed

# %%
lesson.claim(
    "Statements with names work if, and only if, this version says that it follows them",
    int(named.as_promised),
    at_least=1,
)

# %%
lesson.claim(
    "A driver that prepares nothing has no such trouble", unnamed.failed, at_most=0
)

# %% [markdown]
# Which of the two it is on your machine stands above, as `promised`. The SQL command `PREPARE` is followed by no version.

# %% [markdown]
# ## Your turn
#
# Give the application a pool again, of twenty, before the same PgBouncer of five. How often will it then log in to PgBouncer? Write your guess first; `lesson.hint("pool_before_pooler")` helps, one step further each time it is called.

# %% tags=["exercise"]
guess = lesson.predict("logins to PgBouncer, with a pool of twenty before it", ...)
pooled = lesson.one_load(..., users=16)

# %% tags=["solution"]
guess = lesson.predict("logins to PgBouncer, with a pool of twenty before it", 20)
pooled = lesson.one_load("pgbouncer:size=5,client=20", users=16)

# %%
lesson.check("pool_before_pooler", pooled)

# %% tags=["nbval-ignore-output"]
lesson.logins(behind, pooled, guess)

# %%
lesson.claim(
    "Without a pool, each request logged in to PgBouncer",
    behind.logins_per_request,
    between=(0.999, 1.001),
)

# %%
lesson.claim(
    "With one, the application logged in no more often than it has connections",
    pooled.logins,
    between=(1, 20),
)

# %% [markdown]
# What that is worth in time, `lab compare pgbouncer:size=5 pgbouncer:size=5,client=20` says, in pairs of runs. The pool inside saves the logins, the pooler outside bounds the sum. They do different things, and a large application has both: each worker keeps as many connections to PgBouncer as it has requests in flight, and PgBouncer keeps as many to the server as that can use.

# %% [markdown]
# ## In production
#
# - One or two workers on one machine need no pooler: a pool in each is quicker, and one part fewer can fail.
# - Count before you add one: workers × (size + overflow), old and new release at once, jobs and tools. If that sum nears `max_connections`, PgBouncer is the answer.
# - Behind transaction mode nothing may live in the session: settings, locks, temporary tables, `LISTEN`, and before 1.21 statements with names.
# - Watch `cl_waiting` and `maxwait`: the queue has moved, it has not gone.
