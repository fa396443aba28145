# %% [markdown]
# # 13 · How much can it take?
#
# *30 minutes: 12 to read and predict, 5 of running, 13 for your turn.*
#
# *It does 1,000 requests per second.* With how many users, or at which rate of arrivals? How long did they wait, and who was not even asked? A capacity is an answer to a question that has to be asked first: which load, and what must hold under it.
#
# This lesson loads one system in two ways, holds the law that every measurement has to obey, sweeps over the users, searches for a rate that keeps a promise, and fits a model, up to the point where the model knows nothing.

# %%
from dataclasses import replace

import pandas as pd
from lab import lesson, record
from lab.analyse import concurrency, series, usl
from lab.demonstrate import scaling, stall
from lab.plan import LoadPlan

lesson.begin("13_capacity")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# Two users ask without end: each waits for the answer, thinks for a hundredth of a second, and asks again. That is *closed* load. Now and then somebody locks the table that they read, as a migration does, and for half a second nothing is answered. How many requests do the two send meanwhile?
#
# Then the same rate comes from people who know nothing of each other and wait for nobody: *open* load. How many requests do they send while the table is locked?

# %%
guess_closed = lesson.predict("requests during one lock, two users who wait", 10)
guess_open = lesson.predict("requests during one lock, arrivals that do not", 50)

# %% [markdown]
# ## Two loads, one standstill

# %% tags=["nbval-ignore-output"]
seconds, hold_s = bench.scaled(ci=(2.0, 0.4), workshop=(12.0, 0.5))
plan = LoadPlan(users=2, think_s=0.01, warmup_s=0.0, measured_s=seconds)
closed = stall.stalled(bench, plan, hold_s)

# %% tags=["nbval-ignore-output"]
rate = max(closed.per_s, 40.0)
arrivals = replace(plan, model="open", rate_per_s=rate)
opened = stall.stalled(bench, arrivals, hold_s)

# %% tags=["nbval-ignore-output"]
both = {"closed": closed, "open": opened}
pd.DataFrame({name: one.counts for name, one in both.items()}).T

# %% tags=["nbval-ignore-output"]
lesson.planned_meanwhile(closed, opened, hold_s, guess_closed, guess_open)

# %%
lesson.claim(
    "While the table was locked, two users sent no more than one request each",
    max(closed.arrived),
    at_most=2,
)
lesson.claim(
    "The arrivals of the open load came all the same",
    sum(opened.arrived) / (opened.stalled_s * rate),
    between=(0.4, 1.8),
)
lesson.claim(
    "Of two users there are never more than two requests under way",
    closed.most_at_once,
    at_most=2,
)

# %% [markdown]
# A closed load spares whoever does not answer. It asks again when the system is ready, and so it asks mostly in good moments: its percentiles are those of the requests that it could send. That is *coordinated omission*. How many requests waited for at least half a lock?

# %% tags=["nbval-ignore-output"]
waited = {name: one.slow(500 * hold_s) for name, one in both.items()}
waited

# %% tags=["nbval-ignore-output"]
lesson.latencies(closed, opened, rate)

# %%
lesson.claim("Of the open load there are many more", opened.most_at_once, at_least=6)
lesson.claim(
    "Of the open load at least twice as many requests waited for the lock",
    waited["open"] / max(waited["closed"], 1),
    at_least=2,
)

# %% [markdown]
# ## Why
#
# Even without a lock the two differ at one and the same rate. In a closed load a request finds at most the other users before it. Open arrivals know nothing of each other: sometimes ten come at once. Here are both before one simulated server, which needs a hundredth of a second for each request on average.

# %% tags=["nbval-ignore-output"]
closed_ms, per_s = scaling.closed_ms(users=2, think_s=0.005)
open_ms = scaling.open_ms(per_s)
f"{per_s:.0f} per second: closed {closed_ms:.1f} ms, open {open_ms:.1f} ms, mean"

# %%
lesson.claim(
    "At the same rate the open load waits at least three times as long",
    open_ms / closed_ms,
    at_least=3,
)

# %% [markdown]
# Users of a browser who wait for a page before they click are a closed load, if they are few. Requests from the internet, from a queue or from other services are an open one. Choose the one that your system has, and never draw both on one axis.

# %% [markdown]
# ## A sweep
#
# How does throughput grow with the users? The sample application has a pool of two connections, and each user asks without a pause. From which number of users on do more of them bring hardly any more answers?

# %%
guess_knee = lesson.predict("users at the knee", 8)

# %% tags=["nbval-ignore-output"]
users, repeats, warmup_s, measured_s = bench.scaled(
    ci=((1, 4, 16), 1, 0.2, 0.5), workshop=((1, 2, 4, 8, 16, 32), 3, 0.5, 2.0)
)
sweep = scaling.swept(bench, users, repeats, warmup_s, measured_s)
found = concurrency.model(series.of_sweep(sweep)[0])
list(concurrency.sentences(found))

# %% tags=["nbval-ignore-output"]
lesson.throughput([found], f"scale {bench.config.scale}", {"your guess": guess_knee})

# %%
cells = sweep.as_dict()["cells"]
lesson.claim(
    "Every cell was measured as often as it was asked",
    sum(abs(cell["repeats_done"] - cell["repeats_wanted"]) for cell in cells),
    at_most=0,
)
lesson.claim(
    "Not one run is lost: those that prove nothing are kept, and named",
    sum(len(point.runs) for point in found.series.points) - repeats * len(users),
    between=(0, 0),
)

# %% [markdown]
# The *knee* is the least number of users, of those measured, with nine tenths of the highest throughput. Where throughput may still grow at the end, or the runs disagree too much, it is not told. On a busy machine you see hollow squares: these runs prove nothing about this system, and no model has them.

# %% [markdown]
# ## Little's law
#
# What is under way on average is the rate times the time that each one takes. It holds for every system and every distribution, so it is a test of the measurement. Everything recorded is a pandas table; here are all requests of the sweep.

# %% tags=["nbval-ignore-output"]
requests = record.load(sweep.folder)["requests"]
of_cell = {cell["id"]: cell["parameters"]["users"] for cell in cells}
requests["users"] = requests["variant"].astype(str).map(of_cell)
requests["ms"] = (requests["done_us"] - requests["intended_us"]) / 1000
requests.groupby("users")["ms"].describe().round(1)

# %% [markdown]
# Of the run with the most users: counted at two thousand moments, how many requests were under way? And what does the law say?

# %% tags=["nbval-ignore-output"]
last = record.load(found.series.points[-1].runs[0].run.folder)["requests"].dropna(
    subset=["done_us"]
)
begun, ended = last["intended_us"].to_numpy(), last["done_us"].to_numpy()
counted = scaling.under_way(begun, ended)
one = requests[requests["users"] == 1].dropna(subset=["done_us"])
alone = max(
    scaling.under_way(run["intended_us"].to_numpy(), run["done_us"].to_numpy())
    for _, run in one.groupby("run", observed=True)
)
rate_us = len(last) / (ended.max() - begun.min())
counted, rate_us * (ended - begun).mean()

# %%
lesson.claim(
    "Rate times mean latency is what was counted under way",
    rate_us * (ended - begun).mean() / counted,
    between=(0.95, 1.05),
)
lesson.claim(
    "Never were more requests under way than there were users",
    stall.most_at_once(begun, ended) - max(users),
    at_most=0,
)

# %% [markdown]
# In a closed load this has a consequence that is often taken for a discovery. The users are given, so once throughput no longer grows, latency grows with every user: it is users divided by throughput. The column *50%* above shows it. Whoever adds users to such a load adds requests that wait.

# %%
lesson.claim("Of one user, no more than one request is under way", alone, at_most=1.01)
lesson.claim(
    "Of the most users, several are at any moment", counted / alone, at_least=3
)

# %% [markdown]
# ## What it must hold
#
# A rate alone is no promise. An *objective* is: the p99 stays under 50 ms, and fewer than one request in a thousand fails. `lab capacity` searches for the highest rate of an open load that meets it. It tries a rate, sees how far it was from its limit, and chooses the next; every run has its noise, so the answer has an interval.
#
# Here it searches a simulated system whose truth is known: random arrivals before a server that can do 500 requests per second. How many of them per second can come, so that ninety-nine of a hundred are answered within 50 ms?

# %%
guess_rate = lesson.predict("arrivals per second that keep the objective", 475)

# %% tags=["nbval-ignore-output"]
searched = scaling.searched(serves_per_s=500, limit_ms=50)
answer, truth = searched.answer, searched.truth_per_s
answer

# %% tags=["nbval-ignore-output"]
lesson.search(searched, guess_rate)

# %%
lesson.claim("The search ends within twelve runs", len(searched.readings), at_most=12)
lesson.claim(
    "Its answer is within a twentieth of the truth",
    answer.rate_per_s / truth,
    between=(0.95, 1.05),
)
lesson.claim(
    "Its interval holds the truth",
    scaling.place(truth, answer.low, answer.high),
    between=(0, 1),
)

# %% [markdown]
# Between what a server can do and what it can promise lies the room that random arrivals need. On your machine: `lab capacity --objective "p99 < 50 ms, failed < 0.1 %"`. It also says what limits: pool, threads, processor, locks, or the load generator, and then there is no answer but that.

# %% [markdown]
# ## A law, and where it knows nothing
#
# The **Universal Scalability Law** describes throughput by three numbers: what one user gets alone, the share of work that must wait for its turn, and the cost of agreeing with each other. With the last there is a concurrency, N*, beyond which more users get *less* done.
#
# A published measurement with known coefficients first, then a system that obeys the law but for noise: all of its sweep, and the first half alone.

# %%
published = usl.solve(scaling.PUBLISHED, relative=False)
lesson.claim(
    "The published peak comes out of the published measurement",
    published.peak_users / scaling.PUBLISHED_PEAK,
    between=(0.999, 1.001),
)

# %%
guess_peak = lesson.predict("N* as the first half of the sweep suggests", 60)

# %% tags=["nbval-ignore-output"]
known = scaling.throughputs((1, 2, 4, 8, 16, 32, 48, 64, 96))
half = {users: rates for users, rates in known.items() if users <= 16}
whole, first = usl.fit(known), usl.fit(half)
whole.peak_users, (whole.peak_low, whole.peak_high), first.peak_users

# %% tags=["nbval-ignore-output"]
lesson.laws(known, whole, first, guess_peak)

# %%
lesson.claim(
    "The whole sweep tells the peak, and its interval holds the truth",
    scaling.place(scaling.KNOWN.peak_users, whole.peak_low, whole.peak_high),
    between=(0, 1),
)
lesson.claim(
    "From the first half the lab tells no peak", first.peak_users is None, at_least=1
)
low, high = lesson.spread_of_peaks(first)
lesson.claim(
    "What the first half fits as well differs by more than a factor of three",
    high / low,
    at_least=3,
)

# %% [markdown]
# Nothing in the climb says where it ends. So N* is told only if the sweep went past its whole interval; otherwise the lab writes *not reached*. And the law is smooth: a pool that ends the growth at once makes a corner that it cannot follow, so the lab says how far its curve is from the dots.

# %% [markdown]
# ## Your turn
#
# Little's law is also a tool. Make a closed load of ten users that never asks for more than fifty requests per second, however fast the server is, and for at least twenty. What do you have to set? `lesson.hint("think_time")` helps, one step further each time it is called.

# %% tags=["exercise"]
guess_think = lesson.predict("seconds that each of ten users has to think", ...)
bounded = lesson.closed_load(users=10, think_s=...)

# %% tags=["solution"]
guess_think = lesson.predict("seconds that each of ten users has to think", 0.2)
bounded = lesson.closed_load(users=10, think_s=0.2)

# %%
lesson.check("think_time", bounded)

# %%
planned = LoadPlan.from_dict(bounded.manifest.load)
lesson.claim(
    "The users asked hardly more often than the pause allows",
    bounded.manifest.books["planned"] / planned.users / (1 + planned.total_s / 0.2),
    at_most=1.3,
)

# %% [markdown]
# ## In production
#
# - Say which load a number belongs to. A throughput without its latency, and a latency without its load, mean nothing.
# - Promise an objective, and search for the rate that keeps it, with arrivals that do not wait for you.
# - Check every measurement by Little's law. If it does not close, something else was measured.
# - Read the knee off the dots, and a model no further than the dots go.
# - Sizes are arithmetic on what was measured: `lab sweep experiments/concurrency.toml`, then `lab report last` has the law, the knee, and what `lab sizing` says of the run at the knee.
