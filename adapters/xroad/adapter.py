"""X-Road beside the bus: REST services behind a security server answer requests of the bus.

A request becomes ``METHOD /r1/{service}{path}`` with X-Road's headers; the JSON answer is sealed as
the reply. X-Road's own consumers reach the bus by the gateway.
"""

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlencode

from xroad_lite import Columns, Message, Node, RejectedError, XRoadError, call_http, run_adapter

LATER = ("service_failed", "network_error", "timeout", "maintenance_mode", "io_error")
HEADERS = {"userid": "UserId", "issue": "Issue", "representedparty": "Represented-Party"}
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
CALLS = "CREATE TABLE IF NOT EXISTS xroad_calls (id TEXT, request_id TEXT, request_hash TEXT)"


@dataclass(frozen=True)
class Service:
    """A request type, and the REST service of X-Road that answers it.

    ``{a.b}`` in ``path`` and ``query`` is what stands at that path in the request's body.
    """

    type: str
    service: str
    method: str = "GET"
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None
    reads: str | None = None


@dataclass(frozen=True)
class Configuration:
    """What adapter.yaml says; README.md explains it."""

    node: str
    security_server: str
    services: list[Service]
    client: str | None = None
    target_server: str | None = None
    timeout: float = 30.0
    every: float = 60.0
    tls: dict[str, str] = field(default_factory=dict)


class XRoadAdapter:
    """The node and the security server, joined as the configuration says."""

    def __init__(self, node: Node, configuration: Configuration) -> None:
        self.configuration = configuration
        self.client = configuration.client or str(node.id)
        with node.transaction() as effects:
            effects.sql(CALLS)
        for one in configuration.services:
            if len(one.service.split("/")) != 5 or not all(one.service.split("/")):
                text = f"got {one.service}: expected instance/class/member/subsystem/service"
                raise XRoadError("xroad.service", text)
            node.serve(one.type, reads=one.reads)(partial(self.answer, one))

    def poll(self) -> int:
        """Nothing is looked for: requests come by themselves."""
        return 0

    def answer(self, one: Service, message: Message) -> Any:
        """Ask the service; gives the reply. What may pass later, the node tries again."""
        body = json.dumps(message.body).encode() if one.method in ("POST", "PUT", "PATCH") else None
        server, limit = self.configuration.security_server.rstrip("/"), self.configuration.timeout
        headers, tls = self.headers(message, body is not None), self.configuration.tls
        url = server + address(one, message.body)
        answer = call_http(one.method, url, headers=headers, body=body, timeout=limit, **tls)
        if "x-road-error" in answer.headers:
            raise fault(answer.headers["x-road-error"], answer.body)
        service = unquote(answer.headers.get("x-road-service", ""))
        if (answer.headers.get("x-road-id"), service) != (message.id, one.service):
            raise XRoadError("xroad.answer", f"{server} answered no X-Road request of this id")
        if answer.status != 200:
            kind = XRoadError if answer.status >= 500 else RejectedError
            raise kind("xroad.status", f"{one.service} answered {answer.status}")
        call = [answer.headers.get(f"x-road-request-{name}") for name in ("id", "hash")]
        message.sql("INSERT INTO xroad_calls VALUES (?, ?, ?)", (message.id, *call))
        try:
            found = json.loads(answer.body)
        except ValueError:
            raise RejectedError("xroad.answer", f"{one.service} answered no JSON") from None
        mapping = Columns.of(one.columns, one.constants) if one.columns else None
        return found if mapping is None else mapping.body(found, sparse=True)

    def headers(self, message: Message, has_body: bool) -> dict[str, str]:
        """X-Road's headers: who asks, by which id, for whom and why."""
        sealed, more = message.attributes.to_dict(), {}
        if self.configuration.target_server:
            more["X-Road-Security-Server"] = quote(self.configuration.target_server)
        for name, header in HEADERS.items():
            if name in sealed:
                more[f"X-Road-{header}"] = quote(sealed[name], safe=PRINTABLE)
        more |= {"traceparent": sealed["traceparent"]} if "traceparent" in sealed else {}
        more |= {"Content-Type": "application/json"} if has_body else {}
        asked = {"X-Road-Client": quote(self.client), "X-Road-Id": message.id}
        return asked | {"Accept": "application/json"} | more


def address(one: Service, body: Any) -> str:
    """``/r1/…`` with what the request says in its places."""

    def filled(text: str) -> str:
        return re.sub(r"\{([^{}]+)\}", lambda found: segment(body, found[1]), text)

    query = urlencode({name: unquote(filled(value)) for name, value in one.query.items()})
    return f"/r1/{quote(one.service)}{filled(one.path)}" + (f"?{query}" if query else "")


def segment(body: Any, place: str) -> str:
    """What stands at a place, as it may stand in a path: never as a way out of it."""
    value = Columns.at(body, place)
    text = str(value)
    if value is None or isinstance(value, dict | list) or text in ("", ".", ".."):
        raise RejectedError("xroad.request", f"nothing to ask with at {place}")
    return quote(text, safe="")


def fault(kind: str, body: bytes) -> XRoadError:
    """X-Road's own error, ``type`` and ``message``, as an error that is final or is not."""
    try:
        found = json.loads(body)
        text = f"{found['type']}: {found['message']} ({found['detail']})"
    except (ValueError, LookupError, TypeError):
        text = kind
    error = XRoadError if any(word in kind for word in LATER) else RejectedError
    return error("xroad.fault", text)


if __name__ == "__main__":
    run_adapter(XRoadAdapter, Configuration)
