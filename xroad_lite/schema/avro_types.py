"""Avro schemas read into a tree of types, strictly, with named types from other registry files.

Does not read or write bodies. Apache Avro 1.12 specification, "Schema Declaration" and "Names".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.schema.limits import MAX_DEPTH, MAX_VALUES, check_size
from xroad_lite.schema.violations import shortened

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
MAX_FIXED = 1 << 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOGICAL = {
    "decimal": ("bytes", "fixed"),
    "uuid": ("string", "fixed"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "timestamp-millis": ("long",),
    "timestamp-micros": ("long",),
    "local-timestamp-millis": ("long",),
    "local-timestamp-micros": ("long",),
}


@dataclass(slots=True, eq=False)
class AvroType:
    """One type; a record that holds itself is the same object again. Compared by identity."""

    kind: str
    name: str = ""
    logical: str = ""
    personal: bool = False
    inner: AvroType | None = None
    branches: list[AvroType] = field(default_factory=list)
    fields: dict[str, AvroField] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    size: int = 0
    precision: int = 0
    scale: int = 0

    def below(self) -> Iterator[AvroType]:
        """The types that this one is made of."""
        if self.inner is not None:
            yield self.inner
        yield from self.branches
        for item in self.fields.values():
            yield item.type


@dataclass(slots=True, eq=False)
class AvroField:
    """One field of a record."""

    type: AvroType
    has_default: bool
    default: Any
    personal: bool
    value: Any = None
    """The default as a value, once it has been worked out."""


@dataclass(slots=True)
class AvroDocuments:
    """A schema document read with the registry files that its names need."""

    resources: Mapping[str, Any]
    named: dict[str, AvroType] = field(default_factory=dict)
    order: list[Any] = field(default_factory=list)
    """The documents that were needed, each after those whose names it uses."""
    _where: dict[str, str] = field(default_factory=dict)
    _loading: list[str] = field(default_factory=list)
    _indexed: bool = False
    _values: int = 0

    def read(self, document: Any) -> AvroType:
        """The type that a document declares; ``SchemaError`` says what is wrong with it."""
        return self._load(document)

    def _index(self) -> None:
        """Note which file declares which name, the first time that a name is not at hand."""
        if self._indexed:
            return
        self._indexed = True
        for key, resource in self.resources.items():
            check_size(resource)
            for name in defined_names(resource):
                self._where.setdefault(name, key)

    def _load(self, document: Any) -> AvroType:
        self._values += check_size(document)
        if self._values > MAX_VALUES:
            raise SchemaError(
                "schema.too_large",
                f"the schema and what it names hold more than {MAX_VALUES:,} values",
            )
        found = self._type(document, "")
        self.order.append(document)
        return found

    def _type(self, schema: Any, namespace: str) -> AvroType:
        if isinstance(schema, str):
            return AvroType(schema) if schema in PRIMITIVES else self._named(schema, namespace)
        if isinstance(schema, list):
            return self._union(schema, namespace)
        if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
            raise _invalid(f"{shortened(str(schema))} is no type: expected a name, list or object")
        if any(str(name).startswith("__") for name in schema):
            raise _invalid("a property begins with two underscores: such names are reserved")
        return self._complex(schema, schema["type"], namespace)

    def _complex(self, schema: dict[str, Any], kind: str, namespace: str) -> AvroType:
        if kind in PRIMITIVES:
            found = AvroType(kind)
        elif kind in ("array", "map"):
            word = "items" if kind == "array" else "values"
            if word not in schema:
                raise _invalid(f"the type {kind} has no {word}")
            found = AvroType(kind, inner=self._type(schema[word], namespace))
        elif kind in ("record", "error", "enum", "fixed"):
            return self._declared(schema, kind, namespace)
        else:
            return self._named(kind, namespace)
        return _with_properties(found, schema)

    def _declared(self, schema: dict[str, Any], kind: str, namespace: str) -> AvroType:
        name = _full_name(schema, namespace)
        if name in self.named:
            raise SchemaError(
                "schema.duplicate_name",
                f"the type {name[:120]!r} is declared twice",
                hint="declare it once and use its name",
            )
        found = self.named[name] = AvroType("record" if kind == "error" else kind, name)
        _with_properties(found, schema)
        if kind == "enum":
            found.symbols = _symbols(schema)
        elif kind == "fixed":
            found.size = _size(schema)
            _with_properties(found, schema)
        else:
            found.fields = self._fields(schema, name.rpartition(".")[0])
        return found

    def _fields(self, schema: dict[str, Any], namespace: str) -> dict[str, AvroField]:
        declared = schema.get("fields")
        if not isinstance(declared, list):
            raise _invalid("a record has no list of fields")
        found: dict[str, AvroField] = {}
        for item in declared:
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str) or not _NAME.fullmatch(name) or "type" not in item:
                raise _invalid(
                    f"the field {shortened(str(name))!r} lacks a name of letters, or a type"
                )
            if name in found:
                raise SchemaError("schema.duplicate_name", f"the field {name[:80]!r} stands twice")
            personal = item.get("x-personal") is True
            of = self._type(item["type"], namespace)
            found[name] = AvroField(of, "default" in item, item.get("default"), personal)
        return found

    def _union(self, schema: list[Any], namespace: str) -> AvroType:
        branches = [self._type(branch, namespace) for branch in schema]
        if not branches:
            raise _invalid("a union has no branches: no value could be written")
        kinds = [branch.name or branch.kind for branch in branches]
        if "union" in kinds or len(set(kinds)) < len(kinds):
            raise _invalid(f"a union holds a union, or a type twice: {shortened(', '.join(kinds))}")
        return AvroType("union", branches=branches)

    def _named(self, name: str, namespace: str) -> AvroType:
        candidates = [name] if "." in name or not namespace else [f"{namespace}.{name}", name]
        for full in candidates:
            if full in self.named:
                if self._where.get(full) in self._loading[:-1]:
                    raise _cycle(full)
                return self.named[full]
        self._index()
        for full in candidates:
            if full in self._where:
                return self._from_resource(full)
        raise SchemaError(
            "schema.unresolved_reference",
            f"there is no type {name[:120]!r}, neither in the schema nor in the registry's files",
            hint="register the file that declares it first",
        )

    def _from_resource(self, name: str) -> AvroType:
        key = self._where[name]
        if key in self._loading:
            raise _cycle(name)
        if len(self._loading) >= MAX_DEPTH:
            raise SchemaError("schema.too_deep", f"more than {MAX_DEPTH} files need one another")
        self._loading.append(key)
        self._load(self.resources[key])
        self._loading.pop()
        return self.named[name]


def _cycle(name: str) -> SchemaError:
    return SchemaError(
        "schema.reference_cycle",
        f"the files that declare {name[:120]!r} need each other",
        hint="declare types that need each other in one file",
    )


def _invalid(message: str) -> SchemaError:
    return SchemaError(
        "schema.invalid",
        f"the schema is no Avro: {message}",
        hint="see https://avro.apache.org/docs/",
    )


def _full_name(schema: Mapping[str, Any], namespace: str) -> str:
    name, own = schema.get("name"), schema.get("namespace", namespace)
    if not isinstance(name, str) or not isinstance(own, str):
        raise _invalid(f"a {schema.get('type')} has no name")
    full = name if "." in name or not own else f"{own}.{name}"
    if not all(_NAME.fullmatch(part) for part in full.split(".")):
        raise _invalid(f"{full[:120]!r} is no name: expected letters, digits and underscores")
    if full in PRIMITIVES:
        raise _invalid(f"{full!r} is the name of a primitive type")
    return full


def defined_names(schema: Any, namespace: str = "") -> Iterator[str]:
    """The full names that a document declares."""
    if isinstance(schema, list):
        for branch in schema:
            yield from defined_names(branch, namespace)
    elif isinstance(schema, dict):
        if schema.get("type") in ("record", "error", "enum", "fixed"):
            full = _full_name(schema, namespace)
            namespace = full.rpartition(".")[0]
            yield full
        for word in ("items", "values"):
            yield from defined_names(schema.get(word), namespace)
        fields = schema.get("fields")
        for item in fields if isinstance(fields, list) else ():
            yield from defined_names(
                item.get("type") if isinstance(item, dict) else None, namespace
            )


def _with_properties(found: AvroType, schema: Mapping[str, Any]) -> AvroType:
    found.personal = schema.get("x-personal") is True
    logical = schema.get("logicalType")
    if isinstance(logical, str) and found.kind in _LOGICAL.get(logical, ()):
        found.logical = logical
    if found.logical == "decimal":
        precision, scale = schema.get("precision"), schema.get("scale", 0)
        counts = isinstance(precision, int) and isinstance(scale, int)
        if not counts or not 0 <= scale <= precision or not precision:
            raise _invalid("a decimal needs a precision, and a scale that is not greater")
        found.precision, found.scale = precision, scale
    if found.logical == "uuid" and found.kind == "fixed" and schema.get("size") != 16:
        found.logical = ""
    return found


def _symbols(schema: Mapping[str, Any]) -> tuple[str, ...]:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list) or not symbols:
        raise _invalid("an enum has no symbols")
    if not all(isinstance(s, str) and _NAME.fullmatch(s) for s in symbols):
        raise _invalid("a symbol of an enum is no name of letters, digits and underscores")
    if len(set(symbols)) < len(symbols):
        raise SchemaError("schema.duplicate_name", "a symbol of an enum stands twice")
    return tuple(symbols)


def _size(schema: Mapping[str, Any]) -> int:
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_FIXED:
        raise _invalid(f"a fixed needs a size from 0 to {MAX_FIXED:,} bytes")
    return size
