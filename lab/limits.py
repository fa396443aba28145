"""What a container may use of the machine, as its control group says.

Version 2 of control groups has ``cpu.max`` and ``memory.max``; version 1 ``cpu/cpu.cfs_quota_us`` beside
``cpu/cpu.cfs_period_us``, and ``memory/memory.limit_in_bytes``. Inside a container its own group stands at the top.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1.
"""

from collections.abc import Mapping
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
FILES = {
    "cpu_max": "cpu.max",
    "quota_us": "cpu/cpu.cfs_quota_us",
    "period_us": "cpu/cpu.cfs_period_us",
    "memory_max": "memory.max",
    "memory_limit": "memory/memory.limit_in_bytes",
}
_NO_LIMIT_BYTES = 2**60  # version 1 writes a number near 2**63 where there is none

Limits = dict[str, float | int | None]


def parse(texts: Mapping[str, str | None]) -> Limits:
    """Return ``cpus`` and ``memory_bytes``, each None where nothing limits it; *texts* are the contents of ``FILES``.

    >>> parse({"cpu_max": "150000 100000", "memory_max": "max"})
    {'cpus': 1.5, 'memory_bytes': None}
    >>> parse({"quota_us": "-1", "period_us": "100000", "memory_limit": "536870912"})
    {'cpus': None, 'memory_bytes': 536870912}
    """
    quota, _, period = (texts.get("cpu_max") or f"{texts.get('quota_us')} {texts.get('period_us')}").partition(" ")
    memory = (texts.get("memory_max") or texts.get("memory_limit") or "max").strip()
    cpus = int(quota) / int(period) if quota.isdecimal() and period.strip().isdecimal() else None
    memory_bytes = int(memory) if memory.isdecimal() and int(memory) < _NO_LIMIT_BYTES else None
    return {"cpus": cpus, "memory_bytes": memory_bytes}


def here() -> Limits:
    """Return the limits of the container that this process runs in; those of a machine without any are None."""
    return parse({name: _read(TOP / file) for name, file in FILES.items()})


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
