"""GovStack's paths below ``/r1/…``, told from X-Road's by the header X-GovStack-Client.

Answers with the statuses that GovStack's document lists for an operation: what it has no status for
is told by the nearest. Does not deliver: ``pushing`` does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xroad_lite import strict_json
from xroad_lite.errors import RequestError
from xroad_lite.gateway.application import REQUEST_ID, Gateway
from xroad_lite.gateway.bodies import read_json
from xroad_lite.gateway.govstack import events
from xroad_lite.gateway.govstack.proposals import (
    EVENT_TYPE,
    RETIREMENT,
    SUBSCRIPTION,
    Proposals,
    agreement_draft,
)
from xroad_lite.gateway.govstack.pushing import Pushing, too_late
from xroad_lite.gateway.govstack.subscriptions import PUSH, Subscription, Subscriptions
from xroad_lite.gateway.messages import said
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError, problem_response
from xroad_lite.identifiers import MessageType
from xroad_lite.node import Message

CLIENT = "x-govstack-client"
FILE = "govstack/subscriptions.json"
_DOCUMENTED = "xroad_lite.govstack"
_MAX_SCHEMA = 65_536
_SHAPES = {
    ("api", "v1", "eventType"): "types",
    ("api", "v1", "subs"): "subscriptions",
    ("pub", "v1"): "publish",
    ("pull", "v1"): "pull",
}


@dataclass(frozen=True, slots=True)
class _Asked:
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


_Operation = tuple[Callable[[_Asked], Awaitable[Response]], tuple[int, ...]]


class GovStack:
    """Publish, subscribe, pull and acknowledge, as a GovStack building block does."""

    name = "govstack"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._subscriptions = Subscriptions(gateway.settings.path(FILE))
        self._proposals = Proposals.beside(gateway.settings.folder)
        self.pushing = Pushing(gateway, self._subscriptions)
        self._out: dict[str, tuple[Message, float]] = {}
        """By subscription the event that was pulled and is not acknowledged, and until when."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._operations: dict[tuple[str, int], dict[str, _Operation]] = {
            ("types", 0): {
                "GET": (self._list_types, (200, 204)),
                "POST": (self._propose_type, (200, 400, 409)),
            },
            ("types", 1): {
                "GET": (self._show_type, (200, 204)),
                "DELETE": (self._retire_type, (204, 404)),
            },
            ("publish", 1): {"POST": (self._publish, (201, 400, 404))},
            ("publish", 2): {
                "GET": (self._status, (200, 404)),
                "DELETE": (self._stop_event, (204, 404)),
            },
            ("subscriptions", 0): {"GET": (self._list, (200, 404))},
            ("subscriptions", 1): {
                "POST": (self._subscribe, (200, 400, 409)),
                "GET": (self._show, (200, 404)),
                "PATCH": (self._change, (201, 400, 404)),
                "DELETE": (self._cancel, (204, 404)),
            },
            ("pull", 1): {"GET": (self._pull, (200, 404, 409))},
            ("pull", 2): {"DELETE": (self._confirm, (204, 404, 409))},
        }

    def claims(self, scope: Scope) -> bool:
        """Whatever has its header, and its own paths where nobody says to be X-Road's client."""
        if not scope["path"].startswith("/r1/"):
            return False
        names = {name for name, _ in scope["headers"]}
        if CLIENT.encode() in names:
            return True
        return b"x-road-client" not in names and _shape(scope) in self._operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a known caller."""
        request = Request(scope, receive)
        caller = self._gateway.caller(scope)
        operations = self._operations.get(_shape(scope))
        if operations is None:
            raise ProblemError(404, "http.no_such_path", "there is nothing at this path")
        operation = operations.get(request.method)
        if operation is None:
            allowed = ", ".join(sorted(operations))
            raise ProblemError(
                405, "http.method", f"expected {allowed}", headers={"Allow": allowed}
            )
        do, scope["state"][_DOCUMENTED] = operation
        named = request.headers.getlist(CLIENT)
        if len(named) != 1:
            raise ProblemError(
                400,
                "govstack.client",
                f"got {len(named)} headers X-GovStack-Client: expected one",
                hint="X-GovStack-Client: INSTANCE/CLASS/MEMBER/SUBSYSTEM",
            )
        node = self._gateway.node(caller, named[0])
        response = await do(_asked(request, node))
        await response(scope, receive, send)

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """As problem details, with the nearest status that GovStack's document has."""
        status = _nearest(problem.status, scope["state"].get(_DOCUMENTED, ()))
        if status == 204:  # nothing is there, for whoever asks so
            return Response(status_code=204, headers={"X-Road-Error": problem.code})
        problem.status = status
        return problem_response(problem, scope["state"][REQUEST_ID])

    # event types

    async def _list_types(self, asked: _Asked) -> Response:
        found = events.types_of(asked.node, asked.room)
        return _json(found) if found else Response(status_code=204)

    async def _show_type(self, asked: _Asked) -> Response:
        schema = self._schema(asked.node, asked.type)
        if schema is None:
            return Response(status_code=204)
        return _json({"eventType": asked.event_type, "schema": schema})

    async def _propose_type(self, asked: _Asked) -> Response:
        """The registry's schemas are their stewards': a new type is a proposal until they agree."""
        body = await read_json(asked.request, _MAX_SCHEMA)
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
        return _json({"eventType": body["eventType"], "state": "proposed"})

    async def _retire_type(self, asked: _Asked) -> Response:
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

    # publishing

    async def _publish(self, asked: _Asked) -> Response:
        body = await read_json(asked.request, asked.node.max_body)
        if not isinstance(body, dict) or body.get("eventType") != asked.event_type:
            raise ProblemError(
                400, "govstack.event", "expected the eventType of the path, and event"
            )
        if not isinstance(body.get("event"), dict):
            raise ProblemError(400, "govstack.event", "event: expected an object")
        if not events.publishes(asked.node, asked.type):
            raise ProblemError(
                404, "govstack.event_type", f"{asked.node.name} may not publish {asked.type}"
            )
        options = {**said(asked.request), "subject": asked.request.headers.get("ce-subject")}
        event = await asyncio.wrap_future(
            asked.node.desk.publish(asked.type, body["event"], **options)
        )
        return _json({"id": event}, 201)

    async def _status(self, asked: _Asked) -> Response:
        return _json(await self._published(asked))

    async def _stop_event(self, asked: _Asked) -> Response:
        """What left the node nobody can take back: an event that waits for its broker can be."""
        found = await self._published(asked)
        if not await asyncio.wrap_future(asked.node.desk.withdraw(found["id"])):
            raise ProblemError(
                404, "govstack.event", "the event has gone out: it cannot be stopped"
            )
        return Response(status_code=204)

    async def _published(self, asked: _Asked) -> dict[str, Any]:
        event = asked.names[1]
        found = await asyncio.to_thread(
            events.published, asked.node, asked.type, event, asked.event_type
        )
        if found is None:
            raise ProblemError(
                404, "govstack.event", f"{asked.node.name} has published no event {event!r:.80}"
            )
        return found

    # subscriptions

    async def _list(self, asked: _Asked) -> Response:
        found = self._subscriptions.of(asked.node.name, events.domain_of(asked.room))
        if not found:
            raise ProblemError(404, "govstack.subscription", "there is no subscription here")
        return _json([self._item(asked.node, one) for one in found])

    async def _subscribe(self, asked: _Asked) -> Response:
        """Events flow once an agreement lets them; until then the wish waits for the steward."""
        node = asked.node
        body = await read_json(asked.request, _MAX_SCHEMA)
        new = Subscription.asked_for(node.name, asked.room, asked.event_type, body)
        self._check_address(new)
        self._subscriptions.check_new(new)
        if events.receives(node, new.type):
            await asyncio.to_thread(node.desk.hold, new.type)
            self._subscriptions.check_new(new)  # somebody may have been quicker
        else:
            draft = agreement_draft(node.node.snapshot, node.name, new.type)
            path = f"agreements/{draft['agreement']}-1.yaml"
            self._proposals.file(node.name, SUBSCRIPTION, new.type, path, draft)
        self._subscriptions.keep(new)
        return _json(self._item(node, new))

    async def _show(self, asked: _Asked) -> Response:
        return _json(self._item(asked.node, self._own(asked)))

    async def _change(self, asked: _Asked) -> Response:
        body = await read_json(asked.request, _MAX_SCHEMA)
        new = self._own(asked).changed(body)
        self._check_address(new)
        self._return(asked.node, new)
        self._subscriptions.keep(new)
        return _json(self._item(asked.node, new), 201)

    async def _cancel(self, asked: _Asked) -> Response:
        old = self._own(asked)
        self._return(asked.node, old)
        self._subscriptions.remove(old)
        self._locks.pop(old.id, None)
        self._proposals.withdraw(old.subsystem, SUBSCRIPTION, old.type)
        return Response(status_code=204)

    def _own(self, asked: _Asked) -> Subscription:
        found = self._subscriptions.find(asked.node.name, asked.type)
        if found is None:
            raise ProblemError(
                404, "govstack.subscription", f"there is no subscription to {asked.type}"
            )
        return found

    def _item(self, node: NodeAtWork, one: Subscription) -> dict[str, Any]:
        return one.item(active=events.receives(node, one.type))

    def _check_address(self, one: Subscription) -> None:
        if one.delivery == PUSH and self.pushing.address(*one.key) is None:
            raise ProblemError(
                400,
                "govstack.subscription",
                f"the gateway's settings have no address to push {one.type} to",
                hint="ask its operator for one below subscribers: in gateway.yaml, or use PULL",
            )

    def _return(self, node: NodeAtWork, one: Subscription) -> None:
        """What was pulled and not acknowledged is whoever's comes next."""
        message, _ = self._out.pop(one.id, (None, 0.0))
        if message is not None:
            node.desk.give_back(message.entry)

    # pulling

    async def _pull(self, asked: _Asked) -> Response:
        """The oldest that is not acknowledged: the same one until it is."""
        one = self._pulled(asked)
        async with self._lock(one):
            message = await self._current(asked.node, one)
        if message is None:
            raise ProblemError(404, "govstack.none", f"no event of {one.type} waits")
        return _json(events.item(message, asked.event_type))

    async def _confirm(self, asked: _Asked) -> Response:
        """Also what was pulled before a restart: it is the oldest still."""
        one = self._pulled(asked)
        async with self._lock(one):
            message = await self._current(asked.node, one)
            if message is None or events.item(message, "")["id"] != asked.names[1]:
                raise ProblemError(404, "govstack.none", "this event does not wait")
            del self._out[one.id]
            await asyncio.wrap_future(asked.node.desk.finish(message.entry))
        return Response(status_code=204)

    def _pulled(self, asked: _Asked) -> Subscription:
        one = self._own(asked)
        if one.delivery == PUSH:
            raise ProblemError(409, "govstack.subscription", f"{one.type} is pushed, not pulled")
        return one

    def _lock(self, one: Subscription) -> asyncio.Lock:
        return self._locks.setdefault(one.id, asyncio.Lock())

    async def _current(self, node: NodeAtWork, one: Subscription) -> Message | None:
        message, until = self._out.get(one.id, (None, 0.0))
        while message is None or time.monotonic() >= until or too_late(node, one, message):
            if message is not None and (late := too_late(node, one, message)):
                await self._give_up(node, message, late)
            self._out.pop(one.id, None)
            message = await self._next(node, one)
            if message is None:
                return None
            until = time.monotonic() + self._gateway.settings.limits.lease_seconds
            self._out[one.id] = message, until
        return message

    async def _next(self, node: NodeAtWork, one: Subscription) -> Message | None:
        if not events.receives(node, one.type):
            return None
        await asyncio.to_thread(node.desk.hold, one.type)
        lease = self._gateway.settings.limits.lease_seconds
        taken = await asyncio.wrap_future(node.desk.take(one.type, lease=lease, wait=False))
        return taken[0] if taken else None

    async def _give_up(self, node: NodeAtWork, message: Message, why: Exception) -> None:
        try:
            await asyncio.wrap_future(node.desk.fail(message.entry, why))  # type: ignore[arg-type]
        except RequestError as error:
            if error.code != "request.not_taken":  # somebody else had it meanwhile
                raise


def _shape(scope: Scope) -> tuple[str, int]:
    """Which kind of path it is, and how many names it has behind that; raw, so that ``%2F`` is no
    slash.
    """
    below = scope["raw_path"].decode("latin-1").split("/")[6:]
    for head, kind in _SHAPES.items():
        if tuple(below[: len(head)]) == head:
            return kind, len(below) - len(head)
    return "", 0


def _asked(request: Request, node: NodeAtWork) -> _Asked:
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
    count = _shape(request.scope)[1]
    return _Asked(request, node, room, tuple(names[len(names) - count :]))


def _nearest(status: int, documented: tuple[int, ...]) -> int:
    """The documented status that says best what another would."""
    if status in (401, 405) or status >= 500:
        return status
    wanted = (status, 404, 400, 409) if status in (403, 404) else (status, 400, 409, 404)
    return next((one for one in (*wanted, 204) if one in documented), status)


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


def _json(value: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(strict_json.dumps(value), status, headers, media_type="application/json")
