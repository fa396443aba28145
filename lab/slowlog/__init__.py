"""The server's log of slow statements, in any of its three forms, as numbers for each statement.

:func:`read` takes files of csvlog, jsonlog or stderr (with any ``log_line_prefix``), also gzip and zstd, in any order
and with broken places, and returns a :class:`~lab.slowlog.report.SlowLog`. It reads in blocks and keeps sums for each
distinct statement, so a log of any size needs the memory of its distinct statements. :func:`entries` yields whatever
else is in such files.

What counts as a statement is what pgBadger counts as a query: each entry ``duration: ... statement:``,
``duration: ... execute NAME:``, ``duration:`` alone, and ``statement:`` or ``execute NAME:`` without a duration.
Entries of parse and bind are added up apart; ``statement: DEALLOCATE`` in capitals is left out. One thing differs: the
plan that auto_explain logs for an execution which has an entry of its own is that execution, and is not counted again.

Messages are those of ``lc_messages`` C or English.

Sources: PostgreSQL manual, "Error Reporting and Logging" and auto_explain; pgBadger 12.0, ``parse_query``.
"""

from lab.slowlog.entry import Entry, entries
from lab.slowlog.reading import read, statements
from lab.slowlog.report import Group, SlowLog

__all__ = ["Entry", "Group", "SlowLog", "entries", "read", "statements"]
