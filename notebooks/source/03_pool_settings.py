# %% [markdown]
# # 03 · The pool's settings
#
# *25 minutes: 11 to read and predict, 4 of running, 10 for your turn.*
#
# `create_engine` takes half a dozen arguments for its pool, and each of them is explained in thousands of places: how many connections are open, what a timeout limits, when a connection is replaced, what a ping saves. Most of it can be counted in the time that it takes to read it.
#
# What does each setting do, and what does it not do?

# %%
from lab import lesson
from lab.demonstrate import (
    fairness,
    faults,
    filling,
    lifetime,
    restart,
    roundtrips,
    waiting,
)
from lab.lesson import pool_pictures as pictures

lesson.begin("03_pool_settings")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# A pool has `pool_size` five and `max_overflow` ten. As many requests at once have come as it can serve; now three are still in use, and all the others are back. How many connections does PostgreSQL show?

# %%
guess = lesson.predict("connections open, three of them in use", 3)

# %% [markdown]
# ## How many are open?
#
# One thread plays the load: at each step it holds as many connections as are wanted, then the pool's gauges are read, and the server's backends are counted.

# %% tags=["nbval-ignore-output"]
demand = (0, 1, 1, 4, 8, 16, 12, 3, 8, 3, 0, 0)
levels = filling.follow(bench, demand, size=5, overflow=10)
pictures.levels(levels, guess, size=5, overflow=10)
pictures.table(levels)

# %%
peak = max(level.backends for level in levels)
lesson.claim("The pool starts without any", levels[0].backends, between=(0, 0))
lesson.claim("One at a time, one is opened", levels[2].backends, between=(1, 1))
lesson.claim("At the peak, all that it may open", peak, between=(15, 15))
lesson.claim("More than the size, for fewer in use", levels[7].backends, at_least=6)
lesson.claim("When all are back, the size is left", levels[-1].backends, between=(5, 5))
lesson.claim("The gauge overflow begins below zero", levels[0].overflow, at_most=-1)

# %% [markdown]
# `pool_size` is the number of *idle* connections that the pool keeps, beside those in use. It opens none before one is asked for, and it never makes itself smaller.
#
# Its gauge `overflow()` counts from minus the size, so a dashboard that shows it as it is shows negative overflow. Open connections are size plus `overflow()`, always.

# %% [markdown]
# ## Which one is the overflow?
#
# A pool of one, with one more as overflow. Two connections are opened; the second one comes back first, and then the first.

# %% tags=["nbval-ignore-output"]
kept = filling.kept_of_two(bench, back=(1, 0))
kept

# %%
lesson.claim(
    "The connection that was opened first is closed",
    int(kept.opened[0] in kept.left),
    between=(0, 0),
)

# %% [markdown]
# No connection is the overflow one. Whichever comes back when the idle places are taken is closed.

# %% [markdown]
# ## What overflow costs
#
# Twenty users check out, hold for a moment, pause for a moment. All pools here may open twenty connections; they differ in how many of these they keep. With size one and overflow nineteen: how many connections are opened for each hundred checkouts?

# %%
guess_churn = lesson.predict("connections opened for each hundred checkouts", 5)

# %% tags=["nbval-ignore-output"]
repeats = bench.scaled(ci=1, workshop=5)
churned = filling.churn_of_each(bench, ((20, 0), (10, 10), (5, 15), (1, 19)), repeats)
pictures.churn(churned, guess_churn)

# %%
lesson.claim(
    "Without overflow, no connection is opened twice",
    max(found.opened for found in churned["20+0"]),
    at_most=20,
)
lesson.claim(
    "With almost all of it overflow, several times as many are opened",
    pictures.opened(churned["1+19"]) / pictures.opened(churned["20+0"]),
    at_least=3,
)

# %% [markdown]
# Overflow is a small NullPool on top of the pool: what it opens it closes at the next quiet moment. It is for the rare peak. A load that goes up and down across the size pays for a connection each time.

# %% [markdown]
# ## When all are out
#
# A pool of one connection, which is taken, and a `pool_timeout` of half a second. Then the same in the application: one request finds the connection taken for a part of the timeout, one for longer than that.

# %% tags=["nbval-ignore-output"]
waited = waiting.waited(bench, timeout_s=0.5, size=1)
in_app = waiting.in_app(bench, size=1)
waited, in_app

# %%
lesson.claim("The checkout waited for its timeout", waited.timeouts, at_least=0.9)
lesson.claim("Then it failed", int(bool(waited.error)), at_least=1)
lesson.claim("To the server it all looked idle", int(waited.looked_idle), at_least=1)
lesson.claim(
    "The application answers with an error", in_app.refused.status, at_least=500
)
lesson.claim("Its wait stands under pool", in_app.served.share("pool"), at_least=0.5)
lesson.claim("A query may take longer", waiting.query_per_timeout(bench), at_least=1.5)
lesson.claim(
    "A failed connect wakes none", waiting.stranded(bench).timeouts, at_least=0.9
)

# %% [markdown]
# PostgreSQL has nothing to report: for the server all is quiet. The wait shows in the application alone, in the part `pool` of its `Server-Timing`, and in its count of timeouts.
#
# Worse: if opening a connection fails, its place is free, but nobody is told. A checkout that waits for a place then sleeps until its own timeout, and is served at the end of it.
#
# `pool_timeout` limits one thing only, the wait for a free place. Connecting has `connect_timeout`, and a query `statement_timeout`.

# %% [markdown]
# ## How old may a connection grow?
#
# `pool_recycle` is half a second. Two connections wait in the pool for longer than that; then one is asked for, then both. A third is never idle, and used all the time.

# %% tags=["nbval-ignore-output"]
idle = lifetime.recycled(bench, recycle_s=0.5)
busy = lifetime.never_idle(bench, recycle_s=0.5)
idle, busy

# %%
lesson.claim("While idle, none is closed", idle.left_idle, between=(2, 2))
lesson.claim("A checkout replaces one", idle.left_after_one, between=(1, 1))
lesson.claim("Asked for, both are new", idle.left_after_both, at_most=0)
lesson.claim("One that was never idle is replaced too", busy.backends, at_least=2)

# %% [markdown]
# It is an age, not an idle time, and it is looked at in one place only: the checkout. So it closes nothing at night, and connections that were opened together are replaced together.

# %% [markdown]
# ## Connections that the server ends
#
# The server ends all five connections of a pool: once while they are idle, once while five requests hold them. Twenty requests follow the first. Without `pool_pre_ping`, how many of them fail? Then a private server is restarted while four users each work through two pools.

# %%
guess_failed = lesson.predict("failed requests after five lost connections", 5)

# %% tags=["nbval-ignore-output"]
bare, pinged = faults.ended_idle(bench, False), faults.ended_idle(bench, True)
in_use, in_use_pinged = (
    faults.ended_in_use(bench, False),
    faults.ended_in_use(bench, True),
)
restarted = restart.restarted(bench)
pictures.failures(bare, pinged, in_use, in_use_pinged, guess_failed)
restarted

# %%
lesson.claim("Without a ping one request fails", bare.failed, between=(1, 1))
lesson.claim("With a ping none does", pinged.failed, at_most=0)
lesson.claim("In use, all are lost", in_use.failed, between=(5, 5))
lesson.claim("In use, a ping saves none", in_use_pinged.failed, between=(5, 5))
lesson.claim("A restart fails some, ping or not", restarted.fewest_failed, at_least=1)
lesson.claim("Both pools come back unaided", restarted.all_back, at_least=1)

# %% [markdown]
# The first lost connection makes SQLAlchemy throw all idle ones away. That is why one request fails and not five, if they come one after the other; of those that come at once, each that was handed a dead connection fails. What is lost in the middle of a request is lost, with a ping or without: only the application knows whether a request may be repeated.

# %% [markdown]
# ## Why
#
# A ping is a statement. So count them: what does each unit of work send to the server?

# %% tags=["nbval-ignore-output"]
sent = roundtrips.sent_by_unit(bench)
pictures.statements(sent)

# %%
lesson.claim(
    "A checkout alone, given back, sends nothing",
    roundtrips.total(sent["checkout"]),
    at_most=0,
)
lesson.claim(
    "A ping adds one statement to each checkout",
    roundtrips.total(sent["SELECT, pre_ping"]) - roundtrips.total(sent["SELECT"]),
    between=(1, 1),
)
lesson.claim(
    "With autocommit, a SELECT is a third of the statements",
    roundtrips.total(sent["SELECT"]) / roundtrips.total(sent["SELECT, autocommit"]),
    between=(3, 3),
)

# %% [markdown]
# - A SELECT through SQLAlchemy is a transaction: `BEGIN`, the statement, `ROLLBACK`. Each is a round trip, and each costs as much as the network is far.
# - Giving a connection back sends nothing unless a transaction is open. The `ROLLBACK` comes from closing the `Connection`, so `pool_reset_on_return=None` does not save it.

# %% [markdown]
# ## What `echo` shows

# %% tags=["nbval-ignore-output"]
echoed = roundtrips.echoed(bench, echo=True, selects=1000, pool_pre_ping=True)
echoed.lines, echoed.cpu_per_select

# %%
lesson.claim(
    "It shows the statement",
    sum("pg_backend_pid" in line for line in echoed.lines),
    at_least=1,
)
lesson.claim(
    "It costs the client clearly more CPU time", echoed.cpu_per_select, at_least=1.15
)

# %% [markdown]
# The ping is not among the lines: `echo` writes what passes through SQLAlchemy's `Connection`, and the pool pings below it. What it does show are parameters, so it does not belong into production's logs.

# %% [markdown]
# ## Who is next?
#
# Forty threads share five connections. Each runs one short statement and asks again, at once or after a pause of five milliseconds.

# %% tags=["nbval-ignore-output"]
greedy = fairness.shares(bench, threads=40, size=5)
patient = fairness.shares(bench, threads=40, size=5, pause_s=0.005)
pictures.shares(greedy, patient, seconds=1)

# %%
lesson.claim("Without a pause, most threads starve", greedy.starved, at_least=20)
lesson.claim("With a pause, hardly any does", patient.starved, at_most=4)

# %% [markdown]
# A thread that gives back and asks again finds the connection still there, before any of those that wait has woken up. A loop over a pool does this; requests that come and go leave a gap, and the gap is enough.

# %% [markdown]
# ## Your turn
#
# Which idle connection is handed out next? By default the one that has waited longest, so a quiet application touches all of them in turn; with `pool_use_lifo=True` the one that came back last.

# %% tags=["nbval-ignore-output"]
fifo, lifo = lifetime.quiet(bench), lifetime.quiet(bench, pool_use_lifo=True)
pictures.uses(fifo, lifo)

# %%
lesson.claim("By default all are used in turn", fifo.touched, between=(8, 8))
lesson.claim("With LIFO one does all the work", lifo.touched, between=(1, 1))
lesson.claim("Neither closes any", fifo.left + lifo.left, between=(16, 16))

# %% [markdown]
# Find settings with which a pool of eight gives connections back to the server while only one is used, and with which no request fails when all eight are wanted again. The check warms up a pool with your settings, uses it quietly for about a second, counts the server's backends, and then asks for all. `lesson.hint("shrink")` helps, one step further each time.

# %% tags=["exercise"]
options = {"options": "..."}
settings = {"pool_use_lifo": ..., "pool_pre_ping": ..., "connect_args": options}

# %% tags=["solution"]
options = {"options": "-c idle_session_timeout=500"}
settings = {"pool_use_lifo": True, "pool_pre_ping": True, "connect_args": options}

# %%
lesson.check("shrink", settings)

# %% [markdown]
# ## In production
#
# - Give `pool_size` what a busy worker needs, and `max_overflow` little or nothing: then what is open is what you planned for, and nothing is opened twice.
# - Watch the wait for the pool (`Server-Timing`, or a meter in the pool), not the server alone: the server is idle when your users wait.
# - Set `pool_timeout` to what a user will wait for, not to half a minute; an error in time is an answer.
# - Turn `pool_pre_ping` on if the server may restart or a firewall stands between; it is one round trip. Let a request that may be repeated be repeated.
# - Set `pool_recycle` below what closes connections from outside. To shrink a pool, let the server end what is idle: LIFO, a timeout of the server, and a ping.
# - `lab claims size overflow timeout` tests three of these claims on your machine, and `lab claims` all.
