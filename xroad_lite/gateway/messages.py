"""Our own API: publish, read, acknowledge, ask and answer, as CloudEvents over HTTP.

Bodies are in the caller's terms: ``Accept-Profile`` names the schema to read as. Does not judge:
what the node refuses is told as problem details.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from xroad_lite import strict_json, times
from xroad_lite.errors import RejectedError, SemanticsError, XRoadError
from xroad_lite.gateway.application import REQUEST_ID, Gateway
from xroad_lite.gateway.bodies import read_json
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError, problem_response
from xroad_lite.gateway.traces import HEADER as TRACEPARENT
from xroad_lite.gateway.traces import traceparent
from xroad_lite.identifiers import MessageType
from xroad_lite.node import Message

ROOT = "/api/v1"
_BELOW = f"{ROOT}/"
MAX_WAIT, MAX_LIMIT = 60, 100
_SEGMENTS = ("instance", "memberClass", "memberCode", "subsystemCode")
_RECIPIENT = "/".join(f"{{{one}}}" for one in _SEGMENTS)
_KEEP_ALIVE_SECONDS = 15.0
_ERROR_BODY = 65_536


class Messages:
    """``/api/v1``: for systems that speak HTTP and JSON, in any language."""

    name = "api"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.closing = asyncio.Event()
        """Set when the server stops: streams end."""
        type_, entry = f"{ROOT}/messages/{{type}}", f"{ROOT}/messages/{{type}}/{{entry:int}}"
        routes = [
            ("POST", type_, self._publish),
            ("GET", type_, self._read),
            ("GET", f"{type_}/events", self._stream),
            ("POST", f"{entry}/acknowledge", self._acknowledge),
            ("POST", f"{entry}/reject", self._reject),
            ("POST", f"{entry}/reply", self._reply),
            ("POST", f"{ROOT}/requests/{_RECIPIENT}/{{type}}", self._ask),
        ]
        self._router = Router(
            [Route(path, _answering(do), methods=[method]) for method, path, do in routes],
            redirect_slashes=False,
            default=_nothing,
        )

    async def start(self) -> None:
        """There is nothing to begin."""

    async def stop(self) -> None:
        """End the streams."""
        self.closing.set()

    def claims(self, scope: Scope) -> bool:
        """What begins with its root."""
        path: str = scope["path"]
        return path.startswith(_BELOW) or path == ROOT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a known caller."""
        self._gateway.caller(scope)
        scope["app"] = self  # the router then raises what it does not find
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            headers = dict(error.headers or {})
            raise ProblemError(
                error.status_code, "http.method", str(error.detail), headers=headers
            ) from None

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """As problem details."""
        return problem_response(problem, scope["state"][REQUEST_ID])

    def _node(self, request: Request) -> NodeAtWork:
        caller = self._gateway.caller(request.scope)
        return self._gateway.node(caller, request.headers.get("x-road-client"))

    # what a caller says

    async def _publish(self, request: Request) -> Response:
        node, type_ = self._node(request), _type(request)
        body = await read_json(request, node.max_body)
        options = {**said(request), "time": _time(request, "ce-time")}
        options["subject"] = request.headers.get("ce-subject")
        options["expires"] = _time(request, "ce-expirytime")
        event = await node.done(node.desk.publish(type_, body, **options))
        left_out = [one._asdict() for one in event.left_out]
        return _json({"id": event, "left_out": left_out}, 202)

    async def _ask(self, request: Request) -> Response:
        node, type_ = self._node(request), _type(request)
        body = await read_json(request, node.max_body)
        longest = self._gateway.settings.limits.answer_seconds
        answer = await node.done(
            node.desk.ask(
                _recipient(request),
                type_,
                body,
                timeout=_number(request, "timeout", longest, longest),
                reads=_profile(request, node),
                subject=request.headers.get("ce-subject"),
                **said(request),
            )
        )
        return _json(_shown(answer, answer.body, answer.losses), headers=_traced(answer))

    # what a caller reads

    async def _read(self, request: Request) -> Response:
        """Long polling: at once if there is something, else after at most ``wait`` seconds."""
        node, type_, reads = await self._reading(request)
        wait = _number(request, "wait", 0.0, MAX_WAIT)
        limit = int(_number(request, "limit", 10, MAX_LIMIT))
        messages = await self._taken(request, node, type_, limit, wait)
        shown = await _in_terms(node, messages, reads)
        if not shown:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        return _json({"messages": shown})

    async def _stream(self, request: Request) -> Response:
        """Server-sent events, one message each; the next when the last was acknowledged or not."""
        node, type_, reads = await self._reading(request)
        return StreamingResponse(
            self._events(request, node, type_, reads),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(
        self, request: Request, node: NodeAtWork, type_: str, reads: str | None
    ) -> AsyncIterator[bytes]:
        yield b": here\n\n"
        while not self.closing.is_set():
            messages = await self._taken(request, node, type_, 1, _KEEP_ALIVE_SECONDS)
            if not messages:
                if await request.is_disconnected():
                    return
                yield b": still here\n\n"
            try:
                shown = await _in_terms(node, messages, reads)
            except ProblemError as problem:
                yield _event("problem", {"code": problem.code, "detail": problem.detail})
                return
            for one in shown:
                yield _event(type_, one)

    async def _reading(self, request: Request) -> tuple[NodeAtWork, str, str | None]:
        node, type_ = self._node(request), _type(request)
        reads = _profile(request, node)
        if not node.may_receive(type_):
            raise ProblemError(
                403,
                "policy.no_agreement",
                f"no agreement lets {node.name} receive {type_}, and no service is asked by it",
                hint="ask the steward for an agreement, or check the message type",
            )
        if reads is not None:
            await node.done(node.desk.check_reads(reads))
        await asyncio.to_thread(node.desk.hold, type_)
        return node, type_, reads

    async def _taken(
        self, request: Request, node: NodeAtWork, type_: str, limit: int, wait: float
    ) -> list[Message]:
        """What came within ``wait`` seconds; what came for a client that has gone goes back."""
        lease = self._gateway.settings.limits.lease_seconds
        taking = node.desk.take(type_, limit=limit, lease=lease)
        waiting = asyncio.wrap_future(taking)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait(
                (waiting, gone), timeout=max(wait, 0.05), return_when=asyncio.FIRST_COMPLETED
            )
            if gone.done() or not waiting.done():
                if not taking.cancel():
                    for message in taking.result():
                        node.desk.give_back(message.entry)
                return []
            return waiting.result()
        finally:
            gone.cancel()
            waiting.cancel()

    # what becomes of what was read

    async def _acknowledge(self, request: Request) -> Response:
        node = self._node(request)
        await node.done(node.desk.finish(_entry(request)))
        return Response(status_code=204)

    async def _reject(self, request: Request) -> Response:
        node = self._node(request)
        body = await read_json(request, _ERROR_BODY)
        if not isinstance(body, dict):
            raise ProblemError(400, "http.json", "expected an object with code, message, retry")
        code, message = body.get("code", "client.rejected"), body.get("message", "")
        if not (isinstance(code, str) and 0 < len(code) <= 255 and isinstance(message, str)):
            raise ProblemError(400, "http.json", "expected code and message as texts")
        kind = XRoadError if body.get("retry") is True else RejectedError
        error = kind(code, message[:1000])
        await node.done(node.desk.fail(_entry(request), error))
        return Response(status_code=204)

    async def _reply(self, request: Request) -> Response:
        node, type_ = self._node(request), _type(request)
        body = await read_json(request, node.max_body)
        answer = node.desk.answer_type(type_)
        if answer is None:
            raise ProblemError(
                409, "http.no_request", f"{type_} asks no service of {node.name}: acknowledge it"
            )
        await node.done(node.desk.finish(_entry(request), body, type=answer))
        return Response(status_code=204)


def _answering(
    do: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """A function as the router wants it; methods of an object it would take for classes."""

    async def answer(request: Request) -> Response:
        return await do(request)

    return answer


async def _nothing(*_: object) -> None:
    raise ProblemError(
        404, "http.no_such_path", "there is nothing at this path", hint="see /openapi.json"
    )


async def _gone(request: Request) -> None:
    """Done when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _in_terms(
    node: NodeAtWork, messages: list[Message], reads: str | None
) -> list[dict[str, Any]]:
    """Messages with their handles; if one cannot be read as wanted, all go back."""
    try:
        return [await _one_in_terms(node, message, reads) for message in messages]
    except BaseException:
        for message in messages:
            node.desk.give_back(message.entry)
        raise


async def _one_in_terms(node: NodeAtWork, message: Message, reads: str | None) -> dict[str, Any]:
    body, losses = message.body, message.losses
    if reads is not None:
        try:
            found = await node.done(node.desk.read_as(message.entry, reads))
        except SemanticsError as error:
            raise ProblemError(
                406,
                error.code,
                error.message,
                hint="read it without Accept-Profile, then reject it or ask its sender",
                entry=message.entry,
            ) from None
        body, losses = found.reading, found.losses
    return {
        "entry": message.entry,
        "attempt": message.attempt,
        **_shown(message, body, losses),
    }


def _shown(message: Message, body: Any, losses: Any) -> dict[str, Any]:
    """A message as a CloudEvent in JSON, and what reading it in other terms has lost."""
    lost = [{"path": one.path, "kind": one.kind, "detail": one.detail} for one in losses]
    return {"message": {**message.attributes.to_dict(), "data": body}, "losses": lost}


def _event(name: str, value: dict[str, Any]) -> bytes:
    """A server-sent event; strict JSON has no line feed outside of texts, where it is escaped."""
    head = f"id: {value['entry']}\n" if "entry" in value else ""
    return f"{head}event: {name}\ndata: ".encode() + strict_json.dumps(value) + b"\n\n"


def said(request: Request) -> dict[str, str | None]:
    """What a caller says about a message, in X-Road's headers and CloudEvents'."""
    headers = request.headers
    return {
        "purpose": headers.get("ce-purpose"),
        "user_id": headers.get("x-road-userid"),
        "issue": headers.get("x-road-issue"),
        "represented_party": headers.get("x-road-represented-party"),
        "traceparent": traceparent(headers.getlist(TRACEPARENT)),
    }


def _traced(message: Message) -> dict[str, str]:
    found = message.attributes.traceparent
    return {} if found is None else {TRACEPARENT: found}


def _type(request: Request) -> str:
    return str(MessageType.parse(request.path_params["type"]))


def _recipient(request: Request) -> str:
    found: list[str] = [request.path_params[one] for one in _SEGMENTS]
    return "/".join(one.replace("%", "%25") for one in found)


def _entry(request: Request) -> int:
    entry: int = request.path_params["entry"]
    if entry >= 1 << 62:
        raise ProblemError(404, "http.no_such_entry", "no log is that long")
    return entry


def _time(request: Request, header: str) -> float | None:
    text = request.headers.get(header)
    try:
        return None if text is None else times.to_unix(text)
    except (ValueError, OverflowError):
        raise ProblemError(
            400,
            "http.time",
            f"{header} is {text!r:.80}: expected RFC 3339, as 2026-01-31T12:00:00Z",
        ) from None


def _number(request: Request, name: str, default: float, largest: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = float(text) if len(text) <= 20 else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= largest:
        raise ProblemError(
            400,
            "http.parameter",
            f"{name} is {text!r:.80}: expected a number from 0 to {largest:g}",
        )
    return number


def _profile(request: Request, node: NodeAtWork) -> str | None:
    """The schema to read as, by ``Accept-Profile``: a type, ``type/version``, or a schema's IRI."""
    text = request.headers.get("accept-profile")
    if text is None:
        return None
    name = text.strip().removeprefix("<").removesuffix(">")
    schemas = f"{node.node.snapshot.instance.base}schemas/"
    if name.startswith(schemas):
        return name.removeprefix(schemas).replace("/", ".", 1)
    return name


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Profile", **(headers or {})}
    return Response(strict_json.dumps(value), status, headers, media_type="application/json")
