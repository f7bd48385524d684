"""Puts in place of the names that a schema gives to other schemas what they stand for.

A version may list ``references``: a name that its document uses, and the type and version that it
means. Linked, a document needs the list no more: in JSON Schema the names become IRIs, in Avro the
declarations stand where they are first used. Does not resolve or check what is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urldefrag, urljoin

from xroad_lite.registry.models import Reference

_VALUES = {"enum", "const", "default", "examples"}
_NAMED = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
_DECLARING = {"record", "error", "enum", "fixed"}


def linked(
    document: Any,
    kind: str,
    references: Sequence[Reference],
    *,
    iri: Callable[[str, int], str],
    read: Callable[[str, int], Any],
) -> Any:
    """The document that needs no list of references; the same object where none are listed.

    ``iri`` gives a schema version's IRI from type and number, ``read`` its linked document.
    """
    if not references:
        return document
    if kind == "json":
        return _json(document, {one.name: iri(one.type, one.version) for one in references}, "")
    declarations = {
        name: declaration
        for one in references
        for name, declaration in _declarations(read(one.type, one.version), "")
    }
    return _Avro(declarations).linked(document, "")


def _json(schema: Any, names: Mapping[str, str], base: str) -> Any:
    if isinstance(schema, list):
        return [_json(one, names, base) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$id"), str):
        base = _joined(base, schema["$id"])
    found: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "$ref" and isinstance(value, str):
            found[keyword] = _address(value, names, base)
        elif keyword in _NAMED and isinstance(value, dict):
            found[keyword] = {name: _json(one, names, base) for name, one in value.items()}
        else:
            found[keyword] = value if keyword in _VALUES else _json(value, names, base)
    return found


def _address(reference: str, names: Mapping[str, str], base: str) -> str:
    name, fragment = urldefrag(reference)
    iri = names.get(name) or names.get(_joined(base, name))
    if iri is None:
        return reference
    return f"{iri}#{fragment}" if fragment else iri


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:  # no address: the compiler of schemas says so
        return address


def _full_name(schema: Mapping[str, Any], namespace: str) -> str:
    name, own = str(schema.get("name")), str(schema.get("namespace", namespace))
    return name if "." in name or not own else f"{own}.{name}"


def _is_declaration(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") in _DECLARING


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects with a type inside: an array's or map's own, and a record's fields."""
    for word in ("type", "items", "values"):
        if isinstance(schema.get(word), str | dict | list):
            yield dict(schema), word
    fields = schema.get("fields")
    for item in fields if isinstance(fields, list) else ():
        if isinstance(item, dict):
            yield item, "type"


def _declarations(schema: Any, namespace: str) -> Iterator[tuple[str, Any]]:
    """Every type that a document declares, with its namespace written out."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _declarations(branch, namespace)
    if not isinstance(schema, dict):
        return
    if _is_declaration(schema):
        full = _full_name(schema, namespace)
        namespace = full.rpartition(".")[0]
        yield full, {**schema, "name": full.rpartition(".")[2], "namespace": namespace}
    for holder, word in _parts(schema):
        yield from _declarations(holder[word], namespace)


class _Avro:
    """Writes one Avro document with the declarations that it names."""

    def __init__(self, declarations: Mapping[str, Any]) -> None:
        self._declarations = declarations
        self._written: set[str] = set()

    def linked(self, schema: Any, namespace: str, *, foreign: bool = False) -> Any:
        """``foreign`` is inside a declaration of another document."""
        if isinstance(schema, str):
            return self._name(schema, namespace)
        if isinstance(schema, list):
            return [self.linked(branch, namespace, foreign=foreign) for branch in schema]
        if not isinstance(schema, dict):
            return schema
        if _is_declaration(schema):
            full = _full_name(schema, namespace)
            if foreign and full in self._written:
                return full
            self._written.add(full)
            namespace = full.rpartition(".")[0]
        return self._inside(schema, namespace, foreign)

    def _inside(self, schema: dict[str, Any], namespace: str, foreign: bool) -> dict[str, Any]:
        found = dict(schema)
        for word in ("type", "items", "values"):
            if word in schema and not (word == "type" and _is_declaration(schema)):
                found[word] = self.linked(schema[word], namespace, foreign=foreign)
        if isinstance(schema.get("fields"), list):
            found["fields"] = [
                {**item, "type": self.linked(item["type"], namespace, foreign=foreign)}
                if isinstance(item, dict) and "type" in item
                else item
                for item in schema["fields"]
            ]
        return found

    def _name(self, name: str, namespace: str) -> Any:
        candidates = [name] if "." in name or not namespace else [f"{namespace}.{name}", name]
        for full in candidates:
            if full in self._written:
                return name
            if full in self._declarations:
                return self.linked(self._declarations[full], "", foreign=True)
        return name
