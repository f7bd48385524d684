"""Makes a target schema out of a vocabulary, terms as arrays. Does not choose between cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import bind
from xroad_lite.semantics.names import short
from xroad_lite.semantics.plan import Read
from xroad_lite.semantics.routes import Search
from xroad_lite.semantics.vocabulary import Vocabulary

_MAX_DEPTH = 4


def open_target(
    source: Mapping[str, Any], namespace: str, vocabulary: Vocabulary
) -> dict[str, Any]:
    """A schema document in the terms of ``namespace``, for a receiver that has no schema.

    It has one array for each term that some field of ``source`` leads to, named by the last part of
    its IRI. An array takes all values of broader cells that tie.
    """
    search = Search(bind(json_schema_of(source), vocabulary.unknown), vocabulary)
    firsts = {cell.target[0] for cell in vocabulary.cells if len(cell.target) == 1}
    terms = sorted(t for t in firsts if isinstance(t, str) and t.startswith(namespace))
    return _object(search, terms, 0, 0)


def _object(search: Search, terms: list[str], shape: int, depth: int) -> dict[str, Any]:
    context: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for term in terms:
        routes = search.routes(shape, (term,))
        if not routes:
            continue
        key = short(term) if short(term) not in properties else term
        context[key] = {"@id": term, "@container": "@list"}
        best = routes[0].expression
        inside = best.end.shape if isinstance(best, Read) else None
        items: dict[str, Any] = {"type": ["string", "number", "boolean"]}
        if inside is not None:
            items = _object(search, terms, inside, depth + 1) if depth < _MAX_DEPTH else {}
        properties[key] = {"type": "array", "items": items}
    return {"type": "object", "x-jsonld-context": context, "properties": properties}
