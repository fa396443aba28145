# %% [markdown]
# # 10 · The slow query log
#
# *20 minutes: 9 to read and predict, 3 of running, 8 for your turn.*
#
# `log_min_duration_statement = 100` is the first advice for finding slow statements, and csvlog the form that is said to be easy to parse. Both are true as far as they go. Here everything that is sent is counted, so that the log can be held against it: what is in it, what is not, and what is in it twice.

# %%
from lab import lesson
from lab.demonstrate import slow_log
from lab.lesson import log_pictures

lesson.begin("10_slow_query_log")
bench = lesson.bench()

# %% [markdown]
# ## Predict
#
# A session sends six statements that take 150 ms each, and three hundred that take a few milliseconds. What share of all the time will be in statements that the log does not have?

# %%
guess = lesson.predict("share of the time that the log does not show, %", 5)

# %% [markdown]
# The server is one of this lesson's own: it writes its log in every form that its version has, and its threshold is 100 ms.

# %%
server = lesson.hold(slow_log.server(bench))

# %% [markdown]
# ## Count what is in it

# %% tags=["nbval-ignore-output"]
mixture = slow_log.mixture(bench, server)
log_pictures.counts(mixture)

# %%
lesson.claim(
    "What took longer than the threshold is in the log, each once",
    mixture.slow_logged_share,
    between=(1, 1),
)

# %%
lesson.claim(
    "Of what took less, next to nothing is",
    mixture.short_logged_share,
    at_most=0.1,
)

# %% tags=["nbval-ignore-output"]
log_pictures.missed(mixture, guess)

# %%
lesson.claim(
    "A good part of the time is in statements that the log does not have",
    mixture.missing_share_of_time,
    at_least=0.1,
)

# %% [markdown]
# The log finds statements that are slow each time. One that is quick and runs without end, a loop of the ORM's for instance, never comes near the threshold. For those there is `pg_stat_statements`, in lesson 11, which adds up everything.

# %% [markdown]
# ## Is csvlog easy to parse?
#
# People write statements on several lines, with commas and quotes in them. Twenty such statements are sent. Then the log is read in three ways: line by line, split at commas; as CSV; and by the lab, from each form that the server wrote.

# %% tags=["nbval-ignore-output"]
parsed = slow_log.parsed(bench, server)
log_pictures.parsed(parsed)

# %%
lesson.claim(
    "Line by line, not even half are found", parsed.by_line / parsed.sent, at_most=0.5
)

# %%
lesson.claim(
    "Read as CSV, each is found once", parsed.by_csv / parsed.sent, between=(1, 1)
)

# %%
forms = [count / parsed.sent for count in parsed.by_form.values()]
lesson.claim(
    "Each form of the log, read as what it is, has every statement once",
    max(abs(share - 1) for share in forms),
    at_most=0,
)

# %%
lesson.claim(
    "The forms say the same of the time",
    len(set(parsed.duration_ms.values())),
    between=(1, 1),
)

# %% [markdown]
# So csvlog is easy to parse with a reader of CSV, and not at all with `grep` and `cut`. jsonlog (since 15) has one line for each entry, and stderr continues an entry in lines that begin with a tab.

# %% [markdown]
# ## Who may log everything?
#
# "Set it to 0 in your session, and you see everything there." A role without privileges tries, and a superuser.

# %% tags=["nbval-ignore-output"]
rights = slow_log.rights(bench, server)
log_pictures.rights(rights)

# %%
refused = int(rights.plain == "42501")
lesson.claim("A plain role may not: permission denied", refused, between=(1, 1))

# %%
own = rights.own_logged / rights.sent
lesson.claim(
    "A superuser may, and everything of that session is in the log", own, between=(1, 1)
)

# %%
others = rights.others_logged / rights.sent
lesson.claim("What other sessions send at the same time is not", others, at_most=0.2)

# %%
by_role = rights.by_role_logged / rights.sent
lesson.claim(
    "After ALTER ROLE every new session of a plain role is logged",
    by_role,
    between=(1, 1),
)

# %%
as_promised = int(rights.granted == ("" if server.major >= 15 else None))
lesson.claim(
    "The right to set it can be granted, on every version that has GRANT SET ON PARAMETER",
    as_promised,
    between=(1, 1),
)

# %% [markdown]
# So an application cannot log its own session, unless somebody gave it that right: `ALTER ROLE app SET log_min_duration_statement = 0`, or since version 15 `GRANT SET ON PARAMETER log_min_duration_statement TO app`.

# %% [markdown]
# ## What the drivers write
#
# psycopg2 puts the values into the statement before it sends it. psycopg 3 sends them apart, in the protocol's steps parse, bind and execute. The same statement goes eight times through each, with other values.

# %% tags=["nbval-ignore-output"]
by_2, by_3 = slow_log.drivers(bench, server)
log_pictures.written([by_2, by_3])

# %%
texts = by_2.texts / by_2.sent
lesson.claim(
    "With the values in the statement, the log has as many texts as values",
    texts,
    between=(1, 1),
)

# %%
lesson.claim("With the values sent apart, it has one text", by_3.texts, between=(1, 1))

# %%
details = by_3.details / by_3.sent
lesson.claim("Those values are in the detail of the entry", details, between=(1, 1))

# %%
lesson.claim(
    "Sent in steps, statements cause more entries than there are statements",
    by_3.entries - by_3.statements,
    at_least=1,
)

# %%
lesson.claim(
    "Normalised, both are one statement each", by_2.groups + by_3.groups, between=(2, 2)
)

# %% [markdown]
# Whoever counts lines with `duration:` counts parse and bind as well. And a log of psycopg2's holds the values of your users, also where nobody expected personal data to be.

# %% [markdown]
# ## A plan, and not a second execution
#
# `auto_explain` logs the plan of what was slow, in an entry of its own with a duration of its own. Five executions with both switched on:

# %% tags=["nbval-ignore-output"]
explained = slow_log.explained(bench, server)
log_pictures.explained(explained)

# %%
entries = explained.entries / explained.sent
lesson.claim(
    "The log has two entries with a duration for each execution",
    entries,
    between=(2, 2),
)

# %%
counted = explained.statements / explained.sent
lesson.claim("The lab counts each execution once", counted, between=(1, 1))

# %%
joined = explained.joined / explained.sent
lesson.claim("Each has its plan", joined, between=(1, 1))

# %% [markdown]
# Under the simple protocol the plan comes before the statement's entry, under the extended one after it, when the next bind or the commit closes the portal. It belongs to the statement of the same session and text that ran at that moment.

# %% [markdown]
# ## Why not simply log everything?
#
# Each entry is written, and by one process for all sessions, the logging collector. The way between is a sample: `log_min_duration_sample` with `log_statement_sample_rate` takes a random share of what is below the threshold, and the threshold keeps all that is above it.

# %% tags=["nbval-ignore-output"]
sample = slow_log.sampled(bench, server, rate=0.1)
log_pictures.counts(sample.mixture)

# %%
lesson.claim(
    "About the share that was asked for is in the log",
    sample.mixture.short_logged_share,
    between=(0.04, 0.2),
)

# %%
lesson.claim(
    "All that took longer than the threshold is there too",
    sample.mixture.slow_logged_share,
    between=(1, 1),
)

# %% [markdown]
# From the sample the short statements can be counted too: multiply by the inverse of the rate. What is rare may still be missing.

# %% [markdown]
# ## Your turn
#
# A service has statements of 150 ms that must all be in the log, and a thousand short ones, of which a quarter would be enough to know them. Choose the rate and the threshold; `lesson.hint("sampled_log")` helps, one step further each time it is called.

# %% tags=["exercise"]
tried = slow_log.sampled(bench, server, rate=0.1, threshold_ms=300)

# %% tags=["solution"]
tried = slow_log.sampled(bench, server, rate=0.25, threshold_ms=100)

# %%
lesson.check("sampled_log", tried)

# %% [markdown]
# Then read your own server's log: `lab slowlog FILE ...` groups any csvlog, jsonlog or stderr, also rotated and packed, by statement.

# %% [markdown]
# ## In production
#
# - Choose the threshold from what your users notice, not from the number in a tutorial, and sample the rest.
# - Read the log with something that knows its form. `lab slowlog` and pgBadger count the same statements; pgBadger counts a plan of auto_explain as one more.
# - Switch on `auto_explain` with `log_min_duration`, and `log_analyze` only with a sample rate: it times every statement, also those that it does not log.
# - Values of psycopg2 stand in the text. `log_parameter_max_length` limits those that are sent apart, and nothing limits these.
# - What is quick and frequent is not in the slow log: lesson 11.
