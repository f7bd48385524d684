"""Calls of REST services: what a message calls, and by which endpoint of its agreement it may.

A path names people, and a seal is kept for ever. So the call is in the body, which can be encrypted
and erased, and the seal names the agreement's endpoint that covers it, as ``projection`` names the
allowed fields: check 6 asks whether the agreement lists that endpoint, check 8 whether the body
keeps to it. Does not decide who may call: ``policy`` does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from xroad_lite.envelope import Attributes
from xroad_lite.errors import IdentifierError, PolicyError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.policy import Call, endpoint_of
from xroad_lite.registry import Agreement, endpoints
from xroad_lite.registry.models import REST_REQUEST

_SEGMENTS_BEFORE_PATH = 7
"""Of ``/r1/INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE`` the empty one before the first slash too."""


def call_of(type_: str, body: Any, recipient: str | None) -> Call | None:
    """What a body of ``type_`` calls; None if it is no call.

    ``PolicyError`` ``policy.call`` when its path is not of X-Road's form, or of another subsystem
    than ``recipient``.
    """
    if type_ != REST_REQUEST:
        return None
    subsystem, service, path = called(body["path"])
    if subsystem != recipient:
        raise PolicyError("policy.call", f"the call is of {subsystem}: it is for {recipient}")
    return Call(service, body["method"], path or "/")


@lru_cache(maxsize=256)
def called(path: str) -> tuple[str, str, str]:
    """Subsystem, service code, and the path below the service as sent, of a path ``/r1/…``.

    X-Road's message protocol for REST, section 4.1: each segment is percent-encoded apart.
    """
    parts = path.split("/", _SEGMENTS_BEFORE_PATH)
    if len(parts) < _SEGMENTS_BEFORE_PATH or parts[:2] != ["", "r1"]:
        raise PolicyError(
            "policy.call",
            f"got the path {path!r:.120}: expected "
            "/r1/INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE[/PATH]",
        )
    try:
        subsystem = canonical("/".join(parts[2:6]))
        service = unquote(parts[6], errors="strict")
    except (IdentifierError, UnicodeDecodeError) as error:
        raise PolicyError("policy.call", f"the path {path!r:.120}: {error}") from None
    below = f"/{parts[_SEGMENTS_BEFORE_PATH]}" if len(parts) > _SEGMENTS_BEFORE_PATH else ""
    return subsystem, service, below


@lru_cache(maxsize=4096)
def canonical(subsystem: str) -> str:
    """The text form of a subsystem's identifier; the same ones come with every call."""
    return str(SubsystemId.parse(subsystem))


def endpoint_text(agreement: Agreement, call: Call | None) -> str | None:
    """The endpoint by which a call that policy has allowed goes, as a seal names it."""
    rule = None if call is None else endpoint_of(agreement, call)
    if call is None or rule is None:
        return None
    return _written(call.service, rule.method, rule.path)


@lru_cache(maxsize=4096)
def _written(service: str, method: str, path: str) -> str:
    return f"{quote(service, safe='')} {method} {path}"


def sealed_call(attributes: Attributes) -> Call | None:
    """The call that a seal names by its endpoint; ``PolicyError`` if one should and does not."""
    return None if attributes.type != REST_REQUEST else _read(attributes.endpoint or "")


@lru_cache(maxsize=4096)
def _read(endpoint: str) -> Call:
    parts = endpoint.split(" ")
    if len(parts) != 3:
        raise PolicyError(
            "policy.endpoint",
            f"the seal names the endpoint {endpoint!r}: expected SERVICE METHOD PATH",
        )
    return Call(unquote(parts[0]), parts[1], parts[2], by_rule=True)


def check_call(attributes: Attributes, body: Any) -> None:
    """Whether what a body calls is what its seal said: ``PolicyError`` ``policy.endpoint``."""
    call, sealed = call_of(attributes.type, body, attributes.recipient), sealed_call(attributes)
    if call is None or sealed is None:
        return
    covered = endpoints.covers(sealed.method, sealed.path, call.method, call.path)
    if call.service != sealed.service or not covered:
        raise PolicyError(
            "policy.endpoint",
            f"the body calls {call.method} {call.path!r:.120} of {call.service}: the seal says "
            f"{attributes.endpoint}",
        )
