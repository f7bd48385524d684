"""A call and its answer between HTTP and a message's body: headers, content, request hash.

X-Road's message protocol for REST, sections 4.1 to 4.3. Does no input or output.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

Headers = list[tuple[str, str]]

SKIPPED = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    )
)
"""What is between two machines, or tells of one: it is not passed on."""
CLIENT, ID, REQUEST_ID, REQUEST_HASH, SERVICE = (
    "x-road-client",
    "x-road-id",
    "x-road-request-id",
    "x-road-request-hash",
    "x-road-service",
)
_PLAIN_IN_SEGMENTS = "!$&'()*+,;=:@"
"""Beside letters, digits and ``-._~``: RFC 3986, 3.3."""
_NOT_ASKED = frozenset(one.encode() for one in SKIPPED | {REQUEST_ID, REQUEST_HASH})
_NOT_ASKED_WITH_TOKEN = _NOT_ASKED | {b"authorization"}
_NOT_ANSWERED = SKIPPED | {CLIENT, ID, REQUEST_ID, REQUEST_HASH, SERVICE}
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*")
_VALUES = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def passed_on(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The headers that go through, in their order, as they were written, for a message's body."""
    return [
        {"name": name, "value": value} for name, value in headers if name.lower() not in SKIPPED
    ]


def request_headers(headers: Iterable[tuple[bytes, bytes]], *, token: bool) -> list[dict[str, str]]:
    """A call's headers for its message's body, without ids that are made here.

    With ``token``, the header that shows it is left out: it opens this gateway, and nothing else.
    """
    without = _NOT_ASKED_WITH_TOKEN if token else _NOT_ASKED
    return [
        {"name": name.decode("latin-1"), "value": value.decode("latin-1")}
        for name, value in headers
        if name.lower() not in without
    ]


def answer_headers(body: dict[str, Any], ids: Headers) -> list[tuple[bytes, bytes]]:
    """A provider's headers, X-Road's own in place of what the provider said of them; one Date."""
    found, date = [], None
    for one in body["headers"]:
        name, value = one["name"].lower(), one["value"]
        if name == "date":
            date = (name, value)
        elif name not in _NOT_ANSWERED:
            found.append((name, value))
    dated = [*found, *ids] if date is None else [*found, date, *ids]
    return [(name.encode(), value.encode("latin-1")) for name, value in dated]


@lru_cache(maxsize=4096)
def encoded(identifier: str) -> str:
    """An identifier as X-Road's own headers have it: each segment percent-encoded where it must."""
    return "/".join(quote(unquote(one), safe=_PLAIN_IN_SEGMENTS) for one in identifier.split("/"))


def text(value: bytes | None) -> str | None:
    """What a header says, as text: UTF-8 if it is that, else Latin-1; None if it says nothing."""
    if not value:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def last(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The value of the last header of this name: the others do not count."""
    found = None
    for one, value in headers:
        if one.lower() == name:
            found = value
    return found


def are_clean(body: dict[str, Any]) -> bool:
    """Whether no header of a message's body holds what could end it, or begin another."""
    names = [one["name"] for one in body["headers"]]
    values = "".join([one["value"] for one in body["headers"]])
    plain = values.isascii() and values.isprintable()
    return (
        all(names)
        and _NAMES.fullmatch("".join(names)) is not None
        and (plain or _VALUES.fullmatch(values) is not None)
    )


def content(data: bytes) -> dict[str, str]:
    """Content as a message's body has it: text where it is text, else base64; nothing if empty."""
    if not data:
        return {}
    try:
        return {"content": data.decode()}
    except UnicodeDecodeError:
        return {"contentBase64": base64.b64encode(data).decode()}


def content_of(body: dict[str, Any]) -> bytes:
    """The bytes of ``content``; ``ValueError`` for what is not base64."""
    if "contentBase64" in body:
        return base64.b64decode(body["contentBase64"], validate=True)
    text: str = body.get("content", "")
    return text.encode()


def request_hash(body: dict[str, Any], data: bytes) -> str:
    """Base64 of SHA512(SHA512(head) ‖ SHA512(content)); without content, of SHA512(head).

    The head is the method, the path with its query, and each header as ``name:value``, a CR LF
    behind each.
    """
    target = body["path"] + (f"?{body['query']}" if "query" in body else "")
    lines = [body["method"], target, *[f"{one['name']}:{one['value']}" for one in body["headers"]]]
    digest = hashlib.sha512("\r\n".join((*lines, "")).encode()).digest()
    if data:
        digest = hashlib.sha512(digest + hashlib.sha512(data).digest()).digest()
    return base64.b64encode(digest).decode()
