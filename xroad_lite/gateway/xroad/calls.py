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
_MADE_HERE = frozenset((REQUEST_ID, REQUEST_HASH))
_OURS_IN_ANSWERS = frozenset((CLIENT, ID, REQUEST_ID, REQUEST_HASH, SERVICE))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def passed_on(
    headers: Iterable[tuple[str, str]], *, without: frozenset[str] = frozenset()
) -> Headers:
    """The headers that go through, in their order, as they were written."""
    gone = SKIPPED | without
    return [(name, value) for name, value in headers if name.lower() not in gone]


def request_headers(headers: Headers, request_id: str, query_id: str) -> tuple[Headers, str]:
    """A call's headers with the ids that are made here, and the query id that it has."""
    found = [*passed_on(headers, without=_MADE_HERE), (REQUEST_ID, request_id)]
    given = last(found, ID)
    if not given:
        found.append((ID, query_id))
    return found, given or query_id


def answer_headers(body: dict[str, Any], ids: Headers) -> Headers:
    """A provider's headers, X-Road's own in place of what the provider said of them; one Date."""
    found = passed_on(pairs(body), without=_OURS_IN_ANSWERS)
    dates = [one for one in found if one[0].lower() == "date"]
    others = [one for one in found if one[0].lower() != "date"]
    return [*others, *dates[-1:], *ids]


@lru_cache(maxsize=4096)
def encoded(identifier: str) -> str:
    """An identifier as X-Road's own headers have it: each segment percent-encoded where it must."""
    return "/".join(quote(unquote(one), safe=_PLAIN_IN_SEGMENTS) for one in identifier.split("/"))


def said(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """What the last header of this name says, as text: UTF-8 if it is that, else Latin-1."""
    value = last(headers, name)
    if not value:
        return None
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def last(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The value of the last header of this name: the others do not count."""
    found = None
    for one, value in headers:
        if one.lower() == name:
            found = value
    return found


def pairs(body: dict[str, Any]) -> Headers:
    """The headers of a message's body."""
    return [(one["name"], one["value"]) for one in body["headers"]]


def written(headers: Headers) -> list[dict[str, str]]:
    """Headers as a message's body has them."""
    return [{"name": name, "value": value} for name, value in headers]


def are_clean(headers: Headers) -> bool:
    """Whether no header holds what could end it, or begin another."""
    return all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers)


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
    lines = [body["method"], target, *(f"{name}:{value}" for name, value in pairs(body))]
    digest = hashlib.sha512("".join(f"{line}\r\n" for line in lines).encode()).digest()
    if data:
        digest = hashlib.sha512(digest + hashlib.sha512(data).digest()).digest()
    return base64.b64encode(digest).decode()
