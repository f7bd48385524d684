"""X-Road's REST interface for consumers: ``/r1/…`` and metaservices, as security servers have it.

A call becomes a sealed request and its answer an HTTP answer again. Does not check agreements: the
node does, here and at the provider's.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xroad_lite import strict_json
from xroad_lite.errors import IdentifierError, XRoadError
from xroad_lite.exchange.calls import called, canonical
from xroad_lite.gateway.application import REQUEST_ID, Gateway
from xroad_lite.gateway.bodies import read_body
from xroad_lite.gateway.callers import Caller, token_of
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError
from xroad_lite.gateway.protocol import NAMES_AS_SENT
from xroad_lite.gateway.traces import HEADER as TRACEPARENT
from xroad_lite.gateway.traces import traceparent
from xroad_lite.gateway.xroad import calls, metaservices
from xroad_lite.gateway.xroad.faults import CONSUMER, PROVIDER, FaultError, fault_of, fault_response
from xroad_lite.identifiers import MemberId, new_uuid
from xroad_lite.node import Message
from xroad_lite.registry.models import REST_REQUEST, Service

_WITHOUT_CONTENT = (204, 304)


class Consumer:
    """What an information system calls; one that was written for X-Road changes one address."""

    name = "xroad"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def claims(self, scope: Scope) -> bool:
        """``/r1/…``, and any other version of the protocol, to say that it is not spoken."""
        path: str = scope["path"]
        version = path[2:3]
        called = path[:2] == "/r" and version.isdigit() and "/" in path[1:]
        return called or path in metaservices.BY_PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        request = Request(scope, receive)
        caller = self._gateway.caller(scope)
        meta = metaservices.BY_PATH.get(scope["path"])
        if meta is not None:
            response = meta(self._any_node(caller), request)
        else:
            response = await self._call(request, caller)
        await response(scope, receive, send)

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """In the form that ``Accept`` asks for."""
        fault = problem.__cause__ if isinstance(problem.__cause__, XRoadError) else problem
        accept = ",".join(Request(scope).headers.getlist("accept"))
        return fault_response(fault_of(fault), accept, scope["state"][REQUEST_ID])

    def _any_node(self, caller: Caller) -> NodeAtWork:
        return self._gateway.nodes[min(caller.subsystems)]

    async def _call(self, request: Request, caller: Caller) -> Response:
        headers = _headers(request)
        node = self._gateway.node(caller, self._client(headers, caller))
        path = request.scope["raw_path"].decode("ascii")
        subsystem, code, below = called(path)
        _check(headers)
        service = _service(node, subsystem, code, request.method)
        if not isinstance(service, Service):
            return self._told(request, headers, service(node, subsystem, request))
        if service.request is not None:
            return await self._ask(request, node, subsystem, service, headers, below)
        return await self._forward(request, node, subsystem, headers)

    def _client(self, headers: calls.Headers, caller: Caller) -> str:
        """The subsystem that ``X-Road-Client`` names; of a member alone its one system here."""
        named = calls.last(headers, calls.CLIENT)
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

    def _told(self, request: Request, headers: calls.Headers, response: Response) -> Response:
        """A metaservice's answer, with X-Road's headers as of any call."""
        query_id, body = self._sealed(request, headers, b"")
        ids = _ids(body, query_id, calls.request_hash(body, b""))
        response.headers.update(dict(ids))
        return response

    async def _forward(
        self, request: Request, node: NodeAtWork, subsystem: str, headers: calls.Headers
    ) -> Response:
        """A call of a REST service: sealed as it came, answered as the provider did."""
        data = await read_body(request, node.max_body)
        sent, body = self._sealed(request, headers, data)
        answer = await self._answer(
            node, subsystem, REST_REQUEST, body, calls.pairs(body), _trace(request)
        )
        got = answer.body
        if got["requestHash"] != calls.request_hash(body, data):
            raise FaultError(
                f"{CONSUMER}.inconsistent_response",
                "the answer's request hash is not that of the call that was sent",
            )
        ids = _ids(body, sent, got["requestHash"])
        try:
            content = calls.content_of(got)
        except ValueError:
            raise FaultError(
                f"{CONSUMER}.inconsistent_response", "the answer's content is not base64"
            ) from None
        if not calls.are_clean(calls.pairs(got)):
            raise FaultError(
                f"{CONSUMER}.inconsistent_response", "the answer's headers are none of HTTP's"
            )
        return _response(request.method, got["status"], calls.answer_headers(got, ids), content)

    def _sealed(
        self, request: Request, headers: calls.Headers, data: bytes
    ) -> tuple[str, dict[str, Any]]:
        """The call as a message's body, and its query id."""
        passed = headers
        if token_of(request.headers.raw) is not None:  # it opens this gateway, and nothing else
            passed = [one for one in headers if one[0].lower() != "authorization"]
        scope, instance = request.scope, self._instance
        given, query_id = calls.request_headers(passed, new_uuid(), f"{instance}-{new_uuid()}")
        body = {
            "method": scope["method"],
            "path": scope["raw_path"].decode("ascii"),
            "headers": calls.written(given),
            **calls.content(data),
        }
        if scope["query_string"]:
            body["query"] = scope["query_string"].decode("ascii")
        return query_id, body

    @property
    def _instance(self) -> str:
        return min(self._gateway.nodes).partition("/")[0]

    async def _answer(
        self,
        node: NodeAtWork,
        subsystem: str,
        type_: str,
        body: Any,
        headers: calls.Headers,
        trace: str | None,
    ) -> Message:
        asking = node.desk.ask(
            subsystem,
            type_,
            body,
            timeout=self._gateway.settings.limits.answer_seconds,
            user_id=calls.said(headers, "x-road-userid"),
            issue=calls.said(headers, "x-road-issue"),
            represented_party=calls.said(headers, "x-road-represented-party"),
            traceparent=trace,
        )
        return await node.done(asking)

    async def _ask(
        self,
        request: Request,
        node: NodeAtWork,
        subsystem: str,
        service: Service,
        headers: calls.Headers,
        below: str,
    ) -> Response:
        """A service of messages is one POST of its request type, answered by its response type."""
        if request.method != "POST" or below not in ("", "/") or service.request is None:
            raise FaultError(
                "client.bad_request",
                f"{service.code} is asked by a POST of {service.request} to its own path",
            )
        data = await read_body(request, node.max_body)
        try:
            asked = strict_json.loads(data)
        except strict_json.StrictJSONError as error:
            raise FaultError("client.bad_request", f"the body is not JSON: {error}") from None
        query_id, body = self._sealed(request, headers, data)
        answer = await self._answer(
            node, subsystem, service.request, asked, headers, _trace(request)
        )
        ids = _ids(body, query_id, calls.request_hash(body, data))
        media_type = ("Content-Type", "application/json")
        return _response("POST", 200, [media_type, *ids], strict_json.dumps(answer.body))


def _headers(request: Request) -> calls.Headers:
    """The headers in their order, with their names as they were written."""
    raw = request.scope["state"].get(NAMES_AS_SENT) or request.scope["headers"]
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


def _check(headers: calls.Headers) -> None:
    """Section 4.3: the forms of X-Road's own headers."""
    server = calls.last(headers, "x-road-security-server")
    if server is not None and len(server.split("/")) != 4:
        raise FaultError("client.bad_request", f"X-Road-Security-Server is {server!r:.80}")
    party = calls.last(headers, "x-road-represented-party")
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


def _trace(request: Request) -> str | None:
    return traceparent(request.headers.getlist(TRACEPARENT))


def _ids(body: dict[str, Any], query_id: str, request_hash: str) -> calls.Headers:
    """X-Road's own headers of an answer, section 4.3."""
    headers = calls.pairs(body)
    client = calls.last(headers, calls.CLIENT) or ""
    service = "/".join(body["path"].split("/")[2:7])
    return [
        (calls.ID, query_id),
        (calls.CLIENT, calls.encoded(client)),
        (calls.SERVICE, calls.encoded(service)),
        (calls.REQUEST_ID, calls.last(headers, calls.REQUEST_ID) or ""),
        (calls.REQUEST_HASH, request_hash),
    ]


def _response(method: str, status: int, headers: calls.Headers, content: bytes) -> Response:
    """The provider's answer as it was, with our own length, where there is any content."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if status in _WITHOUT_CONTENT or method == "HEAD":
        content = b""
    else:
        raw.append((b"content-length", b"%d" % len(content)))
    response = Response(content, status)
    response.raw_headers = raw
    return response
