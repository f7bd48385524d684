"""The catalogue's services in OpenAPI 3.1, below X-Road's path ``/r1/…``; serves nothing.

A service of messages is one POST; a service of endpoints has its methods and paths.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

from xroad_lite.registry.models import Endpoint
from xroad_lite.stewardship.catalogue import components
from xroad_lite.stewardship.catalogue.offers import Catalogue, ServiceOffer, TypeOffer, text

_ANY: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_CLIENT: Final = {
    "name": "X-Road-Client",
    "in": "header",
    "required": True,
    "description": "The subsystem that asks: INSTANCE/CLASS/MEMBER/SUBSYSTEM.",
    "schema": {"type": "string"},
}
_ERROR: Final = {
    "type": "object",
    "required": ["type", "message"],
    "properties": {
        "type": {"type": "string"},
        "message": {"type": "string"},
        "detail": {"type": "string"},
    },
}


def openapi(catalogue: Catalogue) -> str:
    """The document as JSON."""
    return json.dumps(document(catalogue), indent=2, ensure_ascii=False) + "\n"


def document(catalogue: Catalogue) -> dict[str, Any]:
    """The document as a value."""
    usable = components.usable(catalogue)
    paths: dict[str, Any] = {}
    for offer in catalogue.services:
        for path, item in _paths(catalogue, offer, usable).items():
            paths.setdefault(path, {}).update(item)
    tags = [
        {"name": one.member, "description": f"{text(one.name)}: {one.contact}"}
        for one in catalogue.members
        if any(subsystem.services for subsystem in one.subsystems)
    ]
    schemas = components.schemas(catalogue, avro=True)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": text(catalogue.instance.title) or catalogue.instance.instance,
            "version": str(catalogue.snapshot.edition.version),
            "description": "Services of institutions, as asked through the own gateway.",
        },
        "servers": [{"url": "/", "description": "The gateway beside you."}],
        "tags": tags,
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**schemas, "xroad-error": _ERROR},
            "parameters": {"X-Road-Client": _CLIENT},
        },
    }


def _paths(
    catalogue: Catalogue, offer: ServiceOffer, usable: dict[str, TypeOffer]
) -> dict[str, Any]:
    segments = [*str(offer.identifier).split("/"), *offer.code.split("/")]
    root = "/r1/" + "/".join(quote(one, safe="").replace("{", "%7B") for one in segments)
    request, response = offer.service.request, offer.service.response
    found: dict[str, Any] = {}
    if request in usable and response in usable:
        asked, answered = usable[request], usable[response]
        operation = _operation(catalogue, offer, "post", "")
        operation["requestBody"] = {
            "required": True,
            "content": _content(asked),
        }
        operation["responses"]["200"] = {
            "description": text(answered.title),
            "content": _content(answered),
        }
        found[root] = {"post": operation}
    for endpoint in offer.service.endpoints:
        path, parameters = _templated(endpoint)
        methods = _ANY if endpoint.method == "*" else (endpoint.method.lower(),)
        for method in methods:
            operation = _operation(catalogue, offer, method, path)
            operation["parameters"] += parameters
            if endpoint.title:
                operation["summary"] = text(endpoint.title)
            found.setdefault(root + path, {}).setdefault(method, operation)
    return found


def _operation(catalogue: Catalogue, offer: ServiceOffer, method: str, path: str) -> dict[str, Any]:
    service = offer.service
    agreements = catalogue.agreements_for(offer)
    name = re.sub(r"[^A-Za-z0-9]+", "-", f"{offer.identifier} {offer.code} {method} {path}")
    failed = {"application/json": {"schema": {"$ref": "#/components/schemas/xroad-error"}}}
    found: dict[str, Any] = {
        "operationId": name.strip("-"),
        "tags": [offer.member.member],
        "summary": text(service.title or offer.subsystem.title) or offer.code,
        "parameters": [{"$ref": "#/components/parameters/X-Road-Client"}],
        "responses": {
            "200": {"description": "The answer."},
            "default": {"description": "A refusal, with its reason.", "content": failed},
        },
        "x-title": dict(service.title),
        "x-agreements": [catalogue.snapshot.agreement_iri(one) for one in agreements],
    }
    if service.description:
        found["description"] = text(service.description)
    if service.openapi and "://" in service.openapi:
        found["externalDocs"] = {"url": service.openapi}
    return found


def _content(offer: TypeOffer) -> dict[str, Any]:
    reference = components.reference_to(offer.type, offer.versions[-1].version)
    return {"application/json": {"schema": reference}}


def _templated(endpoint: Endpoint) -> tuple[str, list[dict[str, Any]]]:
    """The path with names for its wildcards, and the parameters of these names."""
    steps: list[str] = []
    parameters: list[dict[str, Any]] = []
    for step in endpoint.path.strip("/").split("/"):
        if step in ("*", "**"):
            name = f"{'rest' if step == '**' else 'segment'}{len(parameters) + 1}"
            steps.append(f"{{{name}}}")
            parameters.append(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            )
        elif step:
            steps.append(step.replace("{", "%7B").replace("}", "%7D"))
    return "".join(f"/{step}" for step in steps) or "/", parameters
