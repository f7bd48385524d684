"""A small HTTP server for what calls an adapter: POST with a bounded JSON body, answered in JSON.

For a few callers behind a proxy that speaks TLS; the gateway is for the many. Judges no content.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError

MAX_BODY = 1_048_576
MAX_CALLS = 64
"""How many calls may be under way; more are turned away at once."""
_DISCARDED = 16 * MAX_BODY
SECONDS = 10
"""How long each read of a call may take."""

Answering = Callable[[str, Mapping[str, str], bytes], tuple[int, dict[str, Any]]]


def listen_http(address: str, answering: Answering) -> Listener:
    """Listen at ``host:port`` in threads of its own until its ``shutdown``.

    ``answering`` gets path, headers (names in lower case) and body of a POST, and gives a status
    and a JSON object.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError("config.listen", f"got {address}: expected host:port")
    server = Listener((host, int(port)), answering)
    threading.Thread(target=server.serve_forever, daemon=True, name=f"listen {address}").start()
    return server


class Listener(ThreadingHTTPServer):
    """The server; ``server_port`` says where it listens."""

    daemon_threads = True
    request_queue_size = MAX_CALLS

    def __init__(self, address: tuple[str, int], answering: Answering) -> None:
        self.answering = answering
        self._free = threading.BoundedSemaphore(MAX_CALLS)
        super().__init__(address, _Call)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Turn away whoever comes while too many are served."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one, then let the next one in."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: Any) -> None:
        """Callers that hang up are no news."""


class _Call(BaseHTTPRequestHandler):
    timeout = SECONDS
    server: Listener

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or len(length) > 12:
            self._say(411, {"error": "expected a Content-Length"})
        elif int(length) > MAX_BODY:
            self._discard(min(int(length), _DISCARDED))
            self._say(413, {"error": f"the body has {length} bytes: at most {MAX_BODY}"})
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                headers = {name.lower(): value for name, value in self.headers.items()}
                self._say(*self.server.answering(self.path, headers, body))

    def _discard(self, length: int) -> None:
        """Who is still sending does not hear the answer."""
        while length > 0 and (chunk := self.rfile.read(min(length, MAX_BODY))):
            length -= len(chunk)

    def _say(self, status: int, document: dict[str, Any]) -> None:
        data = strict_json.dumps(document)
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Paths and addresses of callers are nobody's business."""
