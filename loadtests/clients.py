"""Locust's own HTTP clients, watched from inside: what a locustfile that nobody here wrote sends, and when.

Locust tells of a request when its user's code has judged it, in whole floats of a wall clock. Here the moments are
taken on the shared monotonic clock: ``sent`` right before Locust's client sends, ``done`` when the client has the whole
answer. The verdict (name, failure) is the locustfile's, and comes with Locust's event. FastHttpUser's client sends a
request again when its connection breaks: it stays one request, whose time contains all of it, and is counted.

A request to any host that may not be loaded is refused before a name is looked up.
"""

import contextvars
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import gevent
from geventhttpclient.connectionpool import ConnectionPool
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession, LocustUserAgent
from locust.exception import StopUser
from urllib3.connection import HTTPConnection

from lab import hosts
from lab.errors import UsageError
from lab.record import raw
from lab.units import monotonic_us
from loadtests.recorder import Flight, Recorder
from loadtests.unanswered import Unanswered

LONGEST_NAME = 200  # characters; a name is for people
_KINDS_OF_TROUBLE = 20  # that are told apart
_PAUSE_S = 0.01


class RefusedHostError(ConnectionError):
    """The locustfile asked for a host that may not be loaded."""


class Exchange:
    """One request, from the call in the locustfile to its verdict."""

    __slots__ = ("done_us", "flight", "hops", "name", "sends", "size", "status", "timing")

    def __init__(self, name: str) -> None:
        self.flight, self.name = Flight(), name
        self.done_us = self.status = self.size = self.sends = self.hops = 0
        self.timing: str | None = None


class Watcher:
    """Records what Locust's clients do."""

    def __init__(self) -> None:
        self.recorder = Recorder(None)
        self.unanswered = Unanswered()
        self.stop_us = 2**62
        self.names: dict[str, int] = {}
        self.resent = self.redirected = self.foreign = self.unjudged = self.unlisted = 0
        self.refused: Counter[str] = Counter()
        self._free: list[Flight] = []
        self._open: set[Exchange] = set()
        self._may: dict[str, bool] = {}
        self._current: contextvars.ContextVar[Exchange | None] = contextvars.ContextVar("exchange", default=None)

    @property
    def in_the_air(self) -> int:
        """How many requests wait for their answer."""
        return sum(1 for one in self._open if not one.done_us)

    def attach(self) -> None:
        """Watch every client that is made from now on."""
        for session in (HttpSession, FastHttpSession):
            _wrap(session, "request", self._request)
            _wrap(session, "_send_request_safe_mode", self._send)
        _wrap(HttpSession, "send", self._hop)
        _wrap(LocustUserAgent, "_urlopen", self._hop)
        _wrap(HTTPConnection, "connect", self._connect)
        _wrap(ConnectionPool, "get_socket", self._socket)
        _wrap(ConnectionPool, "_create_socket", self._connect)

    def judge(self, request_type: str, name: str, response: Any, exception: Any, size: int) -> None:
        """Take the locustfile's verdict on a request, as Locust tells it."""
        one = getattr(response, "lab_exchange", None)
        if one is None:
            self.foreign += 1  # of a client that is not Locust's own
        elif one in self._open:
            one.name, one.size = f"{request_type} {name}", size
            self._take_answer(one, response)
            if not one.status:
                self.unanswered.count(exception)
            self._land(one, failed=exception is not None)

    def settle(self) -> None:
        """Write the requests that were answered and that the locustfile never judged: their status does."""
        for one in list(self._open):
            if one.done_us:
                self.unjudged += 1
                self._land(one, failed=None)
            else:
                one.flight.route = self._route(one.name)

    def _request(self, call: Callable[..., Any], session: Any, method: str, url: str, *rest: Any, **named: Any) -> Any:
        if monotonic_us() >= self.stop_us or self.recorder.closed:
            if _leaving():
                return call(session, method, url, *rest, **named)  # what on_stop sends is not part of the load
            gevent.sleep(_PAUSE_S)  # who swallows the exception and asks again must not keep the process to himself
            raise StopUser
        one = Exchange(f"{method} {named.get('name') or session.request_name or url}")
        token = self._current.set(one)
        try:
            answer = call(session, method, url, *rest, **named)
        except Exception as error:
            if one in self._open:  # it could not be sent, and Locust does not count it: it was asked for all the same
                one.done_us = one.done_us or monotonic_us()
                if not one.status:
                    self.unanswered.count(error)
                self._land(one, failed=True)
            raise
        except BaseException:
            if one in self._open:
                self._give_up(one)
            raise
        finally:
            self._current.reset(token)
        if one in self._open and not one.done_us:
            self._take_answer(one, answer)  # the verdict comes later, at the end of a with block
        return answer

    def _send(self, call: Callable[..., Any], session: Any, method: str, url: str, **named: Any) -> Any:
        one = self._current.get()
        if one is None:
            return call(session, method, url, **named)
        one.flight = self._free.pop() if self._free else self.recorder.flight()
        self._open.add(one)
        self.recorder.plan()
        sent_us = monotonic_us()
        self.recorder.depart(one.flight, 0, sent_us, sent_us)
        response = call(session, method, url, **named)
        if isinstance(session, HttpSession):
            self._take_answer(one, response)  # the other client reads the body after this
        response.lab_exchange = one
        return response

    def _hop(self, call: Callable[..., Any], client: Any, request: Any, *rest: Any, **named: Any) -> Any:
        """One request on the wire; more than one of an exchange if the application redirects."""
        url = getattr(request, "url", "")
        if not self._may_load(str(url)):
            host = _host(str(url))
            if host in self.refused or len(self.refused) < _KINDS_OF_TROUBLE:
                self.refused[host] += 1
            raise _refusal(client, host)
        one = self._current.get()
        if one is not None:
            one.hops += 1
            self.redirected += one.hops == 2
        return call(client, request, *rest, **named)

    def _may_load(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.netloc not in self._may:
            try:
                hosts.addresses(parts.hostname or "", parts.port or 80)
                self._may[parts.netloc] = True
            except (UsageError, ValueError):
                self._may[parts.netloc] = False
        return self._may[parts.netloc]

    def _connect(self, call: Callable[..., Any], connection: Any, *rest: Any, **named: Any) -> Any:
        one = self._current.get()
        if one is not None:
            one.flight.first = True
        return call(connection, *rest, **named)

    def _socket(self, call: Callable[..., Any], pool: Any, *rest: Any, **named: Any) -> Any:
        one = self._current.get()
        if one is not None:
            one.sends += 1
        return call(pool, *rest, **named)

    def _take_answer(self, one: Exchange, response: Any) -> None:
        if one.done_us:
            return
        one.done_us = monotonic_us()
        one.status = int(getattr(response, "status_code", 0) or 0)
        headers = getattr(response, "headers", None)
        one.timing = headers.get("server-timing") if headers else None

    def _land(self, one: Exchange, failed: bool | None) -> None:
        self._open.discard(one)
        self.resent += max(0, one.sends - max(1, one.hops))
        one.flight.route = self._route(one.name)
        self.recorder.land(one.flight, one.done_us, one.status, one.size, one.timing, failed)
        self._free.append(one.flight)

    def _give_up(self, one: Exchange) -> None:
        self._open.discard(one)
        one.flight.route = self._route(one.name)
        self.recorder.give_up(one.flight, monotonic_us())
        self._free.append(one.flight)

    def _route(self, name: str) -> int:
        name = name[:LONGEST_NAME]
        if name in self.names:
            return self.names[name]
        if len(self.names) == raw.MOST_NAMES:
            self.unlisted += 1
            return raw.MOST_NAMES
        return self.names.setdefault(name, len(self.names))


def _wrap(kind: type, method: str, around: Callable[..., Any]) -> None:
    """Have *around* called in place of a method, with the method first."""
    call = getattr(kind, method)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        return around(call, *arguments, **named)

    setattr(kind, method, wrapped)


def _host(url: str) -> str:
    """Return how a refused host is named, without a password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return "an address that cannot be read"


def _leaving() -> bool:
    """Whether a user's or a task set's ``on_stop`` is being run."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_name != "on_stop":
        frame = frame.f_back
    return frame.f_code.co_name == "on_stop"


def _refusal(client: Any, host: str) -> Exception:
    """Return what either client takes for a failed request, rather than for a defect of the locustfile."""
    said = f"{host} is not this machine: load goes to 127.0.0.0/8, ::1 or localhost only, and to LAB_LOAD_HOSTS"
    if isinstance(client, HttpSession):
        from requests.exceptions import ConnectionError as RequestsConnectionError

        return RequestsConnectionError(said)
    return RefusedHostError(said)
