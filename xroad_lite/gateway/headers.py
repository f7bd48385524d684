"""A request's headers, gone through once for all who ask; does not judge them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

NAMES_AS_SENT = "xroad_lite.headers"
"""Where the scope's state has the headers with their names as they were written."""
_BY_NAME = "xroad_lite.headers_by_name"


def by_name(scope: Scope) -> Mapping[bytes, bytes]:
    """The last value of each header, by its name in lower case: the others do not count."""
    try:
        found: dict[bytes, bytes] = scope["state"][_BY_NAME]
    except KeyError:
        found = scope.setdefault("state", {})[_BY_NAME] = dict(scope["headers"])
    return found


def every(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, in their order, as Latin-1."""
    if name not in by_name(scope):
        return []
    return [value.decode("latin-1") for one, value in scope["headers"] if one == name]


def as_sent(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers in their order, with their names as they were written."""
    found: list[tuple[bytes, bytes]] = scope["state"].get(NAMES_AS_SENT) or scope["headers"]
    return found
