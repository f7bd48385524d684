"""The form in which documents that differ only in how they are written are equal.

What ``normalize`` asks for. Does not judge whether a document is a schema.
"""

from __future__ import annotations

import json
from typing import Any

_DECLARED = ("record", "error", "enum", "fixed")
_PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def normal_form(document: Any, kind: str) -> str:
    """JSON with sorted keys; in Avro also full names, and a type that stands alone as its name."""
    return json.dumps(_avro(document, "") if kind == "avro" else document, sort_keys=True)


def _avro(schema: Any, namespace: str) -> Any:
    if isinstance(schema, str):
        return schema if schema in _PRIMITIVES else _full(schema, namespace)
    if isinstance(schema, list):
        return [_avro(branch, namespace) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    if schema.get("type") in _DECLARED:
        own = found.pop("namespace", namespace)
        found["name"] = _full(str(schema.get("name")), str(own))
        namespace = found["name"].rpartition(".")[0]
        if isinstance(schema.get("aliases"), list):
            found["aliases"] = sorted(_full(str(one), namespace) for one in schema["aliases"])
    elif isinstance(schema.get("type"), str | list | dict) and schema["type"] not in (
        "array",
        "map",
    ):
        found["type"] = _avro(schema["type"], namespace)
    for word in ("items", "values"):
        if word in schema:
            found[word] = _avro(schema[word], namespace)
    if isinstance(schema.get("fields"), list):
        found["fields"] = [_field(one, namespace) for one in schema["fields"]]
    return found["type"] if list(found) == ["type"] else found


def _field(field: Any, namespace: str) -> Any:
    if not isinstance(field, dict):
        return field
    found = {**field, "type": _avro(field.get("type"), namespace)}
    if found.get("order") == "ascending":
        del found["order"]
    return found


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
