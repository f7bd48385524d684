"""Checks what agreements list of REST services: that they allow what their authors meant.

What is not listed is allowed by nobody, so a slip here closes a service and opens none. Does not
match calls: ``registry.endpoints`` does.
"""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite.policy import REQUEST
from xroad_lite.registry.models import REST_REQUEST, Agreement, Service
from xroad_lite.registry.yaml_values import Path
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_EXAMPLE = "as in endpoints: {persons: [{method: GET, path: /persons/*}]}"


def check_endpoints(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    """An agreement about REST services lists endpoints, of services that there are."""
    at: Path = ("endpoints",)
    asks = agreement.operation == REQUEST and REST_REQUEST in agreement.types
    if not asks:
        if agreement.endpoints:
            message = f"endpoints are of no use without the operation {REQUEST} of {REST_REQUEST}"
            yield Finding(path, "registry.unused_endpoints", message, "warning", at=at)
        return
    listed = [rule for rules in agreement.endpoints.values() for rule in rules]
    if not listed:
        message = "it lists no endpoints, and so allows no call of a REST service at all"
        hint = f"list what may be called, {_EXAMPLE}"
        yield Finding(path, "registry.no_endpoints", message, "warning", hint=hint, at=("types",))
    offered = _offered(reading, agreement)
    for code, rules in agreement.endpoints.items():
        if offered is not None:
            yield from _service(path, agreement, code, offered.get(code))
        for index, rule in enumerate(rules):
            if "{" in rule.path:
                message = f"{rule.path} stands for itself: any one segment is a *, not a name"
                place = (*at, code, index, "path")
                yield Finding(path, "registry.endpoint_braces", message, "warning", at=place)


def _service(
    path: str, agreement: Agreement, code: str, service: Service | None
) -> Iterator[Finding]:
    at: Path = ("endpoints", code)
    if service is None:
        message = f"{agreement.provider} has no service {code}"
        hint = "list it below services: of that subsystem, with its endpoints"
        yield Finding(path, "registry.unknown_service", message, "warning", hint=hint, at=at)
    elif service.request is not None:
        message = f"{code} is asked by {service.request}, and has no endpoints"
        hint = f"list {service.request} below types: instead"
        yield Finding(path, "registry.unused_endpoints", message, "warning", hint=hint, at=at)


def _offered(reading: Reading, agreement: Agreement) -> dict[str, Service] | None:
    """The services of all who stand for the provider; None for another instance's."""
    if not reading.parties.is_own(agreement.provider):
        return None
    found: dict[str, Service] = {}
    for provider in sorted(reading.parties.standing(agreement.provider)):
        party = reading.parties.get(provider)
        found |= {one.code: one for one in party.subsystem.services} if party else {}
    return found
