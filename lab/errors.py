"""Every exception that the lab raises on purpose.

::

    LabError                  what happened, the value and the limit, what to do: one line
    ├── UsageError            a wrong word or number from the user (exit code 2)
    │   ├── SettingError      an environment variable LAB_*
    │   └── VariantError      a pool specification such as ``queue:size=5``
    ├── StoppedError          a record was ended before its time, and is whole (exit code 130)
    ├── ServerError           PostgreSQL could not be found, started, reached or stopped
    │   └── NotMarkedError    the database is not marked as the lab's own: nothing is written to it
    ├── PoolerError           PgBouncer could not be found, started or asked
    ├── AppError              the sample application did not start or stopped answering
    ├── LoadError             the load generator did not start, or died
    ├── ObserverError         the observer did not start, or died
    ├── AgentError            an agent in another container does not answer, or on another machine
    ├── ComposeError          Docker or one of the lab's containers did not do what was asked
    ├── LogError              a log file cannot be read
    ├── BusyError             another lab command is at work in the same home
    └── RecordError           a run folder cannot be used
        └── IncompleteRunError  the run was cut short: it is never analysed as complete

The CLI prints the message and exits with 1, or with 2 for :class:`UsageError`. A traceback is a defect.
"""


class LabError(Exception):
    """The base of all; its message is one line for a person."""

    exit_code = 1


class UsageError(LabError):
    """The user asked for something that does not exist or is out of range."""

    exit_code = 2


class SettingError(UsageError):
    """An environment variable of the lab has a wrong name or value."""


class VariantError(UsageError):
    """A pool specification cannot be read or asks for the impossible."""


class StoppedError(LabError):
    """A record was ended by Ctrl-C before its time; it is whole."""

    exit_code = 130


class ServerError(LabError):
    """PostgreSQL could not be found, started, reached or stopped."""


class NotMarkedError(ServerError):
    """The database does not carry the lab's mark, so nothing is written to it."""


class PoolerError(LabError):
    """PgBouncer could not be found, started or asked."""


class AppError(LabError):
    """The sample application did not start or stopped answering."""


class LoadError(LabError):
    """The load generator did not start, or died."""


class ObserverError(LabError):
    """The observer did not start, or died; or the server's statistics cannot be read."""


class AgentError(LabError):
    """An agent in another container does not answer, or reads another clock."""


class ComposeError(LabError):
    """Docker or one of the lab's containers did not do what was asked."""


class LogError(LabError):
    """A log file cannot be read."""


class BusyError(LabError):
    """Another command of the lab holds the home."""


class RecordError(LabError):
    """A run folder is missing, damaged, or of a format that this version cannot read."""


class IncompleteRunError(RecordError):
    """The run was cut short; what there is of it is kept, and not analysed as if it were whole."""
