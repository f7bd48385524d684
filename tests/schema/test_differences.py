"""What changed between two versions, in words."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from xroad_lite.schema.differences import differences

OLD: dict[str, Any] = {
    "type": "object",
    "title": "Visit",
    "required": ["code"],
    "properties": {
        "code": {"type": "string", "maxLength": 32, "x-title": {"en": "Code", "es": "Clave"}},
        "kind": {"enum": ["a", "b"]},
        "place": {"type": "object", "properties": {"town": {"type": "string"}}},
        "guests": {"type": "array", "items": {"$ref": "#/$defs/guest"}},
    },
    "$defs": {"guest": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def said(new: Any, old: Any, kind: str = "json") -> list[str]:
    """The sentences."""
    return [str(one) for one in differences(new, old, kind)]


def test_nothing_changed() -> None:
    """A version has no differences from itself."""
    assert said(OLD, deepcopy(OLD)) == []


def test_every_kind_of_change_is_said() -> None:
    """Fields come and go; types, bounds, codes, need, privacy and words change."""
    new = deepcopy(OLD)
    new["additionalProperties"] = False
    new["required"] = ["kind"]
    code = new["properties"]["code"]
    code |= {"type": ["string", "null"], "maxLength": 64, "pattern": "^A", "x-personal": True}
    code["x-title"] = {"en": "Code", "es": "Código"}
    new["properties"]["kind"]["enum"] = ["a", "c"]
    del new["properties"]["place"]["properties"]["town"]
    new["$defs"]["guest"]["properties"]["born"] = {
        "type": "string", "format": "date", "title": "Day of birth"}  # fmt: skip
    assert said(new, OLD) == [
        "/place/town was removed: text, optional",
        "the body now has additionalProperties false",
        "/code was text and is text or null",
        "/code is no longer required",
        "/code had maxLength 32 and now has 64",
        "/code now has pattern ^A",
        "/code is now personal data",
        '/code has another title in es: was "Clave" and is "Código"',
        "/kind is now required",
        "/kind gained the value c",
        "/kind lost the value b",
        '/guests/*/born was added: date, optional, "Day of birth"',
    ]


def test_avro_changes_are_said() -> None:
    """Fields, branches and symbols of Avro."""
    old = {"type": "record", "name": "A", "fields": [
        {"name": "n", "type": "int"},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X"]}}]}  # fmt: skip
    new = deepcopy(old)
    fields: Any = new["fields"]
    fields[0] = {"name": "n", "type": ["null", "long"], "default": None}
    fields[1]["type"]["symbols"].append("Y")
    fields.append({"name": "when", "type": {"type": "int", "logicalType": "date"}})
    assert said(new, old, "avro") == [
        "/n was whole number (32 bits) and is null or whole number (64 bits)",
        "/n is no longer required",
        "/n now has default null",
        "/e gained the value Y",
        "/when was added: date, required",
    ]
