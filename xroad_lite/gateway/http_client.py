"""Calls of an institution's own HTTP services, bounded in time, bytes and connections.

Follows no redirect, keeps no cookie, knows no proxy, inflates nothing: what came is handed on as it
came. Only addresses from the gateway's settings are called. Does not know X-Road.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

from xroad_lite.errors import ConfigurationError
from xroad_lite.gateway.deadlines import Deadline
from xroad_lite.gateway.settings import Address, GatewaySettings

Headers = Sequence[tuple[str, str]]
MAX_HEAD = 65_536
"""Bytes of an answer's status line and headers, those of interim answers too."""
MAX_HEADERS = 256
IDLE_SECONDS = 1.5
"""Less than servers keep a connection that nobody uses, so that none is closed under a call."""
_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))


class CallError(Exception):
    """A call that has no answer. The text is for the log: it may name inner addresses."""


class UnreachableError(CallError):
    """No connection, or no answer in time."""


class GarbageError(CallError):
    """An answer that is no HTTP, ends too early, or is larger than it may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, as it came; header values as Latin-1."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes = field(repr=False)


class HttpClient:
    """Connections to one address. ``address`` is ``http(s)://host[:port][/path]``."""

    def __init__(
        self,
        address: str,
        *,
        timeout: float,
        calls: int,
        max_content: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(address)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._authority = parts.netloc
        self._path = parts.path
        self._timeout = timeout
        self._max_content = max_content
        self._tls = (tls or ssl.create_default_context()) if self._secure else None
        self._free = asyncio.Semaphore(calls)
        self._idle: deque[_Connection] = deque()

    async def call(
        self, method: str, path: str, query: str | None, headers: Headers, content: bytes
    ) -> Answer:
        """The answer; ``path`` is added to the address's own. ``CallError`` if there is none.

        Headers must be clean: neither controls nor any that frame the message.
        """
        request = self._request(method, path, query, headers, content)
        ends = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(ends) if self._free.locked() else nullcontext():
                await self._free.acquire()
            try:
                return await self._exchange(method, request, ends)
            finally:
                self._free.release()
        except TimeoutError:
            raise UnreachableError(f"no answer within {self._timeout:g} s") from None
        except OSError as error:  # ssl.SSLError too
            raise UnreachableError(str(error)) from None

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _request(
        self, method: str, path: str, query: str | None, headers: Headers, content: bytes
    ) -> bytes:
        base = self._path
        if base.endswith("/") and path.startswith("/"):
            base = base[:-1]
        target = (base + path or "/") + (f"?{query}" if query is not None else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if content or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(content)}")
        return "\r\n".join((*lines, "", "")).encode("latin-1") + content

    async def _exchange(self, method: str, request: bytes, ends: float) -> Answer:
        connection = self._kept()
        if connection is not None:
            try:
                return await self._on(connection, method, request, ends)
            except _ClosedEarlyError:
                if method not in _IDEMPOTENT:
                    raise
        async with asyncio.timeout_at(ends):
            connection = await self._connect()
        return await self._on(connection, method, request, ends)

    async def _on(
        self, connection: _Connection, method: str, request: bytes, ends: float
    ) -> Answer:
        try:
            answer = await connection.exchange(method, request, ends)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _kept(self) -> _Connection | None:
        """The connection that was used last; one that nobody used for long has closed itself."""
        while self._idle and not self._idle[0].reusable:
            self._idle.popleft()
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._max_content),
            self._host,
            self._port,
            ssl=self._tls,
            server_hostname=self._host if self._tls is not None else None,
        )
        return connection


class _ClosedEarlyError(UnreachableError):
    """The server closed a connection that was kept, before it answered anything."""


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time, read by llhttp."""

    def __init__(self, max_content: int) -> None:
        self._max_content = max_content
        self._parser = httptools.HttpResponseParser(self)
        self._deadline = Deadline(asyncio.get_running_loop(), self._late)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._closed = False
        self.reusable = True
        """Whether another request may follow."""

    async def exchange(self, method: str, request: bytes, ends: float) -> Answer:
        """Send a request; its answer, or ``CallError``; ``TimeoutError`` at ``ends``."""
        assert self._transport is not None
        if self._closed:
            raise _ClosedEarlyError("the connection was closed")
        self.reusable = False
        self._method = method
        self._began = False
        self._seen = 0
        self._headers: list[tuple[str, str]] = []
        self._content = bytearray()
        self._framed: bool | None = None
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        self._deadline.set(ends - loop.time())
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """End it, whatever was under way."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no class of asyncio

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked
            return
        self._began = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            self._fail(cause if isinstance(cause, CallError) else GarbageError(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self.reusable = False
        self._deadline.end()
        if self._waiting is None or self._waiting.done():
            return
        if exc is None and self._framed is False:  # the end of the connection is its end
            self._done()
        elif self._began:
            self._fail(GarbageError("the connection ended before the answer did"))
        else:
            self._fail(_ClosedEarlyError("the connection was closed without an answer"))

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        if self._waiting is None or self._waiting.done():
            raise GarbageError("an answer that nobody asked for")
        self._headers = []

    def on_status(self, status: bytes) -> None:
        self._count(len(status) + 15)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if self._framed is not None:  # behind the content it is no header: RFC 9110, 6.5.1
            return
        if len(self._headers) >= MAX_HEADERS:
            raise GarbageError(f"the answer has more than {MAX_HEADERS} headers")
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 101 or not 100 <= status <= 599:
            raise GarbageError(f"the answer has the status {status}")
        if status < 200:
            return
        names = {name.lower() for name, _ in self._headers}
        self._framed = bool(names & {"content-length", "transfer-encoding"}) or status in (204, 304)
        if self._method == "HEAD":
            self._done()

    def on_body(self, body: bytes) -> None:
        if len(self._content) + len(body) > self._max_content:
            raise GarbageError(f"the answer has more than {self._max_content} bytes")
        self._content += body

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            keep = self._method != "HEAD" and self._parser.should_keep_alive()
            self._done(keep=keep and bool(self._framed))

    def _count(self, size: int) -> None:
        self._seen += size
        if self._seen > MAX_HEAD:
            raise GarbageError(f"the answer's head has more than {MAX_HEAD} bytes")

    def _done(self, *, keep: bool = False) -> None:
        if self._waiting is not None and not self._waiting.done():
            self.reusable = keep
            self._deadline.set(IDLE_SECONDS)
            status = self._parser.get_status_code()
            self._waiting.set_result(Answer(status, self._headers, bytes(self._content)))

    def _late(self) -> None:
        """There is no answer, or nobody has asked for long."""
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self.close()


def tls_of(address: Address, settings: GatewaySettings) -> ssl.SSLContext | None:
    """How an ``https:`` address is known, and what is shown to it; None for any other."""
    if not address.url.startswith("https:"):
        return None
    authority = None if address.authority is None else settings.path(address.authority)
    try:
        context = ssl.create_default_context(cafile=authority)
        if address.certificate is not None:
            key = None if address.key is None else settings.path(address.key)
            context.load_cert_chain(settings.path(address.certificate), key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError("config.address", f"{address.url}: {error}") from None
    return context
