"""Which hosts may be loaded: this machine, and names in LAB_LOAD_HOSTS that have private addresses."""

import ipaddress
import socket
from typing import Any

from lab import config
from lab.errors import UsageError


def addresses(host: str, port: int) -> list[tuple[Any, Any]]:
    """Return the addresses (family, address) of *host* that may be loaded.

    They are this machine's loopback; or, for a name that LAB_LOAD_HOSTS lists, private ones. No other name is even
    looked up.

    :raises UsageError: if there are none.
    """
    listed = host in allowed_hosts()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if listed or _may_be_local(host) else []
    except OSError:
        found = []
    local = [item for item in ((each[0], each[4]) for each in found) if _fits(ipaddress.ip_address(item[1][0]), listed)]
    if not local:
        raise UsageError(
            f"host {host!r} is not this machine; load goes to 127.0.0.0/8, ::1 or localhost only, "
            "and to names in LAB_LOAD_HOSTS that have private addresses"
        )
    return local


def allowed_hosts() -> list[str]:
    """Return the names in LAB_LOAD_HOSTS."""
    return [name.strip() for name in config.value("LAB_LOAD_HOSTS").split(",") if name.strip()]


def _may_be_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fits(address: Any, listed: bool) -> bool:
    return bool(address.is_loopback or (listed and address.is_private))
