"""Schemas as components of one document: references between them lead inside it.

Does not change what a schema means. AsyncAPI and OpenAPI keep schemas below
``#/components/schemas``, so a reference to ``#/$defs/x`` of a schema must say where that schema is.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urldefrag, urljoin

from xroad_lite.schema.references import BASE
from xroad_lite.stewardship.catalogue.offers import Catalogue, TypeOffer, as_json_schema

_PLACE: Final = "#/components/schemas/"
_DATA: Final = ("enum", "const", "default", "examples", "x-jsonld-context")
_NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def key_of(type_: str, version: int) -> str:
    """A component's key: ``citizens.person.1``."""
    return f"{type_}.{version}"


def reference_to(type_: str, version: int) -> dict[str, str]:
    """A reference to a component."""
    return {"$ref": f"{_PLACE}{key_of(type_, version)}"}


def schemas(catalogue: Catalogue, *, avro: bool) -> dict[str, Any]:
    """All usable versions by key; Avro ones as the JSON Schema of the same values if ``avro``."""
    offers = [one for one in catalogue.types if avro or one.subject.kind == "json"]
    addresses: dict[str, str] = {}
    for offer in offers:
        for version in offer.versions:
            addresses[version.iri] = key_of(offer.type, version.version)
            name = f"{offer.type.replace('.', '/', 1)}/{version.version}"
            addresses[BASE + name] = key_of(offer.type, version.version)
            for base in (version.iri, BASE):
                if isinstance(own := _own_id(version.document), str):
                    joined = urldefrag(_joined(base, own)).url
                    addresses.setdefault(joined, key_of(offer.type, version.version))
    return {
        key_of(offer.type, one.version): _relocated(
            as_json_schema(one), _bases(one.document, one.iri), key_of(offer.type, one.version),
            addresses,
        )
        for offer in offers
        for one in offer.versions
    }  # fmt: skip


def _own_id(document: Any) -> Any:
    return document.get("$id") if isinstance(document, dict) else None


def _bases(document: Any, iri: str) -> tuple[str, ...]:
    own = _own_id(document)
    return (_joined(BASE, own), iri) if isinstance(own, str) else (iri, BASE)


def _relocated(schema: Any, bases: tuple[str, ...], key: str, addresses: dict[str, str]) -> Any:
    if isinstance(schema, list):
        return [_relocated(one, bases, key, addresses) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for word, value in schema.items():
        if word in ("$id", "$schema", "$anchor", "$dynamicAnchor", "$comment"):
            continue
        if word in ("$ref", "$dynamicRef") and isinstance(value, str):
            found["$ref"] = _target(value, bases, key, addresses)
        elif word in _NAMED and isinstance(value, dict):
            found[word] = {
                name: _relocated(one, bases, key, addresses) for name, one in value.items()
            }
        else:
            found[word] = value if word in _DATA else _relocated(value, bases, key, addresses)
    return found


def _target(reference: str, bases: tuple[str, ...], key: str, addresses: dict[str, str]) -> str:
    name, fragment = urldefrag(reference)
    pointer = fragment if fragment.startswith("/") else ""
    if not name:
        return f"{_PLACE}{key}{pointer}"
    for base in bases:
        joined = urldefrag(_joined(base, name)).url
        if joined in addresses:
            return f"{_PLACE}{addresses[joined]}{pointer}"
    return reference


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def usable(catalogue: Catalogue) -> dict[str, TypeOffer]:
    """The types that have a version in use, by name."""
    return {one.type: one for one in catalogue.types if one.versions}
