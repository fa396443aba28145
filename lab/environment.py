"""What a run was made on: host, versions, the server's settings. Two runs are compared only if these agree."""

import hashlib
import importlib.metadata
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from lab.config import PROJECT

PACKAGES = (
    "sqlalchemy",
    "psycopg2-binary",
    "fastapi",
    "starlette",
    "anyio",
    "uvicorn",
    "locust",
    "gevent",
    "geventhttpclient",
)

_MEMORY_STEP = 64 * 2**20


def capture(server: dict[str, Any]) -> dict[str, Any]:
    """Return plain values that describe this machine, its packages and *server* (its version and settings).

    Nothing in it changes from run to run on the same machine, so that its digest can be compared.
    """
    return {
        "host": {
            "system": platform.system(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cpu": cpu_model(),
            "cores": usable_cores(),
            "machine_cores": psutil.cpu_count() or 1,  # what the machine's CPU counters cover
            # what the kernel keeps for itself differs by some pages from one boot to the next
            "memory_bytes": round(psutil.virtual_memory().total / _MEMORY_STEP) * _MEMORY_STEP,
        },
        "lab": code_digest(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "server": server,
    }


@cache
def code_digest() -> str:
    """Return a short hash of the lab's own code: runs of two versions of it are not alike."""
    files = sorted(file for folder in ("lab", "loadtests") for file in (PROJECT / folder).rglob("*.*"))
    digest = hashlib.sha256()
    for file in files:
        if file.suffix in (".py", ".sql", ".conf", ".toml") and file.is_file():
            digest.update(f"{file.relative_to(PROJECT)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def usable_cores() -> int:
    """Return how many cores this process may use, which in a container can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """Return the processor's name, as the system gives it."""
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
