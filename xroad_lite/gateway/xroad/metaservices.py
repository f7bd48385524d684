"""X-Road's metaservices: who there is, what they offer, what this client may call, and how.

Answered here from the registry, which every node knows; nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import Response

from xroad_lite import strict_json
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.xroad.faults import PROVIDER, FaultError
from xroad_lite.identifiers import MemberId, SubsystemId
from xroad_lite.policy import REQUEST
from xroad_lite.registry import Snapshot
from xroad_lite.registry.models import Endpoint, Service

Metaservice = Callable[[NodeAtWork, str, Request], Response]
_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")


def list_clients(snapshot: Snapshot, request: Request) -> Response:
    """``GET /listClients``: all members and their subsystems; XML unless JSON is asked for."""
    _only_get(request)
    instance = request.query_params.get("xRoadInstance")
    if instance not in (None, snapshot.instance.instance):
        raise FaultError("client.bad_request", f"the instance {instance!r:.80} is not known here")
    found = list(_clients(snapshot))
    if "json" in request.headers.get("accept", "").lower():
        return _json({"member": found})
    return Response(_clients_as_xml(found), media_type="text/xml")


def find(code: str) -> Metaservice | None:
    """The metaservice of this code, if it is one."""
    return _METASERVICES.get(code)


def _list_methods(node: NodeAtWork, subsystem: str, request: Request) -> Response:
    """All services of REST endpoints of a subsystem."""
    _only_get(request)
    services = _services(node.node.snapshot, subsystem)
    return _json({"service": [_described(subsystem, one, one.endpoints) for one in services]})


def _allowed_methods(node: NodeAtWork, subsystem: str, request: Request) -> Response:
    """Those that this client may call, with the endpoints that its agreements list."""
    _only_get(request)
    snapshot = node.node.snapshot
    found = []
    for service in _services(snapshot, subsystem):
        allowed = _allowed(snapshot, subsystem, node.name, service)
        if allowed:
            found.append(_described(subsystem, service, allowed))
    return _json({"service": found})


def _get_openapi(node: NodeAtWork, subsystem: str, request: Request) -> Response:
    """The description of one service: the registry's file, else what its endpoints say."""
    _only_get(request)
    code = request.query_params.get("serviceCode", "")
    if not code:
        raise FaultError("client.bad_request", "the parameter serviceCode is missing")
    snapshot = node.node.snapshot
    service = next((one for one in _services(snapshot, subsystem) if one.code == code), None)
    if service is None:
        raise FaultError(f"{PROVIDER}.unknown_service", f"{subsystem} has no service {code!r:.80}")
    if service.openapi and "://" not in service.openapi:
        data = snapshot.file(service.openapi)
        yaml = service.openapi.endswith((".yaml", ".yml"))
        return Response(data, media_type="text/yaml" if yaml else "application/json")
    return _json(_description(service))


_METASERVICES: dict[str, Metaservice] = {
    "listMethods": _list_methods,
    "allowedMethods": _allowed_methods,
    "getOpenAPI": _get_openapi,
}


def _only_get(request: Request) -> None:
    if request.method != "GET":
        raise FaultError("client.bad_request", "a metaservice is asked by GET")


def _services(snapshot: Snapshot, subsystem: str) -> list[Service]:
    party = snapshot.party(subsystem)
    return [] if party is None else list(party.subsystem.services)


def _allowed(snapshot: Snapshot, subsystem: str, client: str, service: Service) -> list[Endpoint]:
    """The endpoints that agreements in which both stand list of a service; of messages, its one."""
    standing = snapshot.parties.standing
    found: dict[tuple[str, str], Endpoint] = {}
    for one in snapshot.agreements_for(REQUEST, subsystem, service.asked_by):
        if one.consumer is not None and client in standing(one.consumer):
            listed = one.endpoints.get(service.code, []) if service.request is None else _POST
            found |= {(each.method, each.path): each for each in listed}
    return list(found.values())


_POST = [Endpoint(method="POST", path="/")]
"""How a service of messages is asked."""


def _described(subsystem: str, service: Service, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """A service as security servers describe it."""
    identifier = SubsystemId.parse(subsystem)
    listed = list(endpoints) if service.request is None else _POST
    return {
        "member_class": identifier.member_class,
        "member_code": identifier.member_code,
        "object_type": "SERVICE",
        "service_code": service.code,
        "service_type": "OPENAPI" if service.openapi else "REST",
        "subsystem_code": identifier.subsystem_code,
        "xroad_instance": identifier.instance,
        "endpoint_list": [{"method": one.method, "path": one.path} for one in listed],
    }


def _description(service: Service) -> dict[str, Any]:
    """OpenAPI of a service whose endpoints are all that the registry says."""
    paths: dict[str, Any] = {}
    for one in service.endpoints if service.request is None else _POST:
        methods = _METHODS if one.method == "*" else (one.method,)
        names: list[str] = []
        steps = []
        for step in one.path.split("/"):
            if step in ("*", "**"):
                names.append(f"segment{len(names) + 1}")
                step = f"{{{names[-1]}}}"
            steps.append(step)
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
        operation = {"responses": {"default": {"description": "The provider's answer."}}}
        item = paths.setdefault("/".join(steps), {})
        for method in methods:
            item[method.lower()] = {**operation, **({"parameters": parameters} if names else {})}
    title = service.title.get("en") or next(iter(service.title.values()), service.code)
    info = {"title": title, "version": service.version or "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _clients(snapshot: Snapshot) -> Iterable[dict[str, Any]]:
    for member in snapshot.members:
        identifier = MemberId.parse(member.member)
        name = member.name.get("en") or next(iter(member.name.values()), member.member)
        whose = {
            "member_class": identifier.member_class,
            "member_code": identifier.member_code,
            "xroad_instance": identifier.instance,
        }
        yield {"id": {**whose, "object_type": "MEMBER"}, "name": name}
        for one in member.subsystems:
            id_ = {**whose, "object_type": "SUBSYSTEM", "subsystem_code": one.code}
            yield {"id": id_, "name": name}


def _clients_as_xml(clients: list[dict[str, Any]]) -> str:
    names = {
        "xroad_instance": "xRoadInstance",
        "member_class": "memberClass",
        "member_code": "memberCode",
        "subsystem_code": "subsystemCode",
    }
    members = []
    for client in clients:
        id_ = client["id"]
        parts = "".join(
            f"<id:{tag}>{escape(id_[name])}</id:{tag}>"
            for name, tag in names.items()
            if name in id_
        )
        kind = quoteattr(id_["object_type"])
        members.append(
            f"<xrd:member><xrd:id id:objectType={kind}>{parts}</xrd:id>"
            f"<xrd:name>{escape(client['name'])}</xrd:name></xrd:member>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<xrd:clientList xmlns:xrd="http://x-road.eu/xsd/xroad.xsd"'
        ' xmlns:id="http://x-road.eu/xsd/identifiers">' + "".join(members) + "</xrd:clientList>"
    )


def _json(value: Any) -> Response:
    return Response(strict_json.dumps(value), media_type="application/json")
