"""Request bodies, bounded: as many bytes as a message may have, never inflated; does not parse."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope

from xroad_lite import strict_json
from xroad_lite.gateway.headers import by_name
from xroad_lite.gateway.problems import ProblemError

JSON = ("application/json",)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """All of a body; ``ProblemError`` 413 beyond ``limit`` bytes, however it was announced.

    ``ClientDisconnect`` when whoever sends it goes before its end.
    """
    length = by_name(scope).get(b"content-length", b"")
    if len(length) > 19 or (length and int(length) > limit):
        raise _too_large(limit)
    data, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        data += message.get("body", b"")
        if len(data) > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return bytes(data)


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        413,
        "http.body_too_large",
        f"the body has more than {limit} bytes",
        hint="send a reference to it, or raise max_body in node.yaml at both ends",
        headers={"Connection": "close"},
    )


async def read_json(request: Request, limit: int) -> object:
    """A JSON body; ``ProblemError`` 415 for another media type, 400 for what is not JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type in JSON or media_type.endswith("+json")):
        raise ProblemError(
            415,
            "http.media_type",
            f"got a body of type {media_type or '(none)'!r:.80}: expected application/json",
            headers={"Accept-Post": "application/json"},
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(
            415,
            "http.content_encoding",
            "a compressed body is not taken: it could be a thousand times as large inside",
            hint="send it without Content-Encoding",
            headers={"Accept-Encoding": "identity"},
        )
    data = await read_body(request.scope, request.receive, limit)
    try:
        return strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        raise ProblemError(400, "http.json", f"the body is not JSON: {error}") from None
