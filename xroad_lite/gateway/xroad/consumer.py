"""X-Road's REST interface for consumers: ``/r1/…`` and metaservices, as security servers have it.

A call becomes a sealed request and its answer an HTTP answer again. Does not check agreements: the
node does, here and at the provider's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from xroad_lite import strict_json
from xroad_lite.errors import IdentifierError, XRoadError
from xroad_lite.exchange.calls import called, canonical
from xroad_lite.gateway.application import REQUEST_ID, Gateway
from xroad_lite.gateway.bodies import read_body
from xroad_lite.gateway.callers import Caller, token_of
from xroad_lite.gateway.headers import as_sent, by_name, every
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError
from xroad_lite.gateway.traces import traceparent
from xroad_lite.gateway.xroad import calls, metaservices
from xroad_lite.gateway.xroad.faults import CONSUMER, PROVIDER, FaultError, fault_of, fault_response
from xroad_lite.identifiers import MemberId, new_uuid
from xroad_lite.node import Message
from xroad_lite.registry.models import REST_REQUEST, Service

_WITHOUT_CONTENT = (204, 304)
TRACEPARENT = b"traceparent"
Given = Mapping[bytes, bytes]


class Consumer:
    """What an information system calls; one that was written for X-Road changes one address."""

    name = "xroad"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._instance = min(gateway.nodes).partition("/")[0]

    def claims(self, scope: Scope) -> bool:
        """``/r1/…``, and any other version of the protocol, to say that it is not spoken."""
        path: str = scope["path"]
        version = path[2:3]
        called = path[:2] == "/r" and version.isdigit() and "/" in path[1:]
        return called or path in metaservices.BY_PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        caller = self._gateway.caller(scope)
        meta = metaservices.BY_PATH.get(scope["path"])
        if meta is not None:
            answer: ASGIApp = meta(self._any_node(caller), Request(scope))
        else:
            answer = await self._call(scope, receive, caller)
        await answer(scope, receive, send)

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """In the form that ``Accept`` asks for."""
        fault = problem.__cause__ if isinstance(problem.__cause__, XRoadError) else problem
        accept = ",".join(every(scope, b"accept"))
        return fault_response(fault_of(fault), accept, scope["state"][REQUEST_ID])

    def _any_node(self, caller: Caller) -> NodeAtWork:
        return self._gateway.nodes[min(caller.subsystems)]

    async def _call(self, scope: Scope, receive: Receive, caller: Caller) -> ASGIApp:
        given = by_name(scope)
        node = self._gateway.node(caller, self._client(given, caller))
        subsystem, code, below = called(scope["raw_path"].decode("ascii"))
        _check(given)
        service = _service(node, subsystem, code, scope["method"])
        if not isinstance(service, Service):
            return self._told(scope, service(node, subsystem, Request(scope)))
        if service.request is not None and (scope["method"] != "POST" or below not in ("", "/")):
            raise FaultError(
                "client.bad_request",
                f"{service.code} is asked by a POST of {service.request} to its own path",
            )
        asked = self._sealed(scope, await read_body(scope, receive, node.max_body))
        if service.request is not None:
            return await self._ask(node, subsystem, service.request, asked)
        return await self._forward(node, subsystem, asked)

    def _client(self, given: Given, caller: Caller) -> str:
        """The subsystem that ``X-Road-Client`` names; of a member alone its one system here."""
        named = _header(given, b"x-road-client")
        if not named:
            raise FaultError(
                f"{CONSUMER}.missing_header", "the header X-Road-Client is missing: who is asking?"
            )
        try:
            if named.count("/") != 2:
                return self._known(canonical(named))
            member = str(MemberId.parse(named))
        except IdentifierError as error:
            raise FaultError(f"{CONSUMER}.invalid_client_identifier", error.message) from None
        own = [one for one in caller.subsystems if one.startswith(f"{member}/")]
        if len(own) > 1:
            raise FaultError(
                f"{CONSUMER}.invalid_client_identifier",
                f"{member} has {len(own)} subsystems here: X-Road-Client must name one",
            )
        return own[0] if own else self._known(member)

    def _known(self, client: str) -> str:
        if client not in self._gateway.nodes:
            raise FaultError(f"{CONSUMER}.unknown_member", f"no node here is of {client}")
        return client

    def _told(self, scope: Scope, response: Response) -> Response:
        """A metaservice's answer, with X-Road's headers as of any call."""
        asked = self._sealed(scope, b"")
        response.headers.update(dict(asked.ids(asked.hash())))
        return response

    def _sealed(self, scope: Scope, content: bytes) -> _Asked:
        """The call as it came, for a message's body."""
        given = by_name(scope)
        request_id, query_id = scope["state"][REQUEST_ID], _header(given, b"x-road-id")
        headers = calls.request_headers(as_sent(scope), token=token_of(scope) is not None)
        headers.append({"name": calls.REQUEST_ID, "value": request_id})
        if not query_id:
            query_id = f"{self._instance}-{new_uuid()}"
            headers.append({"name": calls.ID, "value": query_id})
        body = {
            "method": scope["method"],
            "path": scope["raw_path"].decode("ascii"),
            "headers": headers,
            **calls.content(content),
        }
        if scope["query_string"]:
            body["query"] = scope["query_string"].decode("ascii")
        trace = traceparent(every(scope, TRACEPARENT))
        return _Asked(body, content, request_id, query_id, given, trace)

    async def _forward(self, node: NodeAtWork, subsystem: str, asked: _Asked) -> ASGIApp:
        """A call of a REST service: sealed as it came, answered as the provider did."""
        got = (await self._answer(node, subsystem, REST_REQUEST, asked.body, asked)).body
        sent = asked.hash()
        if got["requestHash"] != sent:
            raise FaultError(
                f"{CONSUMER}.inconsistent_response",
                "the answer's request hash is not that of the call that was sent",
            )
        try:
            content = calls.content_of(got)
        except ValueError:
            raise FaultError(
                f"{CONSUMER}.inconsistent_response", "the answer's content is not base64"
            ) from None
        if not calls.are_clean(got):
            raise FaultError(
                f"{CONSUMER}.inconsistent_response", "the answer's headers are none of HTTP's"
            )
        return _passed(got["status"], calls.answer_headers(got, asked.ids(sent)), content)

    async def _ask(self, node: NodeAtWork, subsystem: str, type_: str, asked: _Asked) -> ASGIApp:
        """A service of messages is one POST of its request type, answered by its response type."""
        try:
            question = strict_json.loads(asked.content)
        except strict_json.StrictJSONError as error:
            raise FaultError("client.bad_request", f"the body is not JSON: {error}") from None
        answer = await self._answer(node, subsystem, type_, question, asked)
        headers = dict(asked.ids(asked.hash()))
        content = strict_json.dumps(answer.body)
        return Response(content, headers=headers, media_type="application/json")

    def _answer(
        self, node: NodeAtWork, subsystem: str, type_: str, body: Any, asked: _Asked
    ) -> Awaitable[Message]:
        given = asked.given
        asking = node.desk.ask(
            subsystem,
            type_,
            body,
            timeout=self._gateway.settings.limits.answer_seconds,
            user_id=calls.text(given.get(b"x-road-userid")),
            issue=calls.text(given.get(b"x-road-issue")),
            represented_party=calls.text(given.get(b"x-road-represented-party")),
            traceparent=asked.trace,
        )
        return node.done(asking)


class _Asked(NamedTuple):
    """A call, and what its answer must say of it."""

    body: dict[str, Any]
    content: bytes
    request_id: str
    query_id: str
    given: Given
    trace: str | None

    def hash(self) -> str:
        """X-Road's hash of it."""
        return calls.request_hash(self.body, self.content)

    def ids(self, request_hash: str) -> calls.Headers:
        """X-Road's own headers of the answer, section 4.3."""
        client = _header(self.given, b"x-road-client") or ""
        service = "/".join(self.body["path"].split("/")[2:7])
        return [
            (calls.ID, self.query_id),
            (calls.CLIENT, calls.encoded(client)),
            (calls.SERVICE, calls.encoded(service)),
            (calls.REQUEST_ID, self.request_id),
            (calls.REQUEST_HASH, request_hash),
        ]


def _passed(status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> ASGIApp:
    """The provider's answer as it was, with our own length, where there is any content."""

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        if status in _WITHOUT_CONTENT or scope["method"] == "HEAD":
            given, data = headers, b""
        else:
            given, data = [*headers, (b"content-length", b"%d" % len(content))], content
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": data})

    return answer


def _header(given: Given, name: bytes) -> str | None:
    """What the last header of this name says, as it was written."""
    value = given.get(name)
    return None if value is None else value.decode("latin-1")


def _check(given: Given) -> None:
    """Section 4.3: the forms of X-Road's own headers."""
    server = _header(given, b"x-road-security-server")
    if server is not None and len(server.split("/")) != 4:
        raise FaultError("client.bad_request", f"X-Road-Security-Server is {server!r:.80}")
    party = _header(given, b"x-road-represented-party")
    if party is not None and (len(party.split("/")) > 2 or not all(party.split("/"))):
        raise FaultError("client.bad_request", f"X-Road-Represented-Party is {party!r:.80}")


def _service(
    node: NodeAtWork, subsystem: str, code: str, method: str
) -> Service | metaservices.Metaservice:
    party = metaservices.party(node, subsystem)
    if party is None:
        raise FaultError(f"{CONSUMER}.unknown_member", f"nobody is registered as {subsystem}")
    for service in party.subsystem.services:
        if service.code == code:
            return service
    meta = metaservices.find(code, method)
    if meta is None:
        raise FaultError(f"{PROVIDER}.unknown_service", f"{subsystem} has no service {code!r:.80}")
    return meta
