"""PostgreSQL's settings and access rules, as text.

``lab.conf`` stands beside this file; what the server reads is that text without the lines that its version does not
know. Only what depends on the machine (port, socket) is given on the command line.
"""

import re
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("lab.conf")
_SINCE = re.compile(r"#\s*since\s+(\d+)\s*$")
_LINE = re.compile(r"^([a-z_.]+)\s*=\s*('[^']*'|\S+)", re.MULTILINE)

# SCRAM for everyone, this machine only; no line for replication, so there is none
HBA = """\
# TYPE  DATABASE  USER  ADDRESS       METHOD
local   all       all                 scram-sha-256
host    all       all   127.0.0.1/32  scram-sha-256
host    all       all   ::1/128       scram-sha-256
"""

# For the server that only loads the data: nobody else sees it, and what is lost with the power is made again.
# synchronous_commit stays on: rows of a commit that is not yet flushed get no hint bits, and VACUUM then marks no page.
BUILD = {
    "shared_preload_libraries": "",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",  # rows of a table made in the same transaction then need no WAL
    "max_wal_senders": "0",
    "min_wal_size": "32MB",  # or the template would carry recycled WAL
    "autovacuum": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    "log_min_duration_statement": "-1",
}


@cache
def source() -> str:
    """Return the text of ``lab.conf``."""
    return _FILE.read_text(encoding="utf-8")


def effective(major: int) -> str:
    """Return the settings for one major version.

    >>> "reserved_connections = 3" in effective(18), "\\nreserved_connections" in effective(15)
    (True, False)
    """
    kept = [line for line in source().splitlines() if _since(line) <= major]
    return (
        f"# made by the lab from lab/server/lab.conf for PostgreSQL {major}; changes here are lost\n"
        + "\n".join(kept)
        + "\n"
    )


def _since(line: str) -> int:
    match = _SINCE.search(line)
    return int(match.group(1)) if match else 0


def values(major: int) -> dict[str, str]:
    """Return the settings for one major version by name; of two lines the later one counts.

    >>> values(14)["log_destination"], values(18)["log_destination"]
    ('csvlog', 'csvlog,jsonlog')
    """
    return {name: value.strip("'") for name, value in _LINE.findall(effective(major))}
