# %% [markdown]
# # 01 · What a connection costs
#
# *15 minutes: 7 to read and predict, 3 of running, 5 for your turn.*
#
# Before PostgreSQL answers the first query it has to let you in. It starts a process for you, checks who you are, and reads what it needs to know about the database. Advice on this usually comes as two numbers: about 5 ms, and 5 to 10 MB.
#
# Are these numbers right? And if not, is the advice that hangs on them wrong?

# %%
from statistics import median

from lab import lesson
from lab.demonstrate import connects, job, memory
from lab.lesson import opening

lesson.begin("01_cost_of_a_connection")
bench = lesson.bench()

# %% [markdown]
# ## A server to try things on
#
# How the server asks for a password is a setting of the server, and no lab should switch that off where there are data. So a second one is made, which holds nothing and ends with this lesson. It lets in by several ways: through a Unix socket or over TCP, without a password, with an MD5 one, or with SCRAM, which is what PostgreSQL uses unless told otherwise.

# %%
doors = lesson.hold(connects.doors(bench))

# %% [markdown]
# TLS is among the ways only if the server was built with it. If not, the reason is here:

# %% tags=["nbval-ignore-output"]
doors.missing

# %%
lesson.claim(
    "The server can be entered over TCP with and without a password",
    sum(way.name in (connects.PLAIN, connects.PASSWORD) for way in doors.ways),
    between=(2, 2),
)

# %% [markdown]
# ## Predict
#
# How many milliseconds pass until a connection is open, over TCP with a SCRAM password, on this machine, while nobody else wants anything?

# %%
guess_ms = lesson.predict("ms to open a connection, alone, with SCRAM", 5)

# %% [markdown]
# ## One after the other
#
# Connections are opened and closed by each way, in mixed order, so that a slow moment of the machine hits all of them alike. For comparison, the shortest of queries on a connection that is open already.

# %% tags=["nbval-ignore-output"]
rounds = bench.scaled(ci=3, workshop=15)
opened = connects.one_by_one(doors, rounds=rounds)
queries = connects.query_ms(doors)

# %% tags=["nbval-ignore-output"]
opening.ways(opened, guess_ms)

# %%
by_scram, by_tcp, by_socket = (
    opened[name] for name in (connects.PASSWORD, connects.PLAIN, connects.SOCKET)
)

# %%
lesson.claim(
    "Opening a connection takes at least ten times as long as a query on an open one",
    by_scram.ms / median(queries),
    at_least=10,
)
lesson.claim(
    "Between socket and TCP there is less than a factor of two",
    max(by_tcp.ms, by_socket.ms) / min(by_tcp.ms, by_socket.ms),
    at_most=2,
)

# %% [markdown]
# ## Why
#
# Where does the time go? The table shows, for each connection in milliseconds, what client and server spent in computing, and (from PostgreSQL 18 on) what the server itself says in its log: in all, for starting the process, and for checking the password.

# %% tags=["nbval-ignore-output"]
opening.table(opened)

# %%
lesson.claim(
    "With SCRAM the client computes more than twice as long as without a password",
    by_scram.client_cpu_ms / by_tcp.client_cpu_ms,
    at_least=2,
)

# %% [markdown]
# Starting the process is the smaller part. A new backend knows nothing: it reads the catalogs before it can answer. And SCRAM is slow on purpose: the client hashes its password thousands of times, so that whoever steals a verifier has to do the same for every guess. That time is computed in **your application**, and no faster server will take it away.
#
# - The server's CPU contains the end of each backend, too, which no client waits for.
# - What would a network of one millisecond there and back add? SCRAM needs several messages, TLS some more.

# %% [markdown]
# ## Many at once
#
# An application that restarts, or that opens a connection for each request, does not open them one after the other. With sixty-four clients opening at the same time, how many times as long as alone does each connection take?

# %%
guess_times = lesson.predict("times as long with sixty-four at once", 4)

# %% tags=["nbval-ignore-output"]
seconds = bench.scaled(ci=0.25, workshop=2.0)
swept = connects.sweep(
    doors, [connects.PLAIN, connects.PASSWORD], (1, 4, 16, 64), seconds
)

# %% tags=["nbval-ignore-output"]
opening.waiting(swept, guess_times)

# %% tags=["nbval-ignore-output"]
opening.rates(swept)

# %%
alone, *_, crowded = swept[connects.PASSWORD]
lesson.claim(
    "With many at once, each takes at least four times as long as one alone",
    crowded.ms / alone.ms,
    at_least=4,
)

# %% [markdown]
# The first number of the advice is fair for one connection that is opened alone, and says nothing about a crowd. Opening is computing, so the machine opens only so many per second; who comes in greater numbers waits in line. That is why applications that all restart together can keep a healthy server from letting anybody in.

# %% [markdown]
# ## What it takes of the memory
#
# Every connection is a process. How many megabytes does one take that no other process has?

# %%
guess_mb = lesson.predict("MB that a connection has for itself", 10)

# %% [markdown]
# Ten connections are opened. The server looks at their processes three times: fresh, after queries that fill their caches, and after each has scanned the same table. It reads three figures. **RSS** is what `top` shows: all that the process has touched. **PSS** divides what is shared among those who share it. **Private** is what would be free if the connection ended.

# %%
grown = memory.grown(doors.server, connections=10)

# %% tags=["nbval-ignore-output"]
opening.memory(grown, guess_mb)

# %%
lesson.claim(
    "Ten connections are as many processes",
    len(set(grown.fresh.pids)),
    between=(10, 10),
)
lesson.claim(
    "What a connection has for itself is under five megabytes",
    grown.mb("private_bytes"),
    at_most=5,
)

# %%
lesson.claim(
    "By RSS it seems to be at least five times as much",
    grown.mb("rss_bytes") / grown.mb("private_bytes"),
    at_least=5,
)
lesson.claim(
    "The scan added at least half of the table to RSS",
    grown.rss_per_table,
    at_least=0.5,
)

# %% [markdown]
# The scanned pages lie in shared buffers, once for all. RSS counts them in each process that has looked at them, so the sum of ten RSS is memory that does not exist. Add up private memory, and shared buffers once.
#
# Memory that a query needs while it sorts or joins comes on top: `work_mem`, for each such step.

# %% [markdown]
# ## A connection for each request
#
# So much for a single connection. The sample application can call `psycopg2.connect()` in each request, or take a session of an engine that keeps a pool. How many times as many requests will be answered with the pool?

# %%
guess_ratio = lesson.predict("requests answered, pool / a connection for each", 2)

# %%
result = lesson.compare("connect", "queue:size=10,overflow=0", users=16)

# %% tags=["nbval-ignore-output"]
lesson.chart_of(result, guess_ratio)

# %%
lesson.claim(
    "Without a pool, every request opened a session",
    result.first.sessions_per_request,
    between=(0.999, 1.001),
)
lesson.claim(
    "With the pool, fewer than one request in ten did",
    result.second.sessions_per_request,
    at_most=0.1,
)
lesson.claim(
    "With the pool, clearly more requests are answered", result.ratio, at_least=1.3
)

# %% [markdown]
# ## Your turn
#
# The same mistake is made outside of web applications. This job asks the server a hundred short questions, and opens a connection for each.

# %%
nightly = job.Job(doors)


def work(nightly):
    for _ in range(job.QUESTIONS):
        with nightly.connection() as connection:
            nightly.ask(connection)


before_s = nightly.timed(work)

# %% [markdown]
# Write it so that all of them are asked in one session. First guess how many times as fast it will be; `lesson.hint("one_session")` helps, one step further each time it is called.

# %%
guess_job = lesson.predict("times as fast in one session", 20)


# %% tags=["exercise"]
def work_in_one(nightly): ...


after_s = nightly.timed(work_in_one)


# %% tags=["solution"]
def work_in_one(nightly):
    with nightly.connection() as connection:
        for _ in range(job.QUESTIONS):
            nightly.ask(connection)


after_s = nightly.timed(work_in_one)

# %%
lesson.check("one_session", nightly)

# %% tags=["nbval-ignore-output"]
opening.times_as_fast(before_s, after_s, guess_job)

# %%
lesson.claim(
    "In one session the job takes less than a fifth of the time",
    before_s / after_s,
    at_least=5,
)

# %% [markdown]
# The check asked the server how many sessions it had seen, and how many questions.

# %% [markdown]
# ## In production
#
# **Set:** keep connections open in a pool, and bound it; let applications that restart together open their connections a little apart (with `pool_size`, SQLAlchemy opens them only as they are needed). Leave SCRAM on: its price is paid once for each connection, so pay it seldom.
#
# **Watch:** `sessions` in `pg_stat_database` (PostgreSQL 14 and later) counts every connection that was ever opened. If it grows with your requests, something opens one for each. From 18 on, `log_connections = 'setup_durations'` says what each took.
#
# **Memory:** plan with a few megabytes of private memory for each connection, and `work_mem` beside; do not add up RSS.
