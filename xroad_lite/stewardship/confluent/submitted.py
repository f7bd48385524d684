"""A schema as a client submits it, and the registered version that is the same; writes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from xroad_lite import strict_json
from xroad_lite.errors import XRoadError
from xroad_lite.registry import SchemaVersion
from xroad_lite.registry.linking import linked
from xroad_lite.registry.models import Reference
from xroad_lite.registry.schema_ids import fingerprint
from xroad_lite.schema import compile_schema
from xroad_lite.stewardship.confluent.answers import Refusal, Request, invalid_schema
from xroad_lite.stewardship.confluent.catalogue import SCHEMA_TYPES, Catalogue
from xroad_lite.stewardship.confluent.normal_form import normal_form

_KINDS = {name: kind for kind, name in SCHEMA_TYPES.items()}
_NOT_KEPT = ("metadata", "ruleSet", "schemaTagsToAdd", "schemaTagsToRemove")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A parsed document with what it refers to; ``document`` is linked, ``written`` is not."""

    kind: str
    written: Any
    document: Any
    references: tuple[Reference, ...]

    def check(self, catalogue: Catalogue) -> None:
        """42201 where the document is no schema."""
        try:
            compile_schema(
                self.document, self.kind, resources=catalogue.snapshot.schema_resources(self.kind)
            )
        except XRoadError as error:
            raise invalid_schema(error.message) from None


def submitted(request: Request, catalogue: Catalogue) -> Submitted:
    """The schema in a request's body; 42201 where it, or what it refers to, cannot be read."""
    body = request.json()
    for name in _NOT_KEPT:
        if body.get(name):
            raise invalid_schema(f"{name} is not kept by this registry: leave it out")
    kind = _kind(body)
    written = _written(body)
    references = _references(body, catalogue)
    snapshot = catalogue.snapshot
    try:
        document = linked(
            written,
            kind,
            references,
            iri=snapshot.schema_iri,
            read=snapshot.schema_resources(kind).named,
        )
    except XRoadError as error:
        raise invalid_schema(error.message) from None
    return Submitted(kind, written, document, references)


def _kind(body: dict[str, Any]) -> str:
    name = body.get("schemaType") or "AVRO"
    if not isinstance(name, str) or name not in _KINDS:
        raise invalid_schema(f"schemaType is {str(name)[:40]!r}: expected AVRO or JSON")
    return _KINDS[name]


def _written(body: dict[str, Any]) -> Any:
    text = body.get("schema")
    if not isinstance(text, str) or not text.strip():
        raise invalid_schema("schema is missing: expected the schema as a JSON text")
    try:
        return strict_json.loads(text.encode())
    except (strict_json.StrictJSONError, UnicodeEncodeError) as error:
        raise invalid_schema(f"the schema is no JSON: {error}") from None


def _references(body: dict[str, Any], catalogue: Catalogue) -> tuple[Reference, ...]:
    listed = body.get("references") or []
    if not isinstance(listed, list):
        raise invalid_schema("references is no list")
    found: dict[str, Reference] = {}
    for one in listed:
        reference = _reference(one, catalogue)
        if found.setdefault(reference.name, reference) != reference:
            raise invalid_schema(f"two references have the name {reference.name[:80]!r}")
    return tuple(found.values())


def _reference(one: Any, catalogue: Catalogue) -> Reference:
    try:
        subject, version = str(one["subject"]), one["version"]
        if version == -1:
            version = catalogue.version(subject, "latest").version
        type_ = catalogue.type_of(subject) or subject
        return Reference.model_validate({"name": one["name"], "type": type_, "version": version})
    except (KeyError, TypeError, ValidationError):
        raise invalid_schema(
            f"the reference {str(one)[:200]} is wrong: expected name, subject and version"
        ) from None
    except Refusal as refusal:
        raise invalid_schema(refusal.message) from None


def registered(
    versions: list[SchemaVersion], asked: Submitted, *, normalize: bool
) -> SchemaVersion | None:
    """The newest of these versions that is the submitted one.

    A document without references is also the one that was registered with some: clients look up the
    text that they have.
    """
    content = fingerprint(asked.kind, asked.written, asked.references)
    mine, text = _canonical(asked.document), _canonical(asked.written)
    normal = normal_form(asked.document, asked.kind) if normalize else None
    for one in reversed(versions):
        if one.kind != asked.kind:
            continue
        if one.content == content or _canonical(one.document) == mine:
            return one
        if not asked.references and _canonical(one.written) == text:
            return one
        if normalize and normal_form(one.document, one.kind) == normal:
            return one
    return None


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True)
