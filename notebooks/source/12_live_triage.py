# %% [markdown]
# # 12 · Live triage
#
# *20 minutes: 10 to read and predict, 2 of running, 8 for your turn.*
#
# The application does not answer, and the database is up. Somebody says: find the query that runs longest, and cancel it.
#
# Here is a server on which something is stuck. Which session is in the way, what can be done about it, and does the signal hit whom it should?

# %%
from lab import lesson
from lab.analyse import active, locks
from lab.demonstrate import aiming, endings, triage
from lab.lesson import triage_pictures

lesson.begin("12_live_triage")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# Six sessions: one takes a payment and forgot to end its transaction, one has read and has not ended its either. A payment, a migration and a list wait. A report runs the longest. How many of the six stand in somebody's way?
#
# Later somebody cancels requests on pooled connections, by pid, with a moment of thought between the look and the signal. How many signals out of a hundred hit somebody else's query?

# %%
guess = lesson.predict("sessions in somebody's way", 1)
innocent = lesson.predict("innocent queries hit, of a hundred signals", 5)

# %% [markdown]
# ## See it
#
# A server of the lesson's own, so that nothing else is in danger.

# %% tags=["nbval-ignore-output"]
stage = lesson.hold(triage.stage(bench))
scene = stage.look()
triage_pictures.sessions(stage, scene)

# %%
waiting = [one for one in scene.sessions if one.wait_event_type == "Lock"]
lesson.claim("Three sessions wait for a lock", len(waiting), between=(3, 3))

# %%
lesson.claim(
    "All of them are active: active is not the same as working",
    sum(one.state == "active" for one in waiting),
    between=(3, 3),
)
lesson.claim(
    "Two are idle in transaction, and wait for nobody but their client",
    sum(one.state == "idle in transaction" for one in scene.sessions),
    between=(2, 2),
)

# %% [markdown]
# One look is one moment. Samples at jittered moments say what the sessions were at on average: a fixed beat would see a periodic load always or never.

# %% tags=["nbval-ignore-output"]
samples = stage.sampled(bench.scaled(ci=1.5, workshop=5.0))
triage_pictures.averages(active.averages(samples))

# %%
behind_locks = [
    sum(n for (_, kind, _), n in one.counts.items() if kind == "Lock")
    for one in samples
]
lesson.claim(
    "Three waited for a lock in every sample", min(behind_locks), between=(3, 3)
)

# %% [markdown]
# Whoever looks from inside a transaction sees the same picture for ever, and that is what most drivers do unless they are told not to. Somebody comes between two looks:

# %% tags=["nbval-ignore-output"]
inside, outside = triage.frozen(stage, True), triage.frozen(stage, False)
triage_pictures.frozen(inside, outside)

# %%
lesson.claim(
    "Inside a transaction the newcomer is not seen",
    inside.after - inside.before,
    at_most=0,
)
lesson.claim("With autocommit it is", outside.after - outside.before, between=(1, 1))

# %% [markdown]
# ## Who waits for whom
#
# `pg_blocking_pids` is the server's own answer. It knows which lock modes conflict, and who stands before whom in the queue.

# %% tags=["nbval-ignore-output"]
triage_pictures.tree(stage, scene, guess)

# %%
edges = locks.waits(scene)
forest = locks.forest(edges)
names = {pid: name for name, pid in stage.pids.items()}
root = scene.session(forest[0].party)
lesson.claim(
    "Everybody who waits is behind one session that does nothing",
    len(locks.behind(forest[0])) if root.state == "idle in transaction" else 0,
    between=(3, 3),
)

# %%
lesson.claim("There is a second root", len(forest), between=(2, 2))

# %%
lesson.claim(
    "The list waits for a lock that nobody has: it is behind the migration's request",
    sum(edge.queued for edge in edges if names[edge.waiter] == "list"),
    between=(1, 1),
)

# %%
at_work = [one for one in scene.sessions if one.state == "active"]
longest = max(at_work, key=lambda one: one.state_s)
lesson.claim(
    "The query that runs longest blocks nobody",
    sum(edge.blocker == longest.pid for edge in edges),
    at_most=0,
)

# %% [markdown]
# Many tools join `pg_locks` with itself instead. The same scene:

# %% tags=["nbval-ignore-output"]
own, by_relation, by_transaction = triage.believed(stage)
triage_pictures.believed([own, by_relation, by_transaction])

# %%
lesson.claim(
    "A join on the relation accuses sessions that block nobody",
    by_relation.made_up,
    at_least=1,
)
lesson.claim(
    "A join on the transaction misses every wait for a table",
    by_transaction.missed,
    at_least=4,
)

# %% [markdown]
# ## Somebody who is not there
#
# A transaction can be prepared, and its session gone. It still holds its locks, and no line of `pg_stat_activity` shows it: the server names it as pid 0. `pg_locks` and `pg_prepared_xacts` together know its name.

# %% tags=["nbval-ignore-output"]
orphan = triage.orphan(bench, server=stage.server)
triage_pictures.orphan(orphan)

# %%
lesson.claim(
    "The blocker is pid zero, and its name can be found",
    orphan.blocked_by.count(0) if orphan.root == "payment 7" else 0,
    between=(1, 1),
)

# %% [markdown]
# ## Cancel or terminate
#
# `pg_cancel_backend` stops a query, `pg_terminate_backend` a connection; so it is taught. Each is sent to a fresh session in each state.

# %% tags=["nbval-ignore-output"]
found = endings.endings(bench, server=stage.server)
triage_pictures.endings(found)

# %%
by = {(one.state, one.act): one for one in found}
running = [by["active", "cancel"], by["waits for a lock", "cancel"]]
quiet = [by["idle in transaction", "cancel"], by["idle", "cancel"]]

# %%
lesson.claim(
    "A cancel ends a query that runs or waits, and its session stays",
    sum(one.over and one.session_left for one in running),
    between=(2, 2),
)
lesson.claim(
    "To idle sessions, in a transaction or not, it does nothing",
    sum(not one.over for one in quiet),
    between=(2, 2),
)

# %%
lesson.claim(
    "And it says true all the same", sum(one.said for one in quiet), between=(2, 2)
)
lesson.claim(
    "The guarded form sends nothing there, and says why",
    sum(one.guarded != "sent" for one in quiet),
    between=(2, 2),
)
lesson.claim(
    "Terminate ended all four sessions",
    sum(not one.session_left for one in found if one.act == "terminate"),
    between=(4, 4),
)

# %% [markdown]
# ## Why the pid is not enough
#
# A pooled connection keeps its pid, and its start, from one request to the next. Between the look and the signal the request may be over, and the signal meets the next one.
#
# The guarded form compares pid, start of the session and start of the query *in the statement that signals*.

# %% tags=["nbval-ignore-output"]
tries = bench.scaled(ci=40, workshop=200)
by_pid = aiming.shots(bench, guarded=False, tries=tries, server=stage.server)
guarded = aiming.shots(bench, guarded=True, tries=tries, server=stage.server)
triage_pictures.shots(by_pid, guarded, innocent)

# %%
lesson.claim(
    "By pid, innocent queries were hit, and not once or twice",
    by_pid.innocent_hit,
    at_least=4,
)
lesson.claim(
    "Guarded, requests that were wanted were hit", guarded.wanted_hit, at_least=4
)

# %%
lesson.claim("Guarded, no innocent one was", guarded.innocent_hit, at_most=0)

# %% [markdown]
# What the guard refuses is over already. What remains are the microseconds between the server's look and its signal; the receipt says whether it is certain of what it hit.

# %% [markdown]
# ## Your turn
#
# Let the payment and the list go on, so that nobody waits for a lock any more. The report has to run on. The reader has to keep its session, although the migration waits for it: of the two, the migration can try again later. `stage.cancel(...)` and `stage.terminate(...)` take a session's name, are guarded, and return a receipt. `lesson.hint("free_the_queue")` helps, one step further each time it is called.

# %% tags=["exercise"]
receipts = ...

# %% tags=["solution", "nbval-ignore-output"]
receipts = stage.terminate("forgetful"), stage.cancel("migration")
[str(one) for one in receipts]

# %%
lesson.check("free_the_queue", stage)
lesson.claim("Nobody waits any more", len(stage.waiting()), at_most=0)

# %% [markdown]
# ## In production
#
# - `lab activity --longer 5s`, `lab locks`, then `lab cancel` or `lab terminate` with the word that the first column shows: it names the query, the transaction or the idle time and not the connection, so nothing is signalled if that is over. All take `--dsn`; to look, `pg_monitor` suffices.
# - What takes longest is seldom what is in the way. Begin at the root of the tree; if that is idle in transaction, only terminate helps, and its work is lost.
# - A migration with `lock_timeout` gives up instead of making everybody queue behind it. `idle_in_transaction_session_timeout` ends who forgot.
# - Look with autocommit, and look for prepared transactions too.
