"""One HTTP request and its answer, bounded in time and size; follows no redirect, asks no proxy.

What is sent with a request, its credentials above all, goes to the address that was given alone.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from xroad_lite.errors import ConfigurationError, TransportError

MAX_ANSWER = 16 * 1_048_576
_CHUNK = 65_536
_NEXT = re.compile(r'<([^>]*)>[^,<]*;\s*rel="?next"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by their names in lower case, and the body; and what was asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def next_page(self) -> str | None:
        """The next page that a Link header names (RFC 8288).

        ``TransportError`` when it is of another server: what is sent along is not for that one.
        """
        found = _NEXT.search(self.headers.get("link", ""))
        if found is None:
            return None
        page = urljoin(self.url, str(found[1]))
        if urlsplit(page)[:2] != urlsplit(self.url)[:2]:
            raise TransportError(
                "transport.elsewhere", f"{self.url} names a next page elsewhere: {page}"
            )
        return page


def call_http(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 30.0,
    authorities: str | None = None,
    certificate: str | None = None,
    key: str | None = None,
) -> Answer:
    """Ask once. ``timeout`` is for the whole, in seconds.

    ``authorities``, ``certificate`` and ``key`` are PEM files for ``https:``; without the first the
    machine's authorities are trusted. ``TransportError`` when no whole answer came.
    """
    at = urlsplit(url)
    if at.scheme not in ("http", "https") or not at.hostname:
        raise ConfigurationError("config.url", f"got {url}: expected an http or https address")
    ends = time.monotonic() + timeout
    if at.scheme == "https":
        context = ssl.create_default_context(cafile=authorities)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            at.hostname, at.port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=timeout)
    target = (at.path or "/") + (f"?{at.query}" if at.query else "")
    try:
        connection.request(method, target, body, {"Accept-Encoding": "identity", **(headers or {})})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, _read(answer, ends, at.hostname), url)
    except (OSError, http.client.HTTPException) as error:
        kind = type(error).__name__
        raise TransportError(
            "transport.unreachable", f"{at.scheme}://{at.hostname}{at.path}: {error or kind}"
        ) from None
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse, ends: float, host: str) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise TransportError(
                "transport.too_large", f"{host} answered with more than {MAX_ANSWER} bytes"
            )
        if time.monotonic() > ends:
            raise TransportError("transport.unreachable", f"{host} did not answer whole in time")
    if answer.length:  # the line was cut before the announced end
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)
