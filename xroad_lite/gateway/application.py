"""The gateway as an ASGI application: which interface answers, within which limits; and a log line.

Does not know any interface: each says what it claims. ``/r1/`` has several, told by their headers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from xroad_lite.exchange.calls import canonical
from xroad_lite.gateway.callers import Caller, Callers, UnknownCallerError
from xroad_lite.gateway.logs import log
from xroad_lite.gateway.metrics import Metrics
from xroad_lite.gateway.nodes import NodeAtWork, Nodes
from xroad_lite.gateway.problems import ProblemError, problem_of, problem_response
from xroad_lite.gateway.settings import GatewaySettings
from xroad_lite.identifiers import new_uuid

REQUEST_ID = "xroad_lite.request_id"
CALLER = "xroad_lite.caller"
"""Under which names the scope's state has the request's id, and its caller once it is known."""
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))


class Interface(Protocol):
    """One way to speak with the gateway."""

    name: str
    """Short and fixed: it is a label of metrics."""

    def claims(self, scope: Scope) -> bool:
        """Whether a request is meant for it, by path and headers."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it. What is raised is answered by ``refusal``."""
        ...

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """An error in this interface's form."""
        ...


class Worker(Protocol):
    """What works beside the answers, from the server's start to its end."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End, soon."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all interfaces share."""

    settings: GatewaySettings
    nodes: Nodes
    callers: Callers
    metrics: Metrics

    @classmethod
    def of(cls, settings: GatewaySettings, nodes: Nodes) -> Gateway:
        """The parts that follow from settings and nodes."""
        return cls(settings, nodes, Callers(settings, tuple(nodes)), Metrics(nodes))

    def caller(self, scope: Scope) -> Caller:
        """Who is calling; ``ProblemError`` 401 if it is nobody."""
        try:
            caller = self.callers.identify(scope)
        except UnknownCallerError as error:
            raise ProblemError(
                401,
                "http.unknown_caller",
                str(error),
                hint="xroad-lite gateway token new NAME",
                headers={"WWW-Authenticate": 'Bearer realm="xroad-lite"'},
            ) from None
        scope["state"][CALLER] = caller
        return caller

    def node(self, caller: Caller, wanted: str | None = None) -> NodeAtWork:
        """The node for which a caller speaks: the one it names, or its only one.

        ``ProblemError`` 403 for another's, also where there is none: who may not know is not told.
        """
        if wanted is None and len(caller.subsystems) == 1:
            (wanted,) = caller.subsystems
        if wanted is None:
            raise ProblemError(
                400,
                "http.which_subsystem",
                f"{caller.name} may speak for several subsystems: which one is it?",
                hint="name it in the header X-Road-Client",
            )
        wanted = canonical(wanted)
        if wanted not in caller.subsystems:
            raise ProblemError(
                403, "http.other_subsystem", f"{caller.name} does not speak for {wanted}"
            )
        return self.nodes[wanted]


class Application:
    """Answers every request: the first interface that claims it does, or nobody."""

    def __init__(
        self, gateway: Gateway, interfaces: Sequence[Interface], workers: Sequence[Worker] = ()
    ) -> None:
        self._gateway = gateway
        self._metrics = gateway.metrics
        self._interfaces = interfaces
        self._workers = workers
        self._log = log.bind()
        self._open = 0
        gateway.metrics.open.set_function(lambda: self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        scope.setdefault("state", {})[REQUEST_ID] = new_uuid()
        interface = self._claiming(scope)
        answer = _Answer(send, scope["state"][REQUEST_ID])
        self._open += 1
        try:
            await self._answer(interface, scope, receive, answer)
        finally:
            self._open -= 1
            self._tell(interface, scope, answer, time.perf_counter() - began)

    def _claiming(self, scope: Scope) -> Interface | None:
        for one in self._interfaces:
            if one.claims(scope):
                return one
        return None

    async def stop(self) -> None:
        """The server is about to end: nobody is served any longer than now."""
        for one in reversed(self._workers):
            await one.stop()

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start with the server, and end with it."""
        await receive()
        try:
            for one in self._workers:
                await one.start()
        except Exception as error:  # noqa: BLE001  the server says so and ends
            log.error("start", error=str(error))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(
        self, interface: Interface | None, scope: Scope, receive: Receive, answer: _Answer
    ) -> None:
        try:
            if self._open > self._gateway.settings.limits.requests:
                raise ProblemError(
                    503,
                    "http.too_many",
                    f"{self._open - 1} requests are being answered: come again in a second",
                    headers={"Retry-After": "1"},
                )
            if scope["method"] not in _METHODS:
                raise ProblemError(405, "http.method", f"{scope['method']} is no method here")
            if interface is None:
                raise ProblemError(
                    404,
                    "http.no_such_path",
                    "there is nothing at this path",
                    hint="see /openapi.json for what there is",
                )
            await interface(scope, receive, answer)
        except ClientDisconnect:
            answer.status = 499
        except Exception as error:  # noqa: BLE001  the last place to tell a bug from an answer
            problem = problem_of(error)
            problem.__cause__ = error if error is not problem else None
            if problem.code == "bug":
                log.error("bug", request=scope["state"][REQUEST_ID], exc_info=error)
            answer.code = problem.code
            if not answer.status:
                refused = (
                    problem_response(problem, scope["state"][REQUEST_ID])
                    if interface is None
                    else interface.refusal(scope, problem)
                )
                await refused(scope, receive, answer)

    def _tell(
        self, interface: Interface | None, scope: Scope, answer: _Answer, seconds: float
    ) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        name = interface.name if interface is not None else "none"
        self._metrics.requests(name, method, f"{answer.status // 100}xx").inc()
        self._metrics.seconds(name).observe(seconds)
        line = {
            "request": scope["state"][REQUEST_ID],
            "interface": name,
            "method": method,
            "status": answer.status,
            "milliseconds": round(seconds * 1000, 1),
        }
        if CALLER in scope["state"]:
            line["caller"] = scope["state"][CALLER].name
        if answer.code:
            line["code"] = answer.code
        self._log.info("request", **line)


class _Answer:
    """Sends an answer with the request's id and a date, and remembers its status."""

    __slots__ = ("_id", "_send", "code", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id.encode()
        self.status = 0
        self.code = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", [])]
            names = dict(headers)  # a provider's own pass
            if b"x-request-id" not in names:
                headers.append((b"x-request-id", self._id))
            if b"date" not in names:
                headers.append((b"date", _date(int(time.time()))))
            message = {**message, "headers": headers}
        await self._send(message)


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """A header's form of Unix time (RFC 9110, 5.6.7): the same for many answers."""
    return formatdate(second, usegmt=True).encode()
