# %% [markdown]
# # 04 · How large should a pool be?
#
# *25 minutes: 11 to read and predict, 4 of running, 10 for your turn.*
#
# `pool_size`, `max_overflow`, the number of workers and `max_connections` have to fit together. Tutorials give arithmetic for it: divide what the server allows by the number of workers. That is the most that a pool may be. Is it also a good size?
#
# This lesson fills a pool, fills a server, makes a pool too small and makes one too large. At its end stands a table with the numbers for a service of your own.

# %%
import os

import pandas as pd
from lab import lesson
from lab.analyse import sizing
from lab.chart.plain import Line, Words
from lab.demonstrate import active, ceiling, pool_size, refusals

lesson.begin("04_sizing_the_pool")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# Two workers run the application. Each has a pool with `pool_size=3` and `max_overflow=2`, and more requests arrive than the pools can serve. How many connections will PostgreSQL have of this application?

# %%
guess_peak = lesson.predict("connections of two workers", 6)

# %% [markdown]
# ## Full pools
#
# Every worker is sent as many requests as its pool has connections, and two more, all at once. Each request holds its connection for a while; PostgreSQL is asked meanwhile how many backends the application has. A request that finds no connection within `pool_timeout` (very short here) is answered with an error.

# %% tags=["nbval-ignore-output"]
workers = bench.scaled(ci=(1, 2), workshop=(1, 2, 4))
peaks = [ceiling.peak(bench, "queue:size=3,overflow=2", count) for count in workers]

# %% tags=["nbval-ignore-output"]
pd.DataFrame(peaks).assign(your_guess=[guess_peak if n == 2 else "" for n in workers])

# %%
lesson.claim(
    "The server has workers × (size + overflow) connections of the app, no more and no fewer",
    sum(abs(peak.backends - peak.workers * (3 + 2)) for peak in peaks),
    at_most=0,
)
lesson.claim(
    "Every request beyond them is refused, and no other",
    sum(abs(peak.sent - peak.refused - peak.workers * (3 + 2)) for peak in peaks),
    at_most=0,
)

# %% [markdown]
# ## The arithmetic of the advice
#
# *Four workers with a pool of ten need forty connections.* `max_overflow` is not in that sentence, and SQLAlchemy's default for it is 10. So this is what four workers with `pool_size=10` may really open, and what a server with `max_connections=100` leaves them:

# %%
lesson.formulas(workers=4, size=10, overflow=10, max_connections=100)

# %% [markdown]
# *With `max_connections=200`, keep 20 back and give each of four workers (200 - 20) / 4 = 45: a pool of 40, and 5 of overflow.* That fits, and the column *figure* calls it what it is: the most that it can be.

# %%
lesson.formulas(
    workers=4, size=40, overflow=5, max_connections=200, reserved=3, others=17
)

# %% [markdown]
# ## A full server
#
# What if it does not fit? A small private server with few slots is filled in three ways: by an application whose pool is larger than the server allows, by a role that has a limit of its own, and by a superuser. This is what each was told when it asked for one connection more:

# %% tags=["nbval-ignore-output"]
full = refusals.provoked(bench, ordinary="lab_app")
[
    f"{one.role}: {one.message}"
    for one in (full.overfull.refusal, full.limited, full.full)
]

# %% [markdown]
# And the user of the application, meanwhile:

# %% tags=["nbval-ignore-output"]
full.overfull.answered, full.overfull.status, full.overfull.detail

# %%
lesson.claim(
    "The app gets max_connections less the reserved slots, to the last one",
    full.overfull.answered - full.slots,
    between=(0, 0),
)
lesson.claim(
    "The app's user is told that the service is unavailable",
    full.overfull.status,
    between=(503, 503),
)

# %%
lesson.claim(
    "The app's driver reads that the remaining slots are reserved",
    refusals.RESERVED_WORDS in full.overfull.refusal.message,
    at_least=1,
)
lesson.claim(
    "The observer and the superuser get in all the same",
    len(full.overfull.others_in),
    at_least=2,
)

# %%
lesson.claim(
    "A role with a limit reads of its own limit",
    refusals.LIMIT_WORDS in full.limited.message,
    at_least=1,
)
lesson.claim(
    "A superuser reads that there are too many clients only when every slot is taken",
    refusals.FULL_WORDS in full.full.message,
    at_least=1,
)

# %% [markdown]
# Three messages, three causes. The famous one, *too many clients already*, is what a superuser reads. If your application reads it, it connects as a superuser, and has taken the slots that were kept for whoever comes to mend it.

# %% [markdown]
# ## Too small
#
# Now a request that holds its connection for 50 ms and needs no processor meanwhile. Forty users ask without pause. A pool of ten lets how many requests through in a second?

# %%
guess_rate = lesson.predict("requests per second, pool of ten", 400)

# %% tags=["nbval-ignore-output"]
sizes, seconds = bench.scaled(ci=((2, 10), 0.4), workshop=((1, 2, 5, 10), 4.0))
held = pool_size.holding(bench, sizes, seconds, hold_ms=50, users=40)

# %% tags=["nbval-ignore-output"]
pd.DataFrame(
    {
        "pool": [x.size for x in held],
        "per s": [x.per_s for x in held],
        "bound": [x.bound_per_s for x in held],
    }
)

# %% tags=["nbval-ignore-output"]
last = held[-1]
lesson.curve(
    [Line("bound: pool / hold", [(x.size, x.bound_per_s) for x in held]),
     Line("measured", [(x.size, x.per_s) for x in held], "queue")],
    Words(
        f"A pool of {last.size} lets {last.per_s:.0f} requests per second through; Little's law allows {last.bound_per_s:.0f}",
        f"{last.crowd.users} users, each holding a connection for {last.hold_ms:g} ms; {seconds:g} s for each size; 1 worker; scale {bench.config.scale}",
        "connections in the pool", "requests per second", {"your guess for ten": guess_rate},
    ),
)  # fmt: skip

# %%
lesson.claim(
    "No pool lets more through than pool / hold",
    max(one.share_of_bound for one in held),
    at_most=1.02,
)
lesson.claim(
    "Every pool lets through more than half of it",
    min(one.share_of_bound for one in held),
    at_least=0.5,
)

# %% [markdown]
# That is Little's law: what is inside on average is the rate times the time that each one stays. Turned round, it is the least pool for a rate: *rate × hold*. The users beyond that wait in the pool. If one waits for longer than `pool_timeout`, SQLAlchemy raises `TimeoutError`; the sample application answers it with 503, as it did to the requests beyond the ceiling above.

# %% [markdown]
# ## Too large
#
# So a larger pool is better? Now each request keeps a core of the server busy for some milliseconds. Beside the load, somebody else reads one row by its key at fixed times, on a connection that has nothing to do with the pool.
#
# With a pool of forty instead of two: by what factor does PostgreSQL take longer to execute the statement?

# %%
guess_executed = lesson.predict("execution time, pool of forty / pool of two", 1)

# %% tags=["nbval-ignore-output"]
sizes, seconds = bench.scaled(ci=((2, 40), 0.8), workshop=((1, 2, 4, 8, 16, 40), 4.0))
burnt = pool_size.burning(bench, sizes, seconds, users=40)

# %% tags=["nbval-ignore-output"]
from_two = [one for one in burnt if one.size >= 2]
pd.DataFrame(burnt).round(1)

# %% tags=["nbval-ignore-output"]
scale = f"{seconds:g} s for each size; 40 users; 1 worker; {os.cpu_count()} cores for users, app and server; scale {bench.config.scale}"
answers, times = pool_size.growth(from_two, "per_s"), from_two[-1].size / 2
lesson.curve(
    [Line("requests", [(x.size, x.per_s) for x in burnt], "queue")],
    Words(f"A pool {times:.0f} times as large as one of two answers {answers:.1f} times the requests", scale, "connections in the pool", "requests per second"),
    log_x=True,
)  # fmt: skip

# %% tags=["nbval-ignore-output"]
longer, users = (
    pool_size.growth(from_two, what) or 0 for what in ("executed_ms", "users_p50_ms")
)
lesson.curve(
    [Line("users, median", [(x.size, x.users_p50_ms or 0) for x in burnt]),
     Line("in the database, mean", [(x.size, x.executed_ms or 0) for x in burnt], "queue"),
     Line("bystander, p95", [(x.size, x.victim_p95_ms) for x in burnt])],
    Words(f"From a pool of two to one of forty: {longer:.0f} times as long in the database, {users:.1f} times for the users",
          scale, "connections in the pool", "milliseconds", {"your guess for forty": guess_executed * (from_two[0].executed_ms or 1)}),
    log_x=True, log_y=True,
)  # fmt: skip

# %%
lesson.claim(
    "Twenty times the connections do not give six times the answers",
    pool_size.growth(from_two, "per_s"),
    at_most=6,
)
lesson.claim(
    "A statement takes at least twice as long in the database",
    pool_size.growth(from_two, "executed_ms"),
    at_least=2,
)
lesson.claim(
    "Somebody who has nothing to do with it waits longer too",
    pool_size.growth(from_two, "victim_p95_ms"),
    at_least=1.5,
)

# %% [markdown]
# ## Why
#
# Forty users wait in either case, and the cores do the same work. A small pool lets them wait in the application, where waiting costs nothing. A large one lets them wait inside PostgreSQL: all statements run at once, each on a small part of a core, each holding its snapshot and its locks for longer, and everybody else's statements stand in the same queue.
#
# The formulas beside what this machine did:

# %% tags=["nbval-ignore-output"]
knee = sizing.knee({one.size: one.per_s for one in burnt})
best = from_two[0]
known = {"rate_per_s": best.per_s, "hold_ms": best.executed_ms, "cores": os.cpu_count()}
lesson.formulas(knee, size=best.size, overflow=0, **known)

# %%
lesson.claim(
    "By Little's law the pool of two was in use most of the time, and no more than all of it",
    best.per_s * best.executed_ms / 1000 / best.size,
    between=(0.55, 1.05),
)

# %% [markdown]
# - The arithmetic says what must not be passed. As a size it is far past the point from which a larger pool gives nothing.
# - Little's law says what is needed, if you know your hold.
# - The rule of the PostgreSQL wiki, twice the cores and the disks, is for statements that compute. Statements that wait, as in the part before, gain from many more.
# - What would change if half of each request's hold were spent waiting for another service?

# %% [markdown]
# ## A slot, and a client
#
# Then `max_connections` had better be small? Shared memory says what a slot costs that nobody uses. Then clients compute, without an application between: two, two beside fifty idle ones, and thirty-two.

# %% tags=["nbval-ignore-output"]
slots = active.slots(bench, (100, 1000))
pd.DataFrame(slots), f"{active.per_slot_bytes(slots) / 1024:.0f} KiB for each slot"

# %% tags=["nbval-ignore-output"]
seconds = bench.scaled(ci=0.6, workshop=3.0)
few = active.at_work(bench, 2, seconds)
beside = active.at_work(bench, 2, seconds, idle=50)
many = active.at_work(bench, 32, seconds)
pd.DataFrame([few, beside, many]).round(1)

# %%
lesson.claim(
    "A slot takes less than a quarter of a mebibyte",
    active.per_slot_bytes(slots),
    between=(1, 256 * 1024),
)
lesson.claim(
    "Fifty idle clients do not make a statement take three times as long",
    beside.mean_ms / few.mean_ms,
    at_most=3,
)
lesson.claim(
    "Sixteen times the active clients do",
    many.mean_ms / few.mean_ms,
    at_least=3,
)

# %% [markdown]
# So a generous `max_connections` does no harm by itself: it is room for a rolling deploy and for people. What harms is a pool that uses the room.

# %% [markdown]
# ## Your turn
#
# Twenty requests arrive at once. Each holds its connection for half a second, and `pool_timeout` is 1.25 s. What is the smallest pool that refuses none of them? Write your guess, then send them: `lesson.wave("queue:size=...,overflow=0,timeout=1.25")`, with your number in place of the dots. `lesson.hint("smallest_pool")` helps, one step further each time it is called.

# %% tags=["exercise"]
guess_size = lesson.predict("smallest pool that refuses nobody", ...)
made = lesson.wave(...)

# %% tags=["solution"]
guess_size = lesson.predict("smallest pool that refuses nobody", 7)
made = lesson.wave("queue:size=7,overflow=0,timeout=1.25")

# %%
lesson.check("smallest_pool", made)

# %%
lesson.claim("The pool gave up no checkout", made.timeouts, at_most=0)

# %% [markdown]
# ## In production
#
# Measure two numbers: how many requests per second use a connection at your peak, and for how long one keeps it (`Server-Timing`, or `lab sizing --run`). Size each worker's pool for them, set `max_overflow=0`, and check that twice the sum fits into `max_connections`: a rolling deploy runs the old and the new workers side by side.
#
# Watch four things: the wait for a checkout, connections in use beside the pool's size, timeouts, and active backends beside the server's cores. A pool that waits while the database is idle is too small, or its connections are held too long; a database whose statements take longer while nothing waits in the pools has pools that are too large.
#
# Here are the settings for your own service: put your numbers in place of these.

# %%
lesson.advice(
    workers=4, rate_per_s=400.0, hold_ms=12.0, max_connections=100, threads=40
)
