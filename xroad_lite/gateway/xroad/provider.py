"""X-Road's other side: sealed calls become HTTP requests to the institution's own services.

Only addresses of the gateway's settings are called. A provider's error is an answer like any other;
only when there is no answer, a sealed error says so. Does not check agreements: the node has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import (
    ConfigurationError,
    IdentifierError,
    PolicyError,
    RequestError,
    XRoadError,
)
from xroad_lite.exchange.calls import called, canonical
from xroad_lite.gateway.application import Gateway
from xroad_lite.gateway.http_client import (
    Answer,
    CallError,
    GarbageError,
    HttpClient,
    tls_of,
)
from xroad_lite.gateway.logs import log
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.settings import Provider as ProviderSettings
from xroad_lite.gateway.settings import Tracker as TrackerSettings
from xroad_lite.gateway.traces import HEADER as TRACEPARENT
from xroad_lite.gateway.tracker import Tracker
from xroad_lite.gateway.xroad import calls
from xroad_lite.gateway.xroad.faults import PROVIDER, FaultError
from xroad_lite.identifiers import MemberId
from xroad_lite.node import Message
from xroad_lite.policy import ERROR_TYPE
from xroad_lite.registry.models import REST_REQUEST, REST_RESPONSE, Service

_AGAIN = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
"""Methods that may be called twice (RFC 9110, 9.2.2): after a crash nobody knows."""
_NOT_CALLED = calls.SKIPPED | {TRACEPARENT}
_TAKEN_AT_ONCE = 128
_PAUSE_SECONDS = 1.0
_CLOSING_SECONDS = 5.0


class Providers:
    """Takes the calls of all nodes, and calls their services, many at the same time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._takers: list[asyncio.Task[None]] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._clients: dict[tuple[str, str], HttpClient | Tracker] = {}
        self._wanted = _wanted(gateway)

    async def start(self) -> None:
        """Begin to take calls."""
        settings, limits = self._gateway.settings, self._gateway.settings.limits
        for (subsystem, code), one in self._wanted.items():
            node = self._gateway.nodes[subsystem]
            self._clients[subsystem, code] = (
                Tracker(node, one)
                if isinstance(one, TrackerSettings)
                else HttpClient(
                    one.url,
                    timeout=one.timeout,
                    calls=limits.calls,
                    max_content=node.max_body,
                    tls=tls_of(one, settings),
                )
            )
        for subsystem, node in self._gateway.nodes.items():
            for type_ in self._types(subsystem):
                await asyncio.to_thread(node.desk.hold, type_)
                self._takers.append(asyncio.create_task(self._serve(node, type_)))

    async def stop(self) -> None:
        """Take no more, and give what is open a moment; what then still is, is taken again."""
        for task in self._takers:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=_CLOSING_SECONDS)
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._takers, *self._calls, return_exceptions=True)
        for client in self._clients.values():
            client.close()

    def _types(self, subsystem: str) -> set[str]:
        """The types by which the services with an address are asked."""
        codes = {code for owner, code in self._wanted if owner == subsystem}
        services = {one.code: one for one in _services(self._gateway.nodes[subsystem])}
        return {services[code].asked_by if code in services else REST_REQUEST for code in codes}

    async def _serve(self, node: NodeAtWork, type_: str) -> None:
        """Take what comes, as long as not too many are open; ends with the node."""
        most = 2 * self._gateway.settings.limits.calls
        lease = max(one.timeout for one in self._wanted.values()) + 60
        under_way, room = set[asyncio.Task[None]](), asyncio.Event()

        def ended(task: asyncio.Task[None]) -> None:
            under_way.discard(task)
            self._calls.discard(task)
            room.set()

        while True:
            while len(under_way) >= most:
                room.clear()
                await room.wait()
            limit = min(_TAKEN_AT_ONCE, most - len(under_way))
            try:
                messages = await node.done(node.desk.take(type_, limit=limit, lease=lease))
            except RequestError:
                return
            except XRoadError as error:
                log.warning("cannot take calls", subsystem=node.name, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            for message in messages:
                task = asyncio.create_task(self._handle(node, message))
                under_way.add(task)
                self._calls.add(task)
                task.add_done_callback(ended)

    async def _handle(self, node: NodeAtWork, message: Message) -> None:
        type_, body = await self._answered(node, message)
        await self._finish(node, message, type_, body)

    async def _answered(self, node: NodeAtWork, message: Message) -> tuple[str, dict[str, Any]]:
        """The answer's type and body, or a sealed error's."""
        service, outcome = "", "refused"
        try:
            answering = (
                _Call(node, message) if message.type == REST_REQUEST else _Question(node, message)
            )
            service = answering.service
            client = self._clients.get((node.name, service))
            if client is None:
                raise FaultError(
                    f"{PROVIDER}.service_missing_url",
                    f"no address is known of the service {service!r:.80}",
                )
            if message.attempt > 1 and answering.method not in _AGAIN:
                raise FaultError(
                    f"{PROVIDER}.service_failed",
                    f"the gateway ended while it called the service by {answering.method}: whether "
                    "it was done is not known",
                )
            answer = await client.call(*answering.request())
            outcome = f"{answer.status // 100}xx"
            return answering.answer(answer)
        except CallError as error:
            log.warning("provider", subsystem=node.name, service=service, error=str(error))
            outcome = "garbage" if isinstance(error, GarbageError) else "unreachable"
            return ERROR_TYPE, _told(error)
        except FaultError as fault:
            return ERROR_TYPE, {"code": fault.code, "message": fault.message[:1000]}
        except PolicyError as error:
            return ERROR_TYPE, {"code": error.code, "message": error.message[:1000]}
        finally:
            known = service if (node.name, service) in self._clients else "unknown"
            self._gateway.metrics.calls(node.name, known, outcome).inc()

    async def _finish(
        self, node: NodeAtWork, message: Message, type_: str, body: dict[str, Any]
    ) -> None:
        """Send the answer; one that is refused here, as too large, is told as an error."""
        try:
            await node.done(node.desk.finish(message.entry, body, type=type_))
            return
        except XRoadError as error:
            log.warning("answer", subsystem=node.name, entry=message.entry, error=str(error))
            if type_ == ERROR_TYPE:
                return
            reason = (
                "is larger than a message may be" if "too_large" in error.code else "is not valid"
            )
        told = {"code": f"{PROVIDER}.service_failed", "message": f"the service's answer {reason}"}
        await self._finish(node, message, ERROR_TYPE, told)


class _Call:
    """A call of a REST service, as X-Road passes it on."""

    def __init__(self, node: NodeAtWork, message: Message) -> None:
        self._body = message.body
        self._message = message
        _, self.service, self._path = called(self._body["path"])
        if all(one.code != self.service for one in _services(node)):
            raise FaultError(
                f"{PROVIDER}.unknown_service", f"there is no {self.service!r:.80} here"
            )
        self.method: str = self._body["method"]
        try:
            self._content = calls.content_of(self._body)
        except ValueError:
            raise FaultError("client.bad_request", "the call's content is not base64") from None

    def request(self) -> tuple[str, str, str | None, calls.Headers, bytes]:
        """Method, path, query, headers and content of the request to the service."""
        if not calls.are_clean(self._body):
            raise FaultError("client.bad_request", "the call's headers hold control characters")
        headers = _of_source(self._body, self._message.source)
        trace = self._message.attributes.traceparent
        if trace is not None:
            headers.append((TRACEPARENT, trace))
        return self.method, self._path, self._body.get("query"), headers, self._content

    def answer(self, answer: Answer) -> tuple[str, dict[str, Any]]:
        """The service's answer, whatever it is, with the hash of what was asked."""
        return REST_RESPONSE, {
            "status": answer.status,
            "headers": calls.passed_on(answer.headers),
            "requestHash": calls.request_hash(self._body, self._content),
            **calls.content(answer.content),
        }


class _Question:
    """A request of a service of messages: a POST of its JSON, answered by JSON."""

    method = "POST"

    def __init__(self, node: NodeAtWork, message: Message) -> None:
        self._message = message
        found = [one for one in _services(node) if one.request == message.type]
        if not found:
            raise FaultError(f"{PROVIDER}.unknown_service", f"nothing is asked by {message.type}")
        self.service = found[0].code
        self._answers = found[0].answers_with

    def request(self) -> tuple[str, str, str | None, calls.Headers, bytes]:
        """As of a consumer's own call, with X-Road's headers from the seal."""
        sealed = self._message.attributes
        given = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Road-Client": sealed.source,
            "X-Road-Service": f"{sealed.recipient}/{self.service}",
            "X-Road-Id": sealed.id,
            "X-Road-UserId": sealed.userid,
            "X-Road-Issue": sealed.issue,
            "X-Road-Represented-Party": sealed.representedparty,
            TRACEPARENT: sealed.traceparent,
        }
        headers = [
            (name, value.encode().decode("latin-1")) for name, value in given.items() if value
        ]
        return "POST", "", None, headers, strict_json.dumps(self._message.body)

    def answer(self, answer: Answer) -> tuple[str, dict[str, Any]]:
        """The JSON of a good answer; any other is that the service failed."""
        if not 200 <= answer.status < 300:
            raise FaultError(
                f"{PROVIDER}.service_failed", f"the service answered with status {answer.status}"
            )
        try:
            return self._answers, strict_json.loads(answer.content)
        except strict_json.StrictJSONError:
            raise FaultError(
                f"{PROVIDER}.service_failed", "the service's answer is not JSON"
            ) from None


def _of_source(body: dict[str, Any], source: str) -> calls.Headers:
    """A call's headers, without those that say another client than the one who sealed it."""
    own = (source, source.rpartition("/")[0])
    found, named = [], False
    for one in body["headers"]:
        name, value = one["name"], one["value"]
        kind = name.lower()
        if kind in _NOT_CALLED or (kind == calls.CLIENT and _reads_as(value) not in own):
            continue
        named = named or kind == calls.CLIENT
        found.append((name, value))
    if not named:
        raise FaultError(
            f"{PROVIDER}.invalid_client_identifier",
            f"the call was sealed by {source}: its X-Road-Client says something else",
        )
    return found


def _reads_as(client: str) -> str:
    try:
        return str(MemberId.parse(client)) if client.count("/") == 2 else canonical(client)
    except IdentifierError:
        return ""


def _services(node: NodeAtWork) -> Sequence[Service]:
    party = node.node.snapshot.party(node.name)
    return () if party is None else party.subsystem.services


def _told(error: CallError) -> dict[str, Any]:
    """What a consumer is told: nothing of addresses inside the institution."""
    if isinstance(error, GarbageError):
        return {
            "code": f"{PROVIDER}.service_failed",
            "message": "the service's answer could not be read",
        }
    return {
        "code": f"{PROVIDER}.network_error",
        "message": "the service could not be reached, or did not answer in time",
    }


def _wanted(gateway: Gateway) -> dict[tuple[str, str], ProviderSettings | TrackerSettings]:
    """The addresses, and what is answered here, by subsystem and service."""
    found: dict[tuple[str, str], ProviderSettings | TrackerSettings] = {}
    listed: list[ProviderSettings | TrackerSettings] = [*gateway.settings.providers]
    for one in listed + gateway.settings.trackers:
        subsystem = one.subsystem or _only(list(gateway.nodes), one)
        if subsystem not in gateway.nodes:
            raise ConfigurationError(
                "config.provider", f"{one.service}: {subsystem} has no node here"
            )
        found[subsystem, one.service] = one
    return found


def _only(subsystems: Sequence[str], provider: ProviderSettings | TrackerSettings) -> str:
    if len(subsystems) != 1:
        raise ConfigurationError(
            "config.provider",
            f"there are {len(subsystems)} nodes: whose service is {provider.service}?",
            hint="name it with subsystem: in gateway.yaml",
        )
    return subsystems[0]
