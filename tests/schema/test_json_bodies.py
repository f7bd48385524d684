"""JSON bodies are read, checked and explained."""

from __future__ import annotations

import pytest

from xroad_lite.errors import SchemaError
from xroad_lite.schema import Violation, compile_schema

PERSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "born"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "born": {"type": "string", "format": "date"},
        "name": {
            "x-personal": True,
            "type": "array",
            "items": {"type": "object", "properties": {"family": {"type": "string"}}},
        },
        "parent": {
            "anyOf": [
                {"type": "null"},
                {"type": "object", "properties": {"code": {"type": "string", "x-personal": True}}},
            ]
        },
        "codes": {"type": "object", "propertyNames": {"maxLength": 3, "x-personal": True}},
        "sex": {"enum": ["female", "male", "other"]},
    },
    "additionalProperties": False,
}
GOOD = {"id": "0190a7c4-5d4e-7c3b-8f2a-1b2c3d4e5f60", "born": "2024-02-29"}


def only(value: object) -> Violation:
    """The one violation of a person."""
    (found,) = compile_schema(PERSON, "json").validate(value)
    return found


def test_a_valid_body_has_no_violations() -> None:
    """What the schema allows is valid, fast and slow."""
    schema = compile_schema(PERSON, "json")
    assert schema.validate(GOOD) == []
    assert schema.is_valid(GOOD)
    assert (schema.kind, schema.content_type, schema.document) == (
        "json",
        "application/json",
        PERSON,
    )


def test_a_violation_has_path_rule_got_and_expected() -> None:
    """A wrong format is reported with its place, its rule and both sides."""
    assert only({**GOOD, "born": "29.2.2024"}) == Violation(
        "/born",
        "format",
        'got the text "29.2.2024", expected a date as in 2024-02-29',
    )


def test_a_misspelt_field_is_recognised() -> None:
    """The declared field that is most like an unknown one is named, unless names are personal."""
    schema = {"properties": {"familyName": {}, "given": {}}, "additionalProperties": False}
    (found,) = compile_schema(schema, "json").validate({"familyname": "Rojas"})
    assert found.message.endswith('(did you mean "familyName"?)')
    (found,) = compile_schema({**schema, "x-personal": True}, "json").validate({"familyname": 1})
    assert "familyname" not in found.message.lower()


@pytest.mark.parametrize(
    ("schema", "value", "rule", "words"),
    [
        ({"type": "integer"}, "3", "type", 'got the text "3", expected a whole number'),
        ({"type": ["string", "null"]}, 3, "type", "expected null or a text"),
        ({"enum": ["a", 1, None]}, 2, "enum", 'expected one of: "a", 1, null'),
        ({"enum": list(range(30))}, 99, "enum", "or 20 others"),
        ({"const": "x"}, "y", "const", 'expected the text "x" and nothing else'),
        ({"minimum": 3}, 1, "minimum", "got the number 1, expected at least 3"),
        ({"exclusiveMaximum": 3}, 3, "exclusiveMaximum", "expected less than 3"),
        ({"multipleOf": 5}, 3, "multipleOf", "expected a multiple of 5"),
        ({"minLength": 2}, "a", "minLength", "expected at least 2 characters"),
        ({"pattern": "^[a-z]+$"}, "A1", "pattern", "expected it to match ^[a-z]+$"),
        ({"maxItems": 1}, [1, 2], "maxItems", "got an array with 2 items, expected at most 1"),
        ({"uniqueItems": True}, [1, 1], "uniqueItems", "expected no two items to be equal"),
        ({"contains": {"const": 1}}, [2], "contains", "expected at least one item that fits"),
        ({"contains": True, "minContains": 2}, [2], "minContains", "expected more items"),
        ({"required": ["a"]}, {"b": 1}, "required", 'the field "a" is missing'),
        ({"dependentRequired": {"b": ["a"]}}, {"b": 1}, "dependentRequired", '"a" is missing'),
        ({"additionalProperties": False}, {"b": 1}, "additionalProperties", 'got "b", which'),
        ({"unevaluatedProperties": False}, {"b": 1}, "unevaluatedProperties", 'got "b", which'),
        ({"unevaluatedItems": False}, [1], "unevaluatedItems", "no part of the schema describes"),
        ({"propertyNames": {"maxLength": 0}}, {"b": 1}, "propertyNames", 'got the text "b"'),
        ({"minProperties": 1}, {}, "minProperties", "got an object with 0 fields"),
        ({"not": {"type": "null"}}, None, "not", "got null, expected anything but"),
        ({"oneOf": [True, True]}, 1, "oneOf", "fits several alternatives"),
        ({"anyOf": [{"type": "null"}, {"minimum": 3}]}, 1, "anyOf", "fits none of 2"),
        ({"properties": {"a": False}}, {"a": True}, "false", "got true, expected nothing"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "contentEncoding": "base64"},
         "@", "contentEncoding", "breaks the rule contentEncoding"),
    ],
)  # fmt: skip
def test_every_rule_is_said_in_words(
    schema: dict[str, object], value: object, rule: str, words: str
) -> None:
    """Each keyword that can be broken has its own sentence."""
    (found,) = compile_schema(schema, "json").validate(value)
    assert found.rule == rule
    assert words in found.message


def test_personal_values_are_masked() -> None:
    """A value at or below a mark is never shown, its path is."""
    found = only({**GOOD, "name": [{"family": 4711}]})
    assert (found.path, found.rule) == ("/name/0/family", "type")
    assert "4711" not in found.message
    assert "(personal data)" in found.message


def test_personal_values_inside_alternatives_are_masked() -> None:
    """The nearest alternative is explained without the value that its own mark covers."""
    found = only({**GOOD, "parent": {"code": 4711}})
    assert found.path == "/parent"
    assert "at /code, got (personal data), expected a text" in found.message


def test_personal_names_are_masked() -> None:
    """A name of a field that is itself personal is not shown."""
    assert "(personal data)" in only({**GOOD, "codes": {"123456-7890": 1}}).message


def test_marks_are_found_behind_references_and_patterns() -> None:
    """A mark counts wherever a reference, a pattern or a rest brings it to the value."""
    schema = compile_schema(
        {
            "$defs": {"secret": {"x-personal": True, "type": "string"}},
            "patternProperties": {"^p": {"$ref": "#/$defs/secret"}},
            "additionalProperties": {"allOf": [{"$ref": "#/$defs/secret"}]},
        },
        "json",
    )
    found = schema.validate({"p1": 4711, "zzz": 4711})
    assert len(found) == 2
    assert not any("4711" in violation.message for violation in found)


def test_marks_of_one_item_do_not_cover_its_neighbour() -> None:
    """In a tuple each position has its own mark."""
    schema = compile_schema(
        {"prefixItems": [{"type": "null"}, {"type": "null", "x-personal": True}]}, "json"
    )
    first, second = schema.validate([4712, 4711])
    assert "4712" in first.message
    assert "4711" not in second.message


def test_the_value_of_an_undeclared_field_is_not_shown() -> None:
    """A misspelt name loses its mark, so only the name is shown."""
    schema = compile_schema({"additionalProperties": False}, "json")
    assert schema.validate({"nmae": "Ana"}) == [
        Violation(
            "",
            "additionalProperties",
            'got "nmae", which the schema does not know: expected only the fields it declares',
        )
    ]


def test_at_most_twenty_violations_are_reported() -> None:
    """A body full of mistakes costs no more than a page."""
    schema = compile_schema({"items": {"type": "string"}}, "json")
    assert len(schema.validate(list(range(1000)))) == 20


def test_long_and_odd_values_are_shown_short_and_plain() -> None:
    """Control characters and long texts do not reach a log."""
    (found,) = compile_schema({"type": "null"}, "json").validate("\x1b[31m" + "x" * 1000)
    assert len(found.message) < 150
    assert "\x1b" not in found.message
    (found,) = compile_schema({"type": "null"}, "json").validate(10**5000)
    assert "digits" in found.message


def test_a_violation_reads_as_a_line() -> None:
    """The text of a violation names the place, or the body as a whole."""
    assert str(Violation("", "type", "got null")) == "the body: got null"
    assert str(Violation("/a", "type", "got null")) == "/a: got null"


def test_bytes_are_read_strictly() -> None:
    """Strict JSON in, the same value out; a repeated key is refused."""
    schema = compile_schema(PERSON, "json")
    assert schema.decode(schema.encode(GOOD)) == GOOD
    with pytest.raises(SchemaError, match=r"schema\.not_json"):
        schema.decode(b'{"id":"a","id":"b"}')
    with pytest.raises(SchemaError, match=r"schema\.not_json"):
        schema.decode(b"{")
    with pytest.raises(SchemaError, match=r"schema\.not_json"):
        schema.encode({"id": object()})


def test_an_unknown_kind_is_misuse() -> None:
    """The kind is chosen by the caller, not by data."""
    with pytest.raises(ValueError, match="expected 'json' or 'avro'"):
        compile_schema({}, "xml")
