"""Finds the required fields of a schema that a projection would remove; does not project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xroad_lite.schema.pointers import pointer
from xroad_lite.schema.projection import Fields
from xroad_lite.schema.references import Documents, Place, referred

_Path = tuple[str, ...]


def missing_json(document: Any, resources: Mapping[str, Any], tree: Fields) -> Iterator[str]:
    """The missing fields of a JSON Schema, by what surely applies along the fields' own paths."""
    documents = Documents(document, resources)
    yield from _missing(documents, [documents.root], tree, ())


def _missing(documents: Documents, places: list[Place], tree: Fields, path: _Path) -> Iterator[str]:
    if tree.whole:
        return
    applied = _applied(documents, places)
    for place in applied:
        for name in place.keywords().get("required", ()):
            if name not in tree.children:
                yield pointer((*path, name))
    for name, below in tree.children.items():
        yield from _missing(documents, _named(applied, name), below, (*path, name))
    if (item := tree.item()) is not None:
        yield from _missing(documents, _items(applied), item, (*path, "*"))


def _applied(documents: Documents, places: list[Place]) -> list[Place]:
    found: dict[tuple[int, str], Place] = {}
    pending = list(places)
    while pending:
        place = pending.pop()
        if not isinstance(place.schema, dict) or (id(place.schema), place.base) in found:
            continue
        found[id(place.schema), place.base] = place
        counted = place.keywords()
        pending += [b for word, _, b in place.subschemas() if word == "allOf" and word in counted]
        if (target := referred(documents, place)) is not None:
            pending.append(target)
    return list(found.values())


def _named(places: list[Place], name: str) -> list[Place]:
    return [
        below
        for place in places
        for word, key, below in place.subschemas()
        if word == "properties" and key == name and word in place.keywords()
    ]


def _items(places: list[Place]) -> list[Place]:
    return [
        below
        for place in places
        for word, _, below in place.subschemas()
        if word == "items" and word in place.keywords()
    ]


def missing_avro(document: Any, resources: Mapping[str, Any], tree: Fields) -> Iterator[str]:
    """The missing fields of an Avro schema: without default, and of a type without null."""
    from xroad_lite.schema.avro_projection import removed_without_default

    for path in removed_without_default(document, resources, tree):
        yield pointer(path)
