"""GovStack's event types: message types of the registry, and proposals of new ones.

Does not change the registry: the gateway has no steward's key.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from xroad_lite.gateway.bodies import read_json
from xroad_lite.gateway.govstack import events
from xroad_lite.gateway.govstack.asking import MAX_DOCUMENT, Asked, told
from xroad_lite.gateway.govstack.proposals import EVENT_TYPE, RETIREMENT, Proposals
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError
from xroad_lite.identifiers import MessageType


class EventTypes:
    """``/api/v1/eventType``."""

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals

    async def listed(self, asked: Asked) -> Response:
        """Those of a room that concern this subsystem."""
        found = events.types_of(asked.node, asked.room)
        return told(found) if found else Response(status_code=204)

    async def show(self, asked: Asked) -> Response:
        """One, with its newest schema."""
        schema = self._schema(asked.node, asked.type)
        if schema is None:
            return Response(status_code=204)
        return told({"eventType": asked.event_type, "schema": schema})

    async def propose(self, asked: Asked) -> Response:
        """The registry's schemas are their stewards': a new type is a proposal until they agree."""
        body = await read_json(asked.request, MAX_DOCUMENT)
        if not isinstance(body, dict) or not isinstance(body.get("eventType"), str):
            raise ProblemError(400, "govstack.event_type", "expected eventType and schema")
        schema, type_ = body.get("schema"), events.type_of(asked.room, body["eventType"])
        if not isinstance(schema, dict):
            raise ProblemError(400, "govstack.event_type", "schema: expected a JSON Schema")
        await asyncio.to_thread(_check_schema, schema)
        waits = self._proposals.has(asked.node.name, EVENT_TYPE, type_)
        if waits or self._schema(asked.node, type_) is not None:
            raise ProblemError(409, "govstack.event_type", f"{type_} exists, or is proposed")
        path = f"schemas/{MessageType.parse(type_).subject}/1.json"
        self._proposals.file(asked.node.name, EVENT_TYPE, type_, path, schema)
        return told({"eventType": body["eventType"], "state": "proposed"})

    async def retire(self, asked: Asked) -> Response:
        """Withdraw what was proposed; of what is registered that is a proposal too."""
        node, type_ = asked.node, asked.type
        if self._proposals.withdraw(node.name, EVENT_TYPE, type_):
            return Response(status_code=204)
        if self._schema(node, type_) is None:
            raise ProblemError(404, "govstack.event_type", f"there is no {type_} here")
        path = f"schemas/{MessageType.parse(type_).subject}/subject.yaml"
        self._proposals.file(node.name, RETIREMENT, type_, path, {"retire": type_})
        raise ProblemError(
            404,
            "govstack.event_type",
            f"{type_} is registered, and its steward alone may retire it: that is proposed now",
        )

    def _schema(self, node: NodeAtWork, type_: str) -> dict[str, Any] | None:
        """The newest of a type that concerns this subsystem."""
        if not (events.publishes(node, type_) or events.receives(node, type_)):
            return None
        found = node.node.snapshot.latest_schema(type_)
        return found.document if found and isinstance(found.document, dict) else None


def _check_schema(schema: dict[str, Any]) -> None:
    """``ProblemError`` 400 for what no validator would take."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    if not isinstance(schema.get("$schema", ""), str):
        raise ProblemError(400, "govstack.event_type", "schema: $schema is no text")
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        detail = f"schema is no JSON Schema: {error.message:.300}"
        raise ProblemError(400, "govstack.event_type", detail) from None
    except RecursionError:
        raise ProblemError(400, "govstack.event_type", "schema is nested too deeply") from None
