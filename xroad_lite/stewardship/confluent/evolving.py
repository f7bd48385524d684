"""Whether a schema goes together with earlier versions of its subject, and by which mode."""

from __future__ import annotations

from typing import Any

from xroad_lite.errors import XRoadError
from xroad_lite.registry import SchemaVersion
from xroad_lite.schema import check_compatibility
from xroad_lite.stewardship.confluent.answers import Request, invalid_schema, no_version
from xroad_lite.stewardship.confluent.catalogue import (
    SCHEMA_TYPES,
    Catalogue,
    alive,
    checked_type,
    version_number,
)
from xroad_lite.stewardship.confluent.submitted import Submitted, submitted

DEFAULT_MODE = "BACKWARD"
"""By which a subject evolves that names no mode of its own."""


def compatible_with(
    request: Request, catalogue: Catalogue, subject: str, number: str
) -> dict[str, Any]:
    """Whether the submitted schema goes together with one version, by the subject's mode."""
    wanted = version_number(number)
    known = catalogue.versions.get(catalogue.type_of(subject) or "", [])
    earlier = (
        alive(known)[-1:] if wanted is None else [v for v in alive(known) if v.version == wanted]
    )
    if wanted is not None and not earlier:
        raise no_version(number)
    return _judged(request, catalogue, subject, earlier)


def compatible(request: Request, catalogue: Catalogue, subject: str) -> dict[str, Any]:
    """Whether the submitted schema could be registered: against all that the mode compares."""
    known = alive(catalogue.versions.get(catalogue.type_of(subject) or "", []))
    transitive = mode_of(catalogue, subject).endswith("_TRANSITIVE")
    return _judged(request, catalogue, subject, known if transitive else known[-1:])


def mode_of(catalogue: Catalogue, subject: str) -> str:
    """By which mode a subject evolves."""
    found = catalogue.subject(catalogue.type_of(subject) or "")
    return found.compatibility.upper() if found else DEFAULT_MODE


def findings(
    catalogue: Catalogue, asked: Submitted, earlier: list[SchemaVersion], mode: str
) -> list[str]:
    """Why a schema does not go together with earlier versions, in words."""
    other = next((one for one in earlier if one.kind != asked.kind), None)
    if other is not None:
        return [f"version {other.version} is {SCHEMA_TYPES[other.kind]}: a subject has one type"]
    resources = catalogue.snapshot.schema_resources(asked.kind)
    try:
        found = [
            reason
            for one in earlier
            for reason in check_compatibility(
                asked.document, one.document, asked.kind, mode, resources=resources
            )
        ]
    except XRoadError as error:
        raise invalid_schema(error.message) from None
    return list(dict.fromkeys(map(str, found)))


def _judged(
    request: Request, catalogue: Catalogue, subject: str, earlier: list[SchemaVersion]
) -> dict[str, Any]:
    checked_type(subject, catalogue)
    asked = submitted(request, catalogue)
    asked.check(catalogue)
    messages = findings(catalogue, asked, earlier, mode_of(catalogue, subject))
    answer: dict[str, Any] = {"is_compatible": not messages}
    if request.flag("verbose"):
        answer["messages"] = messages
    return answer
