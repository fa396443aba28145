# %% [markdown]
# # 02 · NullPool or QueuePool?
#
# *20 minutes: 8 to read and predict, 4 of running, 8 for your turn.*
#
# An endpoint reads one row by its key. With **NullPool** every request opens a connection to PostgreSQL and closes it again. With **QueuePool** a few connections stay open and take turns. Same application, same query, same users: the only difference is one argument of `create_engine`.
#
# The classic advice says that NullPool is for tests, not for production. Is that so, and by how much?

# %%
from lab import lesson

lesson.begin("02_nullpool_or_queuepool")

# %% [markdown]
# ## What does closing a session close?
#
# Open a session and close it, three times over. Behind each session is a backend: a process of the server, with a number of its own.

# %% tags=["nbval-ignore-output"]
pooled, unpooled = lesson.sessions("queue", count=3), lesson.sessions("null", count=3)
pooled, unpooled

# %%
lesson.claim(
    "With a pool, three sessions share one backend", len(set(pooled)), between=(1, 1)
)
lesson.claim(
    "With NullPool, each session has a backend of its own",
    len(set(unpooled)),
    between=(3, 3),
)

# %% [markdown]
# `session.close()` gives the connection back to the pool. It closes nothing, unless the pool is one that keeps nothing.

# %% [markdown]
# ## Predict
#
# For every request that the NullPool application answers, how many will the pooled application answer in the same time?

# %%
guess = lesson.predict("requests answered, pool / NullPool", 1.5)

# %% [markdown]
# ## Run
#
# Sixteen users ask without pause. Each variant runs several times, in random order within each pair, on fresh processes of the application. The picture grows while they run; ■ stops it; the runs made so far are kept.

# %%
result = lesson.compare("null", "queue:size=10,overflow=0", users=16)

# %% [markdown]
# ## Count before you time
#
# PostgreSQL counts the sessions that were opened on it; the load generator counts what it asked.

# %% tags=["nbval-ignore-output"]
lesson.table(*result.both)

# %%
lesson.claim(
    "NullPool opened one session for each request",
    result.first.sessions_per_request,
    between=(0.999, 1.001),
)
lesson.claim(
    "The pool opened a session for fewer than one request in ten",
    result.second.sessions_per_request,
    at_most=0.1,
)
lesson.claim("No request failed", result.first.failed + result.second.failed, at_most=0)

# %% [markdown]
# ## What it cost
#
# Your guess is the dashed line.

# %% tags=["nbval-ignore-output"]
lesson.chart_of(result, guess)

# %%
lesson.claim("The pool answers clearly more requests", result.ratio, at_least=1.3)

# %% [markdown]
# ## Why
#
# Each response says how long it waited for the pool, connected, and executed SQL. So the time of every single request can be taken apart, in milliseconds:

# %% tags=["nbval-ignore-output"]
lesson.split(*result.both)

# %%
lesson.claim(
    "A NullPool request connects for longer than it executes SQL",
    result.first.connect_per_sql,
    at_least=1,
)

# %% [markdown]
# Connecting is not waiting for a network: PostgreSQL forks a process, checks the password (SCRAM makes both sides compute), and reads its catalogs anew. Both sides compute, and on a busy machine the queries and the application have to wait for the processor meanwhile: all parts are times on the clock, with waiting for a core in them. That is why the same query and the same code take longer beside NullPool.
#
# - What would change if the application ran on another machine than the database?
# - NullPool is right in two places: behind a pooler of its own, and in tests that need a clean session.

# %% [markdown]
# ## A trap on the way
#
# It is tempting to compare the two by reading PostgreSQL's statistics views right after a load. Make some hundred updates through each, and look at once.

# %% tags=["nbval-ignore-output"]
through_pool = lesson.updates("queue:size=1,overflow=0")
through_null = lesson.updates("null")
through_pool, through_null

# %%
lesson.claim(
    "NullPool's updates are all seen once its backends have ended",
    through_null.share_at_once,
    at_least=1,
)
lesson.claim(
    "Most of the pool's updates are not seen at once",
    through_pool.share_at_once,
    at_most=0.5,
)
lesson.claim(
    "After the backends ended, every update is seen",
    through_pool.after_flush - through_pool.made,
    between=(0, 0),
)

# %% [markdown]
# A backend reports its counters when it ends, and an idle one keeps them for up to ten seconds. A NullPool backend ends after each request. So whoever reads at once sees all of NullPool's work and little of the pool's, and compares two different things. The lab ends the application's backends before it takes its last snapshot.

# %% [markdown]
# ## Your turn
#
# Give the pool a single connection. Does it still beat NullPool? Write your guess first; `lesson.hint("one_connection")` helps, one step further each time it is called.

# %% tags=["exercise"]
guess_one = lesson.predict("requests answered, pool of one / NullPool", ...)
one = lesson.compare("null", ..., users=16)

# %% tags=["solution"]
guess_one = lesson.predict("requests answered, pool of one / NullPool", 1.0)
one = lesson.compare("null", "queue:size=1,overflow=0", users=16)

# %%
lesson.check("one_connection", one)

# %% tags=["nbval-ignore-output"]
lesson.chart_of(one, guess_one)

# %%
lesson.claim(
    "A pool of a single connection answers clearly more than NullPool",
    one.ratio,
    at_least=1.1,
)

# %% [markdown]
# One connection serves sixteen users because each holds it for well under a millisecond. They wait in the pool, as the chart shows, but waiting takes no processor time, and opening connections does. A larger pool lets queries overlap; it cannot gain what was lost to connecting, and need not gain anything.

# %% [markdown]
# ## In production
#
# Keep a pool in every worker and know its ceiling: workers × (size + overflow). Behind an external pooler, and in tests, NullPool is the right choice; anywhere else it spends CPU time on opening what it closes again.
#
# Compare your own settings with `lab compare`; `lab compare --help` lists what can be varied.
