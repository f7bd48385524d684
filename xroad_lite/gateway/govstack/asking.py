"""A request below ``/r1/…`` as GovStack means it: by whom, in which room, of which event type; and
the form of answers. Does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from xroad_lite import strict_json
from xroad_lite.gateway.govstack import events
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError

MAX_DOCUMENT = 65_536
"""Bytes of a request that says what is wanted, and is no event."""
_SHAPES = {
    ("api", "v1", "eventType"): "types",
    ("api", "v1", "subs"): "subscriptions",
    ("pub", "v1"): "publish",
    ("pull", "v1"): "pull",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: by whom, in which room, of which event type and event."""

    request: Request
    node: NodeAtWork
    room: str
    names: tuple[str, ...]

    @property
    def event_type(self) -> str:
        """As the path writes it."""
        return self.names[0]

    @property
    def type(self) -> str:
        """The message type; ``IdentifierError`` if it can be none."""
        return events.type_of(self.room, self.event_type)


def shape(scope: Scope) -> tuple[str, int]:
    """Which kind of path it is, and how many names it has behind that; raw, so that ``%2F`` is no
    slash.
    """
    below = scope["raw_path"].decode("latin-1").split("/")[6:]
    for head, kind in _SHAPES.items():
        if tuple(below[: len(head)]) == head:
            return kind, len(below) - len(head)
    return "", 0


def read(request: Request, node: NodeAtWork) -> Asked:
    """The room and names of a path; ``ProblemError`` 404 for a room that is nowhere."""
    parts = request.scope["raw_path"].decode("latin-1").split("/")[2:]
    try:
        *member, room = (unquote_to_bytes(one).decode() for one in parts[:4])
        names = [unquote_to_bytes(one).decode() for one in parts[4:]]
    except UnicodeDecodeError:
        raise ProblemError(404, "govstack.room", "the path is not UTF-8") from None
    snapshot = node.node.snapshot
    known = (one.member for one in snapshot.members)
    if member[0] != snapshot.instance.instance or "/".join(member) not in known:
        raise ProblemError(404, "govstack.room", "nobody is registered as this room's member")
    count = shape(request.scope)[1]
    return Asked(request, node, room, tuple(names[len(names) - count :]))


def told(value: Any, status: int = 200) -> Response:
    """An answer in JSON, which nobody keeps."""
    headers = {"Cache-Control": "no-store"}
    return Response(strict_json.dumps(value), status, headers, media_type="application/json")
