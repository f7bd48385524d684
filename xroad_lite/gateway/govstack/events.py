"""Names, parties and events as GovStack writes them; does not talk to anybody."""

from __future__ import annotations

import re
from typing import Any

from xroad_lite import strict_json
from xroad_lite.envelope import parse_seal
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.identifiers import MessageType, SubsystemId
from xroad_lite.messagelog import Store
from xroad_lite.node import Message
from xroad_lite.policy import PUBLISH
from xroad_lite.registry import Agreement

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def type_of(room: str, event_type: str) -> str:
    """The message type of an event type in a room: ``newBirth`` in ``health`` is
    ``health.new-birth``. ``IdentifierError`` if it can be none.
    """
    return str(MessageType.parse(f"{_hyphenated(room)}.{_hyphenated(event_type)}"))


def domain_of(room: str) -> str:
    """The domain of schemas that a room is."""
    return _hyphenated(room)


def party(subsystem: str) -> dict[str, str]:
    """A subsystem, as ``publisherId`` and ``subscriberId`` have it."""
    found = SubsystemId.parse(subsystem)
    return {
        "instanceId": found.instance,
        "memberClass": found.member_class,
        "memberCode": found.member_code,
        "applicationCode": found.subsystem_code,
    }


def item(message: Message, event_type: str) -> dict[str, Any]:
    """A message that arrived, as an ``EventItem``; its sequence is that of publisher and reader."""
    sealed = message.attributes
    return {
        "id": sealed.eventid or sealed.id,
        "sequence": int(sealed.sequence),
        "publisherId": party(sealed.source),
        "eventType": event_type,
        "event": message.body,
    }


def published(node: NodeAtWork, type_: str, event: str, event_type: str) -> dict[str, Any] | None:
    """An event that this node published, from its log; None if it did not.

    ``status`` is beyond GovStack: ``waiting`` until every receiver's transport has it, ``sent``.
    """
    store = node.node.store
    rows = store.query(
        "SELECT idx FROM xl_messages WHERE id = ? AND type = ? AND direction = 'out'",
        (event, type_),
    )
    if not rows:
        return None
    first = int(rows[0][0])
    sealed = parse_seal(store.seal(first)).attributes
    return {
        "id": event,
        "sequence": int(sealed.sequence),
        "publisherId": party(sealed.source),
        "eventType": event_type,
        **_body(store, first),
        "status": "waiting" if _waits(store, first) else "sent",
    }


def publishes(node: NodeAtWork, type_: str) -> bool:
    """Whether an agreement lets this subsystem publish a type."""
    return any(
        type_ in one.types and node.name in node.node.snapshot.parties.standing(one.provider)
        for one in _agreements(node)
    )


def receives(node: NodeAtWork, type_: str) -> bool:
    """Whether an agreement lets this subsystem have events of a type."""
    return any(type_ in one.types and _is_consumer(node, one) for one in _agreements(node))


def types_of(node: NodeAtWork, room: str) -> list[str]:
    """The event types of a room that concern this subsystem, and no others."""
    domain = domain_of(room) + "."
    listed = {type_ for one in _agreements(node) for type_ in one.types if type_.startswith(domain)}
    return sorted(
        one.removeprefix(domain) for one in listed if publishes(node, one) or receives(node, one)
    )


def _hyphenated(name: str) -> str:
    """GovStack's names have humps, message types hyphens."""
    return _HUMP.sub("-", name).lower()


def _agreements(node: NodeAtWork) -> list[Agreement]:
    return [one for one in node.node.snapshot.agreements if one.operation == PUBLISH]


def _is_consumer(node: NodeAtWork, agreement: Agreement) -> bool:
    consumer = agreement.consumer
    return consumer is None or node.name in node.node.snapshot.parties.standing(consumer)


def _waits(store: Store, index: int) -> bool:
    return bool(store.query("SELECT 1 FROM xl_outbox WHERE idx = ?", (index,)))


def _body(store: Store, index: int) -> dict[str, Any]:
    """The body, unless it was erased, is encrypted, or is not JSON."""
    kept = store.body(index)
    try:
        value = strict_json.loads(kept[1]) if kept is not None else None
    except strict_json.StrictJSONError:
        value = None
    return {"event": value} if isinstance(value, dict) else {}
