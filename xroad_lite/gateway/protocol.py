"""HTTP/1.1 as this gateway accepts it: uvicorn's on llhttp, with limits, and strict where two
readers could differ.

llhttp refuses what smuggles requests (two lengths, a length beside chunks, bare line feeds, folded
headers); this adds what it leaves open. Does not read bodies: ``bodies`` does.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from xroad_lite.gateway.callers import CERTIFICATE
from xroad_lite.gateway.deadlines import Deadline
from xroad_lite.gateway.gathering import Gathered
from xroad_lite.gateway.headers import NAMES_AS_SENT
from xroad_lite.gateway.settings import Limits

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VISIBLE = re.compile(rb"[!-~]*")
_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What breaks a rule is told so, and the connection ends."""

    limits = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline = Deadline(self.loop, self._late)
        """Until when the client has time for its next step; not set when it is our turn."""
        self._unended = 0
        """Bytes since anything but a head was read: llhttp keeps a header until it ends."""
        self._written: list[tuple[bytes, bytes]] = []
        self._certificate: bytes | None = None
        self._reading = False
        """Whether a request has begun that is not all here."""
        self._trailing = False
        """Whether it has an answerer: fields that follow are no headers."""
        self._running: RequestResponseCycle | None = None
        """What is being answered, or was last; others may have been asked since."""
        self._last_words: tuple[int, bytes] | None = None
        """Why this ends, to be said once it is answered what was asked before."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come; it has so long to say what it wants."""
        super().connection_made(transport)
        self._gathered = Gathered(transport, self.loop)
        self.transport = cast(asyncio.Transport, self._gathered)
        secure = transport.get_extra_info("ssl_object")
        self._certificate = secure.getpeercert(binary_form=True) if secure is not None else None
        if len(self.connections) > self.limits.connections:
            self._refuse(503, b"too many connections")
            return
        self._deadline.set(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._deadline.end()
        self._forsake()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of requests; whatever is behind what was refused is not read."""
        if self._is_over():
            return
        self._unended += len(data)
        while data and not self._is_over():
            data = self._read(data)
        if self._unended > self.limits.headers:
            self._refuse(431, b"the headers are too large")

    def _read(self, data: bytes) -> bytes:
        """Have bytes parsed; what is to be parsed anew, where another protocol was offered."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            return self._declined(data[offered.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        return b""

    def _declined(self, rest: bytes) -> bytes:
        """The same request without the offer of another protocol, as it may be (RFC 9110, 7.8).

        llhttp takes what is behind such a head for that protocol's, a body and other requests too.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % one for one in self._written if one[0].lower() != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return b"\r\n".join((*lines, b"", rest))

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP."""
        self._refuse(400, msg.encode("ascii", "replace"))

    def on_message_begin(self) -> None:
        """The first byte of a request; the first one's time began with the connection."""
        super().on_message_begin()
        if self.cycle is not None and not self._reading:
            self._deadline.set(self.limits.header_seconds)
        self._reading, self._trailing = True, False
        self._written = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, as it was written. A field behind the body is nobody's: RFC 9110, 6.5.1."""
        if not self._trailing:
            self._written.append((name, value))

    def on_headers_complete(self) -> None:
        """The request's head is here: from now on its body has its own time."""
        if self._is_over():
            return
        self.headers += [(name.lower(), value) for name, value in self._written]
        names, values = zip(*self.headers, strict=True) if self.headers else ((), ())
        problem = self._problem(names, values)
        if problem is not None:
            self._refuse(*problem)
            return
        if self.parser.should_upgrade():
            return
        state = self.scope["state"]
        state[NAMES_AS_SENT] = self._written
        state[CERTIFICATE] = self._certificate
        self._unended = 0
        self._deadline.set(self.limits.body_seconds)
        if b"expect" in names:
            self.expect_100_continue = b"100-continue" in map(bytes.lower, self._all(b"expect"))
        super().on_headers_complete()
        self._trailing = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unended = 0
        if not self._is_over():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of a request is here."""
        if self.parser.should_upgrade():
            return
        self._reading = False
        self._unended = 0
        self._rest()
        if not self._is_over():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next that was asked is answered, or what could not be read."""
        self._gathered.send()
        if self._last_words is not None and not self.pipeline:
            words, self._last_words = self._last_words, None
            self._reading = False
            self._refuse(*words)
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._reading:
            self._rest()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _problem(
        self, names: tuple[bytes, ...], values: tuple[bytes, ...]
    ) -> tuple[int, bytes] | None:
        """What two readers of one head could understand in two ways."""
        url, version = self.url, self.parser.get_http_version()
        joined = b"".join(names)
        size = len(url) + len(joined) + sum(map(len, values)) + 4 * len(names)
        if size > self.limits.headers:
            return 431, b"the headers are too large"
        if version not in ("1.0", "1.1"):
            return 400, b"expected HTTP/1.1"
        if self.parser.get_method() == b"CONNECT":
            return 400, b"expected a method that asks for something here"
        if version == "1.1" and names.count(b"host") != 1:
            return 400, b"expected one Host header"
        if not (url.startswith(b"/") or self._is_of_host()) or b"#" in url:
            return 400, b"expected a target that begins with a slash"
        if not _VISIBLE.fullmatch(url):
            return 400, b"the target has bytes that must be percent-encoded"
        if b"" in names or joined.translate(None, _TOKEN):
            return 400, b"a header's name has bytes that it cannot have"
        if b"transfer-encoding" in names and any(
            value.lower() != b"chunked" for value in self._all(b"transfer-encoding")
        ):
            return 400, b"expected no transfer encoding but chunked"
        return None

    def _is_of_host(self) -> bool:
        """Whether the target is a path behind the host that is asked (RFC 9112, 3.2)."""
        here = f"{self.scheme}://".encode()
        return self.url.startswith(tuple(here + one + b"/" for one in self._all(b"host") if one))

    def _all(self, name: bytes) -> list[bytes]:
        return [value for one, value in self.headers if one == name]

    def _rest(self) -> None:
        """All that was asked is here: it is our turn, or the client's for its next request."""
        if self._is_answering():
            self._deadline.clear()
        else:
            self._deadline.set(self.limits.idle_seconds)

    def _late(self) -> None:
        if self._reading:
            self._refuse(408, b"the request took too long")
        elif not self._is_answering():
            self._hang_up()

    def _is_over(self) -> bool:
        """Whether nothing more is read."""
        return self.transport.is_closing() or self._last_words is not None

    def _is_answering(self, but: RequestResponseCycle | None = None) -> bool:
        running = self._running
        return running is not None and running is not but and not running.response_complete

    def _refuse(self, status: int, text: bytes) -> None:
        """Say why, and end; a request that is being answered just ends.

        Who asked before is answered first: what is said here would be taken for that answer.
        """
        self._deadline.clear()
        if self._is_over():
            return
        own = self.cycle if self._reading and self._trailing else None
        if own is not None and self.pipeline and self.pipeline[0][0] is own:
            self.pipeline.popleft()
        if self._is_answering(but=own):
            self._last_words = status, text
            return
        if own is None or not own.response_started:
            head = b"HTTP/1.1 %d %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
            self.transport.write(
                head % (status, _REASONS[status], len(text) + 1)
                + b"Connection: close\r\n\r\n"
                + text
                + b"\n"
            )
        self._hang_up()

    def _hang_up(self) -> None:
        """End; whoever still answers need not go on."""
        self._forsake()
        self.transport.close()

    def _forsake(self) -> None:
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
