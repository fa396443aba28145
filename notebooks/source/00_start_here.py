# %% [markdown]
# # 00 · Start here
#
# *5 minutes: 2 to read and predict, 1 of running, 2 for your turn.*
#
# This lab starts a real PostgreSQL and a real FastAPI application, puts a real load on them, and measures what the client, the connection pool and the server each saw, on one clock. Each notebook asks one question, lets you predict the answer, measures it on **your** machine, and says what follows.
#
# You need nothing but the Python environment that this notebook runs in.

# %% [markdown]
# ## The lab is up
#
# The first cell of every notebook starts the lab. Whatever it starts ends with this kernel.

# %%
from lab import lesson

lesson.begin("00_start_here")

# %% [markdown]
# ## One request, end to end
#
# The application is a small blog. This asks it for one post, as a browser would.

# %%
answer = lesson.request("/posts/1")
answer.status

# %% [markdown]
# The answer says where its time went, in the standard `Server-Timing` header. Every answer of the application carries it.

# %%
sorted(answer.timing_ms)

# %% [markdown]
# - `pool`: waiting for the pool to hand out a connection
# - `connect`: opening a connection to PostgreSQL, if there was none to hand out
# - `sql`: executing statements
# - `app`: all of it, inside the application
#
# In milliseconds, on your machine, just now:

# %% tags=["nbval-ignore-output"]
answer.timing_ms

# %%
again = lesson.request("/posts/1")
lesson.claim(
    "The parts are not more than the whole",
    2 * answer.timing_ms["app"] - sum(answer.timing_ms.values()),
    at_least=0,
)
lesson.claim(
    "The first request opened a connection", answer.timing_ms["connect"], at_least=0.1
)
lesson.claim("The second request opened none", again.timing_ms["connect"], at_most=0)

# %% [markdown]
# Ask twice, and `connect` is gone: the pool kept the connection. That is half of what a pool does; the other half is that it never opens more than it may.

# %% [markdown]
# ## Predict
#
# Four users ask without pause, each waiting for its answer before it asks again. How many sessions will PostgreSQL have opened at the end of it?
#
# The application has a pool of at most two connections.

# %%
guess = lesson.predict(
    "sessions that the server opens for four users and a pool of two", 4
)

# %% [markdown]
# ## A short load
#
# The picture grows while the load runs. ■ stops it.

# %%
load = lesson.one_load("queue:size=2,overflow=0", users=4)

# %% [markdown]
# Counts come before times: they are exact (but for `peak_backends`, which is sampled), and they say what happened. Your guess stands beside them.

# %% tags=["nbval-ignore-output"]
lesson.table(load, sessions_opened=guess)

# %%
lesson.claim(
    "Every planned request is accounted for",
    load.planned - load.done - load.failed - load.unfinished,
    between=(0, 0),
)
lesson.claim("No request failed", load.failed, at_most=0)
lesson.claim(
    "The server opened no more sessions than the pool may hold",
    load.sessions_opened,
    at_most=2,
)

# %% [markdown]
# ## Why
#
# Four users, and yet the server saw no more than two sessions: a request that finds both connections out waits for one to come back, and takes it over. It is a short wait, because a connection is held only while statements run and their transaction ends. Users are not connections.
#
# - What would change if a request held its connection while it waited for something else?
# - Where would the third user's wait be seen? (In `pool`.)

# %% [markdown]
# ## Your turn
#
# `POST /posts/7/bump` adds one to the number of views of post 7. Ask it once, and let the server confirm it. `lesson.hint("first_request")` helps, one step further each time it is called.

# %% tags=["exercise"]
bumped = ...

# %% tags=["solution"]
bumped = lesson.request("/posts/7/bump", method="POST")

# %%
lesson.check("first_request")

# %% [markdown]
# ## In production
#
# The middleware that makes the `Server-Timing` header is one file without any dependency on this lab, `lab/app/timing.py`: copy it into your own application, and its answers tell you the same.
#
# Next: `02_nullpool_or_queuepool`.
