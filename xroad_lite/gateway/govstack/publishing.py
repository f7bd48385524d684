"""GovStack's ``/pub/v1``: an event that is published, what became of it, and how it is stopped.

Does not deliver.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from xroad_lite.gateway.bodies import read_json
from xroad_lite.gateway.govstack import events
from xroad_lite.gateway.govstack.asking import Asked, told
from xroad_lite.gateway.messages import said
from xroad_lite.gateway.problems import ProblemError


async def publish(asked: Asked) -> Response:
    """An event, durable when it is answered."""
    body = await read_json(asked.request, asked.node.max_body)
    if not isinstance(body, dict) or body.get("eventType") != asked.event_type:
        raise ProblemError(400, "govstack.event", "expected the eventType of the path, and event")
    if not isinstance(body.get("event"), dict):
        raise ProblemError(400, "govstack.event", "event: expected an object")
    if not events.publishes(asked.node, asked.type):
        raise ProblemError(
            404, "govstack.event_type", f"{asked.node.name} may not publish {asked.type}"
        )
    options = {**said(asked.request), "subject": asked.request.headers.get("ce-subject")}
    event = await asked.node.done(asked.node.desk.publish(asked.type, body["event"], **options))
    return told({"id": event}, 201)


async def show(asked: Asked) -> Response:
    """An event that the caller published."""
    return told(await _published(asked))


async def stop(asked: Asked) -> Response:
    """What left the node nobody can take back: an event that waits for its broker can be."""
    found = await _published(asked)
    if not await asked.node.done(asked.node.desk.withdraw(found["id"])):
        raise ProblemError(404, "govstack.event", "the event has gone out: it cannot be stopped")
    return Response(status_code=204)


async def _published(asked: Asked) -> dict[str, Any]:
    event = asked.names[1]
    found = await asyncio.to_thread(
        events.published, asked.node, asked.type, event, asked.event_type
    )
    if found is None:
        raise ProblemError(
            404, "govstack.event", f"{asked.node.name} has published no event {event!r:.80}"
        )
    return found
