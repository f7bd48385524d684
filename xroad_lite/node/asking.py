"""Asks a time-stamping authority over HTTP (RFC 3161, section 3.4); does not read its answer.

Bounded in time and size, whatever the other side does: no redirects, no endless answer.
"""

from __future__ import annotations

import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from xroad_lite.errors import TimestampError
from xroad_lite.timestamps import MAX_TOKEN_BYTES

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
_CHUNK = 8192


class _NoRedirects(HTTPRedirectHandler):
    """An authority is where the registry says, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Never follow: the answer of 3xx becomes an error."""


def ask(url: str, query: bytes, patience: float) -> bytes:
    """The answer to a query, whole; ``TimestampError`` ``timestamp.unreachable`` if none comes.

    ``patience`` is in seconds, for all of it.
    """
    return _read(Request(url, query, {"Content-Type": QUERY, "Accept": REPLY}), patience)  # noqa: S310  the registry allows http(s) alone


def fetch(url: str, patience: float, limit: int) -> bytes:
    """What lies at an address, at most ``limit`` bytes; as ``ask``."""
    if not url.startswith(("http://", "https://")):
        raise TimestampError("timestamp.unreachable", f"got {url:.200}: expected http or https")
    return _read(Request(url), patience, limit)  # noqa: S310


def _read(request: Request, patience: float, limit: int = MAX_TOKEN_BYTES) -> bytes:
    ends = time.monotonic() + patience
    opener = build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=patience) as response:
            found = b""
            while len(found) <= limit:
                chunk = response.read1(_CHUNK)
                if not chunk:
                    return found
                found += chunk
                if time.monotonic() > ends:
                    raise _unreachable(f"its answer was not whole after {patience:g} s")
    except HTTPError as error:
        raise _unreachable(f"it answers {error.code} {error.reason}") from None
    except (URLError, OSError, ValueError, HTTPException) as error:
        raise _unreachable(str(getattr(error, "reason", error)) or type(error).__name__) from None
    raise _unreachable(f"its answer has more than {limit} bytes")


def _unreachable(why: str) -> TimestampError:
    return TimestampError("timestamp.unreachable", why[:300])
