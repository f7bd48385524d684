"""Shows an Avro schema as the JSON Schema that describes the same values. Does not encode any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from xroad_lite.errors import SemanticsError

_SCALARS: Final[Mapping[str, dict[str, Any]]] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer"},
    "long": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "bytes": {"type": "string"},
    "string": {"type": "string"},
}
_KEPT: Final = ("x-jsonld-context", "x-jsonld-type", "x-codelist")


def is_avro(document: Mapping[str, Any]) -> bool:
    """Whether a schema document is an Avro record."""
    return document.get("type") == "record" and isinstance(document.get("fields"), list)


def json_schema_of(document: Any) -> Any:
    """The document itself, or the JSON Schema of the same values where it is an Avro record."""
    avro = isinstance(document, Mapping) and is_avro(document)
    return as_json_schema(document) if avro else document


def as_json_schema(document: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an Avro record; named types become ``$defs``, so they may recur.

    Raises ``SemanticsError`` for a type that nothing names.
    """
    reader = _Reader()
    root = reader.convert(document, str(document.get("namespace", "")))
    return {**root, "$defs": reader.definitions}


@dataclass(slots=True)
class _Reader:
    definitions: dict[str, Any] = field(default_factory=dict)

    def convert(self, schema: object, space: str) -> dict[str, Any]:
        if isinstance(schema, str):
            return self.named(schema, space)
        if isinstance(schema, list):
            return {"oneOf": [self.convert(branch, space) for branch in schema]}
        if not isinstance(schema, Mapping):
            raise _bad(f"a type is {type(schema).__name__}")
        kind = schema.get("type")
        if kind == "array":
            return {"type": "array", "items": self.convert(schema.get("items"), space)}
        if kind == "map":
            values = self.convert(schema.get("values"), space)
            return {"type": "object", "additionalProperties": values}
        if kind in ("enum", "fixed", "record"):
            return self.defined(schema, kind, space)
        return {**self.convert(kind, space), **_kept(schema)}

    def named(self, name: str, space: str) -> dict[str, Any]:
        if name in _SCALARS:
            return dict(_SCALARS[name])
        for full in (f"{space}.{name}" if space else name, name):
            if full in self.definitions:
                return {"$ref": "#/$defs/" + full.replace("~", "~0").replace("/", "~1")}
        raise _bad(f"nothing names the type {name[:100]!r}")

    def defined(self, schema: Mapping[str, Any], kind: str, space: str) -> dict[str, Any]:
        space = str(schema.get("namespace", space))
        name = str(schema.get("name", ""))
        full = f"{space}.{name}" if space and "." not in name else name
        made = self.definitions[full] = dict(_kept(schema))
        if kind == "enum":
            made.update(type="string", enum=schema.get("symbols", []))
        elif kind == "fixed":
            made.update(type="string")
        else:
            made.update(self.record(schema, space))
        return {"$ref": "#/$defs/" + full.replace("~", "~0").replace("/", "~1")}

    def record(self, schema: Mapping[str, Any], space: str) -> dict[str, Any]:
        properties, required = {}, []
        for item in schema.get("fields", ()):
            if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
                raise _bad("a field of a record has no name")
            name = item["name"]
            properties[name] = {**_scalar_or_ref(self.convert(item.get("type"), space), item)}
            kind = item.get("type")
            optional = "default" in item or (isinstance(kind, list) and "null" in kind)
            if not optional:
                required.append(name)
        return {"type": "object", "properties": properties, "required": required}


def _scalar_or_ref(converted: dict[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    kept = _kept(item)
    return {"allOf": [converted], **kept} if kept and "$ref" in converted else {**converted, **kept}


def _kept(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: schema[name] for name in _KEPT if name in schema}


def _bad(what: str) -> SemanticsError:
    return SemanticsError("semantics.schema", f"the Avro schema cannot be read: {what}")
