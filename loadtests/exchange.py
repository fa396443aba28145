"""One connection, one request at a time, stamped right around it.

The parsing is geventhttpclient's (llhttp in C), as in Locust's FastHttpUser; the sending is done here, because that
client sends an idempotent request again, up to eleven times inside one timing, when its connection breaks, and
spends three times the CPU. Here a request is sent once. A connection that the server has closed while it
was idle is noticed before, and replaced: the new one's first request is marked as such.
"""

import socket
from typing import Any
from urllib.parse import urlsplit

from gevent import socket as gsocket
from geventhttpclient.response import HTTPSocketResponse

from lab import hosts
from lab.errors import UsageError
from loadtests.journey import Request
from loadtests.recorder import Flight

_BLOCK_BYTES = 65536
_BODY = {"POST": "Content-Length: 0\r\n", "PUT": "Content-Length: 0\r\n", "PATCH": "Content-Length: 0\r\n"}


class Target:
    """The server under load: its addresses, resolved once, and the headers that go with every request.

    :raises UsageError: if the URL is none, or does not name this machine.
    """

    def __init__(self, url: str | None) -> None:
        parts = urlsplit(url or "")
        if parts.scheme != "http" or not parts.hostname:
            raise UsageError(f"host {url!r} is no HTTP address; give --host http://127.0.0.1:PORT")
        self.url = f"http://{parts.netloc}"
        self.addresses = hosts.addresses(parts.hostname, parts.port or 80)
        self.prefix = parts.path.rstrip("/")
        self.headers = (
            f" HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: postgresql-performance-lab\r\n"
            "Accept: */*\r\nAccept-Encoding: identity\r\n"
        )


class Connection:
    """A keep-alive connection to the target, opened when it is first needed."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._socket: Any = None

    def exchange(self, request: Request, flight: Flight) -> tuple[int, int, str | list[str] | None]:
        """Send *request* once and read its whole answer; return status, bytes of the body, Server-Timing.

        :raises OSError, HTTPParseError: if there is no whole answer; the connection is closed then.
        """
        target = self._target
        if self._socket is None or not self._idle():
            self._socket = None
            self._connect()
            flight.first = True
        head = f"{request.method} {target.prefix}{request.path}{target.headers}{_BODY.get(request.method, '')}\r\n"
        try:
            self._socket.sendall(head.encode("latin-1"))
            answer = HTTPSocketResponse(self._socket, _BLOCK_BYTES, request.method)
            size = len(answer.read())
        except BaseException:
            self.close()
            raise
        if answer.should_close():
            self.close()
        return answer.get_code(), size, answer.get("server-timing")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _idle(self) -> bool:
        """Whether nothing has come in since the last answer: neither the end of the stream nor stray bytes."""
        self._socket.settimeout(0.0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self._socket.settimeout(self._timeout_s)
            return True
        except OSError:
            pass  # the connection is broken: it is replaced
        self.close()
        return False

    def _connect(self) -> None:
        error: OSError | None = None
        for family, address in self._target.addresses:
            connection = gsocket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(self._timeout_s)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except BaseException as failure:
                connection.close()
                if not isinstance(failure, OSError):
                    raise
                error = failure
                continue
            self._socket = connection
            return
        raise error or OSError("no address to connect to")
