import socket

import pytest

from lab.errors import UsageError
from loadtests import exchange
from loadtests.exchange import Target


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://127.1.2.3:8000", "http://[::1]:8000", "http://localhost:1"]
)
def test_this_machine_is_a_target(url: str) -> None:
    assert Target(url).addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1",
        "http://example.invalid",
        "http://0.0.0.0:1",
        "http://localhost.example.invalid",
        "http://[::2]",
    ],
)
def test_another_machine_is_not(url: str) -> None:
    with pytest.raises(UsageError, match="is not this machine"):
        Target(url)


@pytest.mark.parametrize("url", [None, "", "nonsense", "https://127.0.0.1:1", "127.0.0.1:8000"])
def test_what_is_no_http_address_is_refused(url: str | None) -> None:
    with pytest.raises(UsageError, match="no HTTP address"):
        Target(url)


def test_a_listed_name_may_be_loaded_only_at_private_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {"app": "172.18.0.3", "far": "192.0.3.7"}
    asked: list[str] = []

    def resolve(host: str, port: int, type: int) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, type, 0, "", (addresses[host], port))]

    monkeypatch.setattr(exchange.socket, "getaddrinfo", resolve)
    with pytest.raises(UsageError, match="LAB_LOAD_HOSTS"):
        Target("http://app:8000")
    assert asked == []  # a name that is not listed is not even looked up
    monkeypatch.setenv("LAB_LOAD_HOSTS", "app, far")
    assert Target("http://app:8000").addresses == [(socket.AF_INET, ("172.18.0.3", 8000))]
    with pytest.raises(UsageError, match="far"):
        Target("http://far:8000")
