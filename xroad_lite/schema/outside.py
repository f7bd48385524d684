"""Which other registry files a schema refers to, by which names; does not read or compile them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urldefrag

from xroad_lite.schema.avro_types import PRIMITIVES, defined_names
from xroad_lite.schema.limits import check_size
from xroad_lite.schema.references import BASE, Documents, address

_REFERENCES = ("$ref", "$dynamicRef")


class OutsideNames:
    """The names of one kind of schemas; ``resources`` are the registry's files of that kind."""

    def __init__(self, kind: str, resources: Mapping[str, Any]) -> None:
        self._resources = resources
        self._names: Callable[[Any], Iterator[tuple[str, str]]] = (
            self._json if kind == "json" else self._avro
        )

    def of(self, document: Any) -> dict[str, str]:
        """The key in ``resources`` of each file that a document refers to, by the name it uses.

        In JSON Schema a name is an address without fragment, in Avro a type's full name. What no
        file has is left out. ``SchemaError`` where the document is no schema.
        """
        check_size(document)
        return dict(self._names(document))

    def _json(self, document: Any) -> Iterator[tuple[str, str]]:
        documents = Documents(document, self._resources)
        pending = [documents.root]
        while pending:
            place = pending.pop()
            pending += [below for _, _, below in place.subschemas()]
            for keyword in _REFERENCES:
                reference = place.keywords().get(keyword)
                uri = address(place.base, reference) if isinstance(reference, str) else ""
                key = None if uri in documents.loaded else self._file(uri)
                if key is not None:
                    yield uri.removeprefix(BASE), key

    def _file(self, uri: str) -> str | None:
        for key in (uri, uri.removeprefix(BASE)):
            if key in self._resources:
                return key
        return self._by_own_address.get(uri) if uri else None

    @cached_property
    def _by_own_address(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, resource in self._resources.items():
            if isinstance(resource, dict) and isinstance(resource.get("$id"), str):
                found.setdefault(urldefrag(resource["$id"]).url, key)
        return found

    def _avro(self, document: Any) -> Iterator[tuple[str, str]]:
        own = set(defined_names(document))
        for candidates in _used(document, ""):
            if own.isdisjoint(candidates):
                for name in candidates:
                    if name in self._declared:
                        yield name, self._declared[name]
                        break

    @cached_property
    def _declared(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, resource in self._resources.items():
            for name in defined_names(resource):
                found.setdefault(name, key)
        return found


def _used(schema: Any, namespace: str) -> Iterator[tuple[str, ...]]:
    """The names that an Avro schema uses, each as the full names that it may mean."""
    if isinstance(schema, str):
        if schema not in PRIMITIVES:
            alone = "." in schema or not namespace
            yield (schema,) if alone else (f"{namespace}.{schema}", schema)
    elif isinstance(schema, list):
        for branch in schema:
            yield from _used(branch, namespace)
    elif isinstance(schema, dict):
        kind = schema.get("type")
        if kind in ("record", "error", "enum", "fixed"):
            namespace = next(defined_names(schema, namespace)).rpartition(".")[0]
            fields = schema.get("fields")
            for item in fields if isinstance(fields, list) else ():
                yield from _used(item.get("type") if isinstance(item, dict) else None, namespace)
        elif kind in ("array", "map"):
            yield from _used(schema.get("items", schema.get("values")), namespace)
        else:
            yield from _used(kind, namespace)
