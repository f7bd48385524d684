"""Sees a JSON Schema as one flat view of types and properties. Does not validate with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from xroad_lite.errors import SemanticsError

_ALL: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
FACETS: Final = (
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
)
"""What bounds a value beyond its type."""
MAX_BRANCHES: Final = 500


@dataclass(slots=True)
class View:
    """What several schemas that hold together say about one value."""

    types: frozenset[str] = _ALL
    properties: dict[str, list[object]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: list[object] = field(default_factory=list)
    contexts: list[object] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    codes: str | None = None
    values: tuple[Any, ...] | None = None
    format: str | None = None
    default: tuple[Any, ...] = ()
    never: bool = False
    closed: bool = False
    facets: dict[str, Any] = field(default_factory=dict)
    elsewhere: str = ""
    identity: tuple[int, ...] = ()


def merged(parts: Sequence[object], document: Mapping[str, Any], where: str) -> View:
    """One view of ``parts``, ``$ref`` and branches of ``document`` followed."""
    reader = _Reader(document, where)
    for part in parts:
        reader.add(part, certain=True)
    return reader.view()


class _Reader:
    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self.document, self.where = document, where
        self.seen: set[tuple[int, bool]] = set()
        self.own: set[int] = set()
        self.result = View()
        self.branch_types: frozenset[str] = frozenset()
        self.declared = False

    def view(self) -> View:
        result = self.result
        if result.types == _ALL and self.branch_types:
            result.types = self.branch_types
        if result.types == _ALL:
            result.types = self._guessed()
        result.identity = tuple(sorted(self.own))
        return result

    def _guessed(self) -> frozenset[str]:
        if self.result.properties:
            return frozenset({"object"})
        if self.result.values is not None:
            return frozenset(map(_type_of, self.result.values))
        return frozenset({"array"}) if self.result.items else _ALL - {"array", "object"}

    def add(self, schema: object, *, certain: bool) -> None:
        if schema is False:
            self.result.never = self.result.never or certain
            return
        if schema is True or schema is None:
            return
        if not isinstance(schema, Mapping):
            raise self.bad(f"a schema is {type(schema).__name__}: expected an object or a boolean")
        key = (id(schema), certain)
        if key in self.seen:
            return
        self.seen.add(key)
        if len(self.seen) > MAX_BRANCHES:
            raise self.bad(f"more than {MAX_BRANCHES} branches")
        if set(schema) != {"$ref"}:
            self.own.add(id(schema))
        self._annotations(schema, certain=certain)
        self._properties(schema, certain=certain)
        self._branches(schema, certain=certain)

    def _annotations(self, schema: Mapping[str, Any], *, certain: bool) -> None:
        result = self.result
        if "type" in schema:
            listed = frozenset(_texts(schema["type"]))
            if certain:
                result.types &= listed
            else:
                self.branch_types |= listed
        if certain:
            result.facets.update((name, schema[name]) for name in FACETS if name in schema)
            if "const" in schema:
                result.values = _scalars([schema["const"]])
            elif isinstance(schema.get("enum"), list):
                result.values = _scalars(schema["enum"])
            result.format = next(iter(_texts(schema.get("format"))), result.format)
            if "default" in schema:
                result.default = (schema["default"],)
        result.codes = next(iter(_texts(schema.get("x-codelist"))), result.codes)
        if "x-jsonld-context" in schema:
            result.contexts.append(schema["x-jsonld-context"])
        result.classes.extend(_texts(schema.get("x-jsonld-type")))

    def _properties(self, schema: Mapping[str, Any], *, certain: bool) -> None:
        for key, value in self.mapping(schema, "properties").items():
            self.result.properties.setdefault(key, []).append(value)
        if certain:
            self.result.required.update(_texts(schema.get("required")))
            self.result.closed |= schema.get("additionalProperties") is False
        if isinstance(schema.get("items"), (Mapping, bool)):
            self.result.items.append(schema["items"])

    def _branches(self, schema: Mapping[str, Any], *, certain: bool) -> None:
        if "$ref" in schema:
            self.add(self.resolve(schema["$ref"]), certain=certain)
        for part in self.sequence(schema, "allOf"):
            self.add(part, certain=certain)
        for name in ("oneOf", "anyOf"):
            for part in self.sequence(schema, name):
                self.add(part, certain=False)
        for name in ("then", "else"):
            if name in schema:
                self.add(schema[name], certain=False)

    def mapping(self, schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = schema.get(name, {})
        if not isinstance(value, Mapping):
            raise self.bad(f"{name} is {type(value).__name__}: expected an object")
        return value

    def sequence(self, schema: Mapping[str, Any], name: str) -> Sequence[Any]:
        value = schema.get(name, ())
        if not isinstance(value, (list, tuple)):
            raise self.bad(f"{name} is {type(value).__name__}: expected a list")
        return value

    def resolve(self, reference: object) -> object:
        if not isinstance(reference, str):
            raise self.bad("$ref is no text")
        own = self.document.get("$id", "")
        base, _, fragment = reference.partition("#")
        if base not in ("", own):
            self.result.elsewhere = f"its $ref {reference[:200]!r} leads out of the document"
            return True
        node: Any = self.document
        for raw in fragment.split("/")[1:]:
            part = unquote(raw).replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(part)] if isinstance(node, list) else node[part]
            except (KeyError, IndexError, ValueError, TypeError):
                raise self.bad(f"$ref {reference[:200]!r} leads nowhere") from None
        return node

    def bad(self, what: str) -> SemanticsError:
        return SemanticsError("semantics.schema", f"{self.where}: {what}")


def _texts(value: object) -> list[str]:
    """A text, or the texts of a list; whatever else stands there says nothing."""
    listed = value if isinstance(value, (list, tuple)) else [value]
    return [text for text in listed if isinstance(text, str)]


def _scalars(values: Sequence[object]) -> tuple[Any, ...] | None:
    """The values, when none of them is an object or an array."""
    plain = all(value is None or isinstance(value, (str, int, float)) for value in values)
    return tuple(values) if plain else None


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "null" if value is None else "object"
