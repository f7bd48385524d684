"""X-Road's metaservices: who there is, what they offer, what this client may call, and how.

Answered here from the registries that every node knows, its instance's own and those of trusted
ones; nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import Response

from xroad_lite import strict_json
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.xroad import shared_parameters
from xroad_lite.gateway.xroad.faults import PROVIDER, FaultError
from xroad_lite.identifiers import MemberId, SubsystemId
from xroad_lite.policy import REQUEST
from xroad_lite.registry import Party, Snapshot
from xroad_lite.registry.models import Endpoint, Service
from xroad_lite.registry.trusted import instance_of

Metaservice = Callable[[NodeAtWork, str, Request], Response]
_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")
_JSON = "application/json"


def list_clients(node: NodeAtWork, request: Request) -> Response:
    """``GET /listClients``: all members and their subsystems; XML unless JSON is asked for.

    Of this instance, or of the one that ``xRoadInstance`` names, if this one trusts it.
    """
    _only_get(request)
    instance = request.query_params.get("xRoadInstance", "").strip()
    snapshot = node.node.snapshot_of(instance) if instance else node.node.snapshot
    if snapshot is None:
        raise FaultError("client.bad_request", f"the instance {instance!r:.80} is not known here")
    found = list(_clients(snapshot))
    if _wants_json(request.headers.getlist("accept")):
        return Response(strict_json.dumps({"member": found}), media_type=f"{_JSON};charset=utf-8")
    return Response(_clients_as_xml(found), media_type="text/xml")


def verification_configuration(node: NodeAtWork, request: Request) -> Response:
    """``GET /verificationconf``: the same as files, of this instance and those that it trusts."""
    _only_get(request)
    own = node.node.snapshot
    others = (node.node.snapshot_of(name) for name in own.trusted)
    data = shared_parameters.archive(own, [one for one in others if one is not None])
    named = {"Content-Disposition": 'filename="verificationconf.zip"'}
    return Response(data, headers=named, media_type="application/zip")


BY_PATH: dict[str, Callable[[NodeAtWork, Request], Response]] = {
    "/listClients": list_clients,
    "/verificationconf": verification_configuration,
}
"""What is asked of no subsystem, but at a path of its own."""


def find(code: str, method: str) -> Metaservice | None:
    """The metaservice of this code, if it is one; they are asked by GET alone."""
    return _METASERVICES.get(code) if method == "GET" else None


def _list_methods(node: NodeAtWork, subsystem: str, _: Request) -> Response:
    """All services of a subsystem, with their endpoints."""
    services = _services(node, subsystem)
    return _json({"service": [_described(subsystem, one, one.endpoints) for one in services]})


def _allowed_methods(node: NodeAtWork, subsystem: str, _: Request) -> Response:
    """Those that this client may call, with the endpoints that its agreements list."""
    found = []
    for service in _services(node, subsystem):
        allowed = _allowed(node, subsystem, service)
        if allowed:
            found.append(_described(subsystem, service, allowed))
    return _json({"service": found})


def _get_openapi(node: NodeAtWork, subsystem: str, request: Request) -> Response:
    """The description of one service: the registry's file, else what its endpoints say."""
    given = [value for name, value in request.query_params.multi_items() if name.lower() == _CODE]
    code = given[-1] if given else ""
    if not code:
        raise FaultError(f"{PROVIDER}.invalid_request", "the parameter serviceCode is missing")
    service = next((one for one in _services(node, subsystem) if one.code == code), None)
    if service is None:
        raise FaultError(f"{PROVIDER}.unknown_service", f"{subsystem} has no service {code!r:.80}")
    if service.openapi and "://" not in service.openapi:
        data = _snapshot(node, subsystem).file(service.openapi)
        yaml = service.openapi.endswith((".yaml", ".yml"))
        return Response(data, media_type="text/yaml" if yaml else _JSON)
    return _json(_description(service))


_METASERVICES: dict[str, Metaservice] = {
    "listMethods": _list_methods,
    "allowedMethods": _allowed_methods,
    "getOpenAPI": _get_openapi,
}
_CODE = "servicecode"
"""The parameter's name, which may be written in any case."""


def _only_get(request: Request) -> None:
    if request.method != "GET":
        raise FaultError("client.bad_request", f"{request.url.path} is asked by GET")


def party(node: NodeAtWork, subsystem: str) -> Party | None:
    """The subsystem with this identifier, registered here or in an instance that is trusted."""
    snapshot = node.node.snapshot_of(instance_of(subsystem))
    return None if snapshot is None else snapshot.party(subsystem)


def _snapshot(node: NodeAtWork, subsystem: str) -> Snapshot:
    return node.node.snapshot_of(instance_of(subsystem)) or node.node.snapshot


def _services(node: NodeAtWork, subsystem: str) -> list[Service]:
    found = party(node, subsystem)
    return [] if found is None else list(found.subsystem.services)


def _allowed(node: NodeAtWork, subsystem: str, service: Service) -> list[Endpoint]:
    """The endpoints of a service in agreements that are in force and in which both stand.

    Of a service of messages, its one. What the other instance's registry says of an agreement with
    it, its gateway asks at the call.
    """
    snapshot, now = node.node.snapshot, node.node.now()
    found: dict[tuple[str, str], Endpoint] = {}
    for one in snapshot.agreements_for(REQUEST, subsystem, service.asked_by):
        if one.consumer is None or not snapshot.parties.stands_for(one.consumer, node.name):
            continue
        force = snapshot.force(one)
        if isinstance(force, str) or not force.start <= now < force.until:
            continue
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
    elsewhere = {"externalDocs": {"url": service.openapi}} if service.openapi else {}
    return {"openapi": "3.1.0", "info": info, "paths": paths, **elsewhere}


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
            title = one.title.get("en") or next(iter(one.title.values()), None)
            called = {"subsystem_name": title} if title else {}
            yield {"id": id_, "name": name, **called}


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
        names_of = f"<xrd:name>{escape(client['name'])}</xrd:name>"
        if "subsystem_name" in client:
            names_of += f"<xrd:subsystemName>{escape(client['subsystem_name'])}</xrd:subsystemName>"
        members.append(
            f"<xrd:member><xrd:id id:objectType={kind}>{parts}</xrd:id>{names_of}</xrd:member>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<xrd:clientList xmlns:xrd="http://x-road.eu/xsd/xroad.xsd"'
        ' xmlns:id="http://x-road.eu/xsd/identifiers">' + "".join(members) + "</xrd:clientList>"
    )


def _wants_json(accept: Iterable[str]) -> bool:
    """Whether JSON is among what is accepted, as security servers ask it: weights do not count."""
    wanted = ",".join(accept).split(",")
    return any(one.partition(";")[0].strip().lower() == _JSON for one in wanted)


def _json(value: Any) -> Response:
    return Response(strict_json.dumps(value), media_type=_JSON)
