"""Avro schemas carry the same properties and mean the same as JSON Schemas do."""

from __future__ import annotations

from typing import Any

import pytest
from semantic_cases import IRIS, TEXT, cell, record, terms, world

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import translator

ADDRESS = {
    "type": "record",
    "name": "Address",
    "x-jsonld-context": {"@vocab": IRIS["b"]},
    "fields": [{"name": "street", "type": "string"}],
}
AVRO = {
    "type": "record",
    "name": "Person",
    "namespace": "cl.civil",
    "x-jsonld-context": {
        "@vocab": IRIS["b"],
        "names": {"@id": IRIS["b"] + "names", "@container": "@list"},
    },
    "fields": [
        {"name": "code", "type": "string"},
        {"name": "sex", "type": {"type": "enum", "name": "Sex", "symbols": ["F", "M"]}},
        {"name": "names", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "home", "type": ["null", ADDRESS], "default": None},
        {"name": "mother", "type": ["null", "Person"], "default": None},
        {"name": "age", "type": ["null", "int"]},
    ],
}
JSON_HOME = {
    "type": "object",
    "x-jsonld-context": {"@vocab": IRIS["a"]},
    "properties": {"street": TEXT},
}
NAMES = ("code", "sex", "names", "home", "mother", "age", "street")


def _json() -> dict[str, Any]:
    properties = {
        "code": TEXT,
        "sex": TEXT,
        "names": {"type": "array", "items": TEXT},
        "home": JSON_HOME,
        "mother": {"$ref": "#"},
        "age": {"type": "integer"},
    }
    return record("a", properties)


def _vocabulary() -> Any:
    declared = terms(*(f"{letter}:{name}" for name in NAMES for letter in "ab"))
    return world(declared + "".join(cell(f"a:{name}", f"b:{name}") for name in NAMES))


def test_json_to_avro_and_back() -> None:
    """Records, enums, arrays, unions with null and a type within itself."""
    message = {
        "code": "1",
        "sex": "F",
        "names": ["Ana"],
        "home": {"street": "Larga"},
        "mother": {"code": "2", "sex": "F", "age": 50},
        "age": 7,
    }
    there = translator(_json(), AVRO, _vocabulary())
    back = translator(AVRO, _json(), _vocabulary())
    assert there.apply(message).value == message
    assert back.apply({**message, "home": None, "names": []}).value == {
        **{key: value for key, value in message.items() if key != "home"},
        "names": [],
    }
    assert there.report.field("/code").status == "exact"


def test_required_of_avro() -> None:
    """A field with a default, or one that may be null, is not required; the others are."""
    source = record("a", {"street": TEXT})
    missing = translator(source, AVRO, _vocabulary()).missing_required
    assert missing == ("/code", "/sex")


@pytest.mark.parametrize(
    "fields",
    [[{"name": "x", "type": "Nowhere"}], [{"type": "string"}], ["x"], [{"name": "x", "type": 5}]],
)
def test_avro_that_cannot_be_read(fields: list[Any]) -> None:
    """Types that nothing names and fields without a name raise our error."""
    broken = {"type": "record", "name": "R", "fields": fields}
    with pytest.raises(SemanticsError) as caught:
        translator(broken, AVRO, _vocabulary())
    assert caught.value.code == "semantics.schema"
