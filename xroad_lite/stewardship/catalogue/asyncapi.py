"""The catalogue's messages in AsyncAPI 3.0: who sends what to whom, over which queue.

Does not speak to a broker; names are those that the broker's plan gives.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from xroad_lite.stewardship.broker import routes
from xroad_lite.stewardship.catalogue import components
from xroad_lite.stewardship.catalogue.offers import Catalogue, TypeOffer, text
from xroad_lite.transports import REPLIES
from xroad_lite.transports.rabbitmq.names import exchange_name, queue_name, routing_key
from xroad_lite.transports.rabbitmq.topology import Route

_BINDING: Final = "0.3.0"
_AVRO: Final = "application/vnd.apache.avro;version=1.9.0"
_CONTENT: Final = {"json": "application/json", "avro": "avro/binary"}
_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["seal", "salt"],
    "properties": {
        "seal": {"type": "string", "description": "The compact JWS that binds all attributes."},
        "salt": {"type": "string", "description": "32 bytes, base64url, hashed with the body."},
        "ce-id": {"type": "string", "format": "uuid"},
        "ce-source": {"type": "string", "description": "The sending subsystem."},
        "ce-type": {"type": "string"},
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-dataschema": {"type": "string", "format": "uri"},
    },
}


def asyncapi(catalogue: Catalogue) -> str:
    """The document as JSON."""
    return json.dumps(document(catalogue), indent=2, ensure_ascii=False) + "\n"


def document(catalogue: Catalogue) -> dict[str, Any]:
    """The document as a value."""
    usable = components.usable(catalogue)
    agreed = routes(catalogue.snapshot, None)
    used = [one for one in agreed if one.lane in usable or one.lane == REPLIES]
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for route in used:
        if route.lane != REPLIES:
            channels[_key(route, "to")] = _exchange(usable[route.lane], route)
            channels[_queue_key(route)] = _queue(usable[route.lane], route)
            operations[_key(route, "sends")] = _operation(catalogue, usable, route, "send")
            operations[_key(route, "receives")] = _operation(catalogue, usable, route, "receive")
    tags = sorted({one.partition(".")[0] for one in usable})
    return {
        "asyncapi": "3.0.0",
        "id": catalogue.iri("catalogue"),
        "info": {
            "title": text(catalogue.instance.title) or catalogue.instance.instance,
            "version": str(catalogue.snapshot.edition.version),
            "description": _ABOUT,
            "tags": [{"name": one} for one in tags],
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "schemas": components.schemas(catalogue, avro=False),
            "messages": {type_: _message(offer) for type_, offer in usable.items()},
        },
    }


_ABOUT: Final = (
    "Messages travel over RabbitMQ. A sender writes to the exchange of its own name, a receiver "
    "reads a queue of its own for each type. Every message is sealed by its sender and goes under "
    "a registered agreement."
)


def _message(offer: TypeOffer) -> dict[str, Any]:
    newest = offer.versions[-1]
    payload: dict[str, Any]
    if offer.subject.kind == "avro":
        payload = {"schemaFormat": _AVRO, "schema": newest.document}
    else:
        payload = components.reference_to(offer.type, newest.version)
    return {
        "name": offer.type,
        "title": text(offer.title),
        "summary": text(offer.description),
        "contentType": _CONTENT[offer.subject.kind],
        "headers": _HEADERS,
        "payload": payload,
        "tags": [{"name": offer.type.partition(".")[0]}],
        "x-title": dict(offer.title),
        "x-dataschema": newest.iri,
        "x-owner": offer.subject.owner,
        "x-contact": offer.owner.contact if offer.owner else None,
        "x-versions": {str(one.version): one.status for one in offer.versions},
    }


def _exchange(offer: TypeOffer, route: Route) -> dict[str, Any]:
    recipient = None if route.open else route.recipient
    exchange = {"name": exchange_name(route.sender), "type": "topic", "durable": True,
                "autoDelete": False}  # fmt: skip
    return {
        "address": routing_key(recipient, route.lane),
        "title": f"{route.sender} → {'everybody' if route.open else route.recipient}",
        "messages": {offer.type: {"$ref": f"#/components/messages/{offer.type}"}},
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": _BINDING}
        },
    }


def _queue(offer: TypeOffer, route: Route) -> dict[str, Any]:
    name = queue_name(route.recipient, route.lane)
    queue = {"name": name, "durable": True, "exclusive": False, "autoDelete": False}
    return {
        "address": name,
        "title": f"{text(offer.title)}, for {route.recipient}",
        "messages": {offer.type: {"$ref": f"#/components/messages/{offer.type}"}},
        "bindings": {"amqp": {"is": "queue", "queue": queue, "bindingVersion": _BINDING}},
    }


def _operation(
    catalogue: Catalogue, usable: dict[str, TypeOffer], route: Route, action: str
) -> dict[str, Any]:
    channel = _key(route, "to") if action == "send" else _queue_key(route)
    under = [
        one
        for one in catalogue.agreements
        if route.lane in one.types
        and {route.sender, route.recipient}
        <= _standing(catalogue, one.provider) | _standing(catalogue, one.consumer)
        | ({route.recipient} if one.open else set())
    ]  # fmt: skip
    found: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "title": f"{route.sender} {'sends' if action == 'send' else '→'} {route.recipient}",
        "summary": text(usable[route.lane].title),
        "messages": [{"$ref": f"#/channels/{channel}/messages/{route.lane}"}],
        "tags": [{"name": route.sender if action == "send" else route.recipient}],
        "x-agreements": [catalogue.snapshot.agreement_iri(one) for one in under],
    }
    if action == "send":
        found["bindings"] = {
            "amqp": {"deliveryMode": 2, "mandatory": True, "bindingVersion": _BINDING}
        }
    return found


def _standing(catalogue: Catalogue, party: str | None) -> frozenset[str]:
    return catalogue.snapshot.parties.standing(party) if party else frozenset()


def _key(route: Route, verb: str) -> str:
    recipient = "everybody" if route.open and verb == "to" else route.recipient
    return _safe(f"{route.sender}.{verb}.{recipient}.{route.lane}")


def _queue_key(route: Route) -> str:
    return _safe(f"{route.recipient}.reads.{route.lane}")


def _safe(name: str) -> str:
    """A key of the letters that AsyncAPI allows; a digest keeps two names apart where it cuts."""
    key = re.sub(r"[^A-Za-z0-9._-]", "_", name.replace("/", "."))
    plain = key == name.replace("/", ".")
    return key if plain else f"{key}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
