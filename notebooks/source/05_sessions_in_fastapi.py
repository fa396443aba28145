# %% [markdown]
# # 05 · Sessions in FastAPI
#
# *25 minutes: 12 to read and predict, 4 of running, 9 for your turn.*
#
# A pool can be healthy, the queries quick, the server idle, and the application still stop answering. What decides it is when a request takes its connection, and when it gives it back.
#
# FastAPI's documentation shows a dependency that yields a session, used by a sync handler with a response model. How many requests at once does that stand?

# %%
from importlib.metadata import version

from lab import lesson
from lab.demonstrate import (
    collapse,
    event_loop,
    holding,
    horizon,
    releasing,
    transactions,
)
from lab.lesson import session_pictures

lesson.begin("05_sessions_in_fastapi")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# An application has ten threads for its handlers and a pool of ten connections. Each request runs one short query. A request that finds the pool empty waits for a second, then fails; in production that second is SQLAlchemy's default of thirty.
#
# With how many requests in flight do the first ones fail?

# %%
guess = lesson.predict("requests in flight at which the first ones fail", 12)

# %% [markdown]
# ## Run
#
# Waves of requests, all sent at once: fewer than predicted by this lesson, then more. Three applications, with different threads and connections. The grey lines are the prediction; the dashed one is yours.

# %% tags=["nbval-ignore-output"]
cliffs = collapse.cliffs(bench)
session_pictures.cliff(cliffs, guess)

# %%
lesson.claim(
    "Below threads plus connections nothing failed, in any of the three",
    sum(one.failed_below for one in cliffs),
    at_most=0,
)
lesson.claim(
    "With a third more than that, requests failed in all three",
    min(one.failed_over for one in cliffs),
    at_least=1,
)

# %% [markdown]
# ## Look at it while it hangs
#
# It is a cliff and not a slope: a few more requests in flight, and the application stops for as long as the pool's timeout. Which of the two numbers is large does not matter, only their sum. What does it look like from inside?
#
# The application is asked over a route that needs no thread, the server over a connection of its own.

# %% tags=["nbval-ignore-output"]
stuck = collapse.stuck(bench)
stuck

# %%
lesson.claim(
    "All threads are taken, and requests wait for one",
    stuck.waiting_for_a_thread if stuck.threads_taken == stuck.threads else 0,
    at_least=1,
)
lesson.claim(
    "All connections are out", stuck.connections - stuck.connections_out, between=(0, 0)
)
lesson.claim(
    "In PostgreSQL all of them are idle in transaction, and none is active",
    stuck.connections - stuck.idle_in_transaction + stuck.active,
    between=(0, 0),
)

# %% [markdown]
# ## Why
#
# A sync handler runs in a thread. It takes a connection with its first query, returns, and gives the thread back. Then FastAPI validates the answer against the response model, **in a thread again**, and only afterwards ends the dependency, which gives the connection back.
#
# So a request that has a connection needs a second thread to get rid of it. If all threads are taken by requests that wait for a connection, and all connections by requests that wait for a thread, nobody can move. That takes as many requests as there are threads and connections together; with one fewer, somebody always finishes.
#
# The server sees nothing wrong: idle sessions, no load. That is the fingerprint.

# %% [markdown]
# ## Cures, and what is none
#
# The same requests in flight, sent to each way of holding the session. A dot is a wave.

# %% tags=["nbval-ignore-output"]
cures, others = collapse.at_one_load(bench)
session_pictures.ways(cures, others)

# %%
lesson.claim(
    "Every cure answered every request",
    sum(sum(tried.point.failed) for tried in cures),
    at_most=0,
)
lesson.claim(
    "Under each of the others requests failed",
    min(sum(tried.point.failed) for tried in others),
    at_least=1,
)

# %% [markdown]
# - `with Session() as db:` inside the handler is the plain cure: the connection is back before the answer is made.
# - Closing the session before `return`, or returning a `Response`, has the same effect. `Depends(..., max_concurrency=...)`, new in FastAPI, lets no more requests to the dependency than there are connections; the rest wait without a thread.
# - `scope="function"` is no cure: the dependency still ends after the validation. Fewer threads lower the cliff, and a pool as large as the threads only moves it.

# %% [markdown]
# ## When does `yield` give the connection back?
#
# It depends on the version of FastAPI. A streamed answer and a background task go on after the handler has returned. How many connections are out once the answers have begun?

# %% tags=["nbval-ignore-output"]
web = lesson.hold(bench.application("queue:size=5,overflow=0,timeout=1"))
held = releasing.held_after_answer(bench, web=web)
version("fastapi"), held

# %%
documented, function = held[0::2], held[1::2]
lesson.claim(
    "With the documented dependency all connections are out until stream and task have ended",
    min(one.connections_out - one.requests for one in documented),
    between=(0, 0),
)
lesson.claim(
    "With scope function none is",
    max(one.connections_out for one in function),
    at_most=0,
)

# %% [markdown]
# ## The commit that comes after the answer
#
# The dependency commits after `yield`. The write names a user who does not exist, and the constraint is checked at the commit. What are the clients told, and what is stored?

# %% tags=["nbval-ignore-output"]
late, by_function, inside = transactions.written(bench, web=web)
late, by_function, inside

# %%
lesson.claim(
    "Late commit: every client was told that it worked",
    late.asked - late.answered_200,
    between=(0, 0),
)
lesson.claim("Late commit: nothing was stored", late.stored, between=(0, 0))
lesson.claim(
    "The two other forms told every client that it failed",
    by_function.answered_200 + inside.answered_200,
    at_most=0,
)

# %% [markdown]
# Commit in the handler, or give a dependency that commits `scope="function"`: here it is the right cure.

# %% [markdown]
# ## A blocking driver in `async def`
#
# Users ask a route that holds a connection for a moment, once as `async def` around the blocking driver and once as `def`. Beside them a canary asks a route that needs neither thread nor database.

# %% tags=["nbval-ignore-output"]
blocking, threads = event_loop.beside(bench, web=web)
session_pictures.canaries(blocking, threads)

# %%
lesson.claim(
    "In async def the users get no more than one answer for each hold",
    blocking.crowd.per_s * 0.05,
    at_most=1,
)
lesson.claim(
    "In def they get at least twice as many",
    threads.crowd.per_s / blocking.crowd.per_s,
    at_least=2,
)
lesson.claim(
    "Beside async def the canary waits at least three times as long",
    blocking.median_ms / threads.median_ms,
    at_least=3,
)

# %% [markdown]
# It gets worse when the pool is exhausted. Whoever waits for a connection stops the loop, and those who have one cannot go on to give it back.

# %% tags=["nbval-ignore-output"]
frozen, waited = event_loop.exhausted(bench, web=web)
session_pictures.canary_table(frozen, waited)

# %%
lesson.claim(
    "In async def the canary stood still for most of the pool's timeout",
    max(frozen.canary_ms) / 1000,
    at_least=0.5,
)
lesson.claim("In async def a request failed", frozen.crowd.failed, at_least=1)
lesson.claim("In def none failed", waited.crowd.failed, at_most=0)

# %% [markdown]
# ## Two sessions, work beside the database, a leak
#
# A request that opens a second session while it has the first needs two connections. It locks up as soon as there are as many requests as connections.

# %% tags=["nbval-ignore-output"]
one_fewer, as_many = holding.locking(bench, web=web)
one_fewer, as_many

# %%
lesson.claim(
    "One request fewer than connections: nothing failed",
    sum(one_fewer.failed),
    at_most=0,
)
lesson.claim(
    "As many requests as connections: some failed", sum(as_many.failed), at_least=1
)

# %% [markdown]
# Calling another service with the connection in hand fills the pool while the server has nothing to do. Committing first gives the connection back.

# %% tags=["nbval-ignore-output"]
kept, given_back = holding.outside(bench, web=web)
session_pictures.outside_table(kept, given_back)

# %%
lesson.claim(
    "Kept: the answers stay at or below connections over hold",
    kept.crowd.per_s / kept.bound_per_s,
    at_most=1.01,
)
lesson.claim(
    "Kept: most connections are idle in transaction",
    kept.idle_in_transaction / web.pool.size,
    at_least=0.6,
)
lesson.claim(
    "Given back: clearly more answers",
    given_back.crowd.per_s / kept.crowd.per_s,
    at_least=1.3,
)

# %% [markdown]
# A session that is never closed holds its connection for good.

# %% tags=["nbval-ignore-output"]
leak = holding.leak(bench, web=web)
leak

# %%
lesson.claim(
    "Every leaked session is a connection out, and idle in transaction",
    2 * leak.connections - leak.connections_out - leak.idle_in_transaction,
    between=(0, 0),
)
lesson.claim(
    "The next request is refused until they are closed",
    leak.next_status - leak.next_status_after,
    between=(303, 303),
)

# %% [markdown]
# ## What the server counts
#
# Requests that only read never commit. The session rolls back when it is closed.

# %% tags=["nbval-ignore-output"]
ended = transactions.ended(bench)
ended

# %%
lesson.claim(
    "Each request that only read counts as a rollback",
    ended.rollbacks_per_request,
    between=(1, 1.1),
)
lesson.claim("None of them failed", ended.failed, at_most=0)

# %% [markdown]
# ## Which idle transactions block VACUUM?
#
# Rows die while a transaction is open and idle. How many of them does VACUUM have to leave?
#
# A transaction that has written shows a `backend_xid` and often no `backend_xmin`; a snapshot shows as `backend_xmin`. Whoever looks at one of the two columns misses some. And each of these sessions holds a connection.

# %% tags=["nbval-ignore-output"]
table = horizon.blocked(bench)
session_pictures.blocked(table)

# %%
left = {one.holder: one.not_removable / one.dead for one in table}
harmless = ("READ COMMITTED, has read", "REPEATABLE READ, in another database")
lesson.claim(
    "Beside one that has only read, or is elsewhere, VACUUM removes everything",
    max(left[name] for name in harmless),
    at_most=0,
)
lesson.claim(
    "One that has written, or has a snapshot, keeps every dead row",
    min(share for name, share in left.items() if name not in harmless),
    at_least=1,
)

# %% [markdown]
# ## Your turn
#
# An application has ten threads and the documented dependency, and you cannot change its code. Forty requests can be in flight at once. What is the smallest pool that is safe? `lesson.hint("enough_connections")` helps, one step further each time it is called.

# %% tags=["exercise"]
need = lesson.predict("connections that are enough", ...)
pool = ...

# %% tags=["solution"]
need = lesson.predict("connections that are enough", 31)
pool = "queue:size=31,overflow=0,timeout=1,threads=10"

# %%
lesson.check("enough_connections", pool)

# %% [markdown]
# ## In production
#
# - Open the session inside the handler, and commit there. Keep nothing else between its first query and its end.
# - If the dependency has to stay: limit the requests in flight of each worker to less than its threads plus its connections.
# - Watch together: threads taken and waited for, connections out, and sessions that are idle in transaction. The application's `/pool` and `pg_stat_activity` show them.
#
# The numbers for a service of your own; change the arguments to what you know of it:

# %%
service = {"workers": 4, "rate_per_s": 400.0, "hold_ms": 12.0, "max_connections": 100}
lesson.advice(**service, threads=40, pattern="documented")
