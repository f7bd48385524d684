"""JSON Schema evolution, rule by rule: what one version writes and the other refuses is found."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from xroad_lite.errors import SchemaError
from xroad_lite.schema import Incompatibility, check_compatibility, compile_schema

DRAFT_07 = "http://json-schema.org/draft-07/schema#"
P = "properties"
AP = "additionalProperties"


def backward(reader: Any, writer: Any) -> list[Incompatibility]:
    """What the reader refuses of the writer's."""
    return check_compatibility(reader, writer, "json", "BACKWARD")


NARROWED: list[tuple[str, Any, Any, Any, str]] = [
    # rule, wide (writer), narrow (reader), a body that proves it, what the finding says
    ("type", {"type": ["string", "null"]}, {"type": "string"}, None, "type_narrowed"),
    ("number", {"type": "number"}, {"type": "integer"}, 1.5, "type_narrowed"),
    ("enum", {"enum": ["a", 1]}, {"enum": ["a"]}, 1, "values_removed"),
    ("const", {"enum": [[1], [2]]}, {"const": [1]}, [2], "values_removed"),
    ("minimum", {"minimum": 1}, {"minimum": 2}, 1, "range_narrowed"),
    ("exclusive", {"maximum": 2}, {"exclusiveMaximum": 2}, 2, "range_narrowed"),
    ("multiple", {"multipleOf": 0.5}, {"multipleOf": 1}, 0.5, "range_narrowed"),
    ("minLength", {"type": "string"}, {"minLength": 1}, "", "length_narrowed"),
    ("pattern", {"pattern": "^a"}, {"pattern": "^ab"}, "a", "pattern_changed"),
    ("format", {"type": "string"}, {"type": "string", "format": "date"}, "x", "format_changed"),
    ("items", {"items": {"type": ["string", "null"]}}, {"items": {"type": "string"}}, [None],
     "type_narrowed"),
    ("prefix", {"prefixItems": [True]}, {"prefixItems": [{"type": "null"}]}, [1],
     "items_narrowed"),
    ("list of items", {"$schema": DRAFT_07, "items": [True]},
     {"$schema": DRAFT_07, "items": [True], "additionalItems": False}, [1, 2], "items_narrowed"),
    ("maxItems", {"maxItems": 2}, {"maxItems": 1}, [1, 2], "size_narrowed"),
    ("unique", {"type": "array"}, {"uniqueItems": True}, [1, 1], "items_narrowed"),
    ("contains", {"contains": {"type": "number"}}, {"contains": {"const": 1}}, [2],
     "items_narrowed"),
    ("minContains", {"contains": {"const": 1}}, {"contains": {"const": 1}, "minContains": 2}, [1],
     "items_narrowed"),
    ("maxContains", {"contains": {"const": 1}}, {"contains": {"const": 1}, "maxContains": 1},
     [1, 1], "items_narrowed"),
    ("required", {"type": "object"}, {"required": ["a"]}, {}, "field_required"),
    ("property", {P: {"a": {"type": "number"}}}, {P: {"a": {"type": "integer"}}}, {"a": 0.5},
     "type_narrowed"),
    ("closed", {P: {"a": True}}, {P: {"a": True}, AP: False}, {"b": 1}, "fields_closed"),
    ("closed without a", {P: {"a": True, "b": True}, AP: False}, {P: {"a": True}, AP: False},
     {"b": 1}, "fields_closed"),
    ("added to an open object", {P: {}}, {P: {"a": {"type": "string"}}}, {"a": 1},
     "type_narrowed"),
    ("rest", {AP: {"type": "number"}}, {AP: {"type": "integer"}}, {"a": 0.5}, "type_narrowed"),
    ("patternProperties", {"type": "object"}, {"patternProperties": {"^a": {"type": "null"}}},
     {"ab": 1}, "fields_narrowed"),
    ("propertyNames", {"type": "object"}, {"propertyNames": {"maxLength": 1}}, {"ab": 1},
     "names_narrowed"),
    ("maxProperties", {"maxProperties": 2}, {"maxProperties": 1}, {"a": 1, "b": 1},
     "size_narrowed"),
    ("dependentRequired", {"type": "object"}, {"dependentRequired": {"a": ["b"]}}, {"a": 1},
     "field_required"),
    ("dependentSchemas", {"type": "object"}, {"dependentSchemas": {"a": {"maxProperties": 1}}},
     {"a": 1, "b": 1}, "dependency_added"),
    ("unevaluated", {"allOf": [{P: {"a": True}}]},
     {"allOf": [{P: {"a": True}}], "unevaluatedProperties": False}, {"b": 1}, "fields_closed"),
    ("anyOf", {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}]},
     None, "alternatives_narrowed"),
    ("oneOf that overlap", {"minimum": 0}, {"oneOf": [{"minimum": 0}, {"minimum": 5}]}, 7,
     "alternatives_narrowed"),
    ("not", {"type": "string"}, {"not": {"const": "a"}}, "a", "excluded"),
    ("if", {"type": "object"}, {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
     {"a": 1}, "condition_added"),
    ("allOf", {"type": "number"}, {"allOf": [{"type": "number"}, {"maximum": 3}]}, 4,
     "range_narrowed"),
    ("$ref", {"$ref": "#/$defs/a", "$defs": {"a": {"type": "number"}}},
     {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, 0.5, "type_narrowed"),
    ("recursive", {"items": {"$ref": "#"}, "maxItems": 2}, {"items": {"$ref": "#"}, "maxItems": 1},
     [[1, 2]], "size_narrowed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wide", "narrow", "body", "change"),
    [case[1:] for case in NARROWED],
    ids=[case[0] for case in NARROWED],
)
def test_narrowing_is_found_and_widening_is_not(
    wide: Any, narrow: Any, body: Any, change: str
) -> None:
    """A body proves each case; the same change the other way round is compatible."""
    assert compile_schema(wide, "json").is_valid(body)
    assert not compile_schema(narrow, "json").is_valid(body)
    assert change in [finding.change for finding in backward(narrow, wide)]
    both = narrow if "$ref" in str(narrow) else {"allOf": [wide, narrow]}
    assert backward(wide, both) == []
    assert check_compatibility(both, wide, "json", "FORWARD") == []


COMPATIBLE: list[tuple[str, Any, Any]] = [
    # reader, writer
    ("optional field in a closed object", {P: {"a": True, "b": {"type": "null"}}, AP: False},
     {P: {"a": True}, AP: False}),
    ("type from enum", {"type": ["string", "integer"]}, {"enum": ["a", 1, 2.0]}),
    ("enum from const", {"enum": [{"a": [1]}, None]}, {"const": {"a": [1]}}),
    ("object from const", {P: {"a": {"items": {"type": "integer"}}}, "required": ["a"]},
     {"const": {"a": [1]}}),
    ("enum from range", {"enum": [1, 2, 3]}, {"type": "integer", "minimum": 1, "maximum": 3}),
    ("multiples", {"multipleOf": 0.5}, {"multipleOf": 1.5}),
    ("integers are multiples of one", {"multipleOf": 1}, {"type": ["integer", "string"]}),
    ("multiples together", {"multipleOf": 6}, {"allOf": [{"multipleOf": 2}, {"multipleOf": 3}]}),
    ("formats", {"format": "uri-reference"}, {"format": "uri"}),
    ("unknown formats say nothing", {"format": "made-up"}, {"type": "string"}),
    ("patterns of enum", {"pattern": "^a"}, {"enum": ["a", "ab", 3]}),
    ("distribution", {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
     {"type": ["string", "null"], "minLength": 1}),
    ("oneOf by type", {"oneOf": [{"type": "string"}, {"type": "number"}]}, {"type": "integer"}),
    ("oneOf by tag",
     {"oneOf": [{P: {"k": {"const": 1}}, "required": ["k"]},
                {P: {"k": {"const": 2}}, "required": ["k"]}]},
     {P: {"k": {"const": 2}, "x": {"type": "null"}}, "required": ["k"], "type": "object"}),
    ("not of not", {"type": "string"}, {"not": {"not": {"type": "string"}}}),
    ("if as anyOf", {"anyOf": [{"not": {"minimum": 3}}, {"maximum": 9}]},
     {"if": {"minimum": 3}, "then": {"maximum": 9}}),
    ("items from prefix", {"items": {"type": "number"}},
     {"prefixItems": [{"type": "integer"}], "items": False}),
    ("length from items", {"maxItems": 1}, {"prefixItems": [True], "items": False}),
    ("contains from items", {"contains": {"type": "number"}},
     {"type": "array", "items": {"type": "integer"}, "minItems": 1}),
    ("contains from position", {"contains": {"const": 1}},
     {"type": "array", "prefixItems": [{"const": 1}], "minItems": 1}),
    ("size from names", {"maxProperties": 1}, {P: {"a": True}, AP: False}),
    ("names from names", {"propertyNames": {"enum": ["a", "b"]}}, {P: {"a": True}, AP: False}),
    ("names from patterns", {"propertyNames": {"pattern": "^a"}},
     {"patternProperties": {"^a": True}, AP: False}),
    ("required from minProperties", {"required": ["a"]},
     {"type": "object", P: {"a": True}, AP: False, "minProperties": 1}),
    ("unevaluated is additional", {P: {"a": True}, AP: False},
     {"allOf": [{P: {"a": True}}], "unevaluatedProperties": False}),
    ("unevaluated with conditions that evaluate nothing",
     {P: {"a": True, "b": True}, AP: False},
     {P: {"a": True, "b": True}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
      "unevaluatedProperties": False}),
    ("unevaluated items", {"prefixItems": [True], "items": False},
     {"allOf": [{"prefixItems": [True]}], "unevaluatedItems": False}),
    ("patterns apply to names", {"patternProperties": {"^a": {"type": "number"}}},
     {P: {"ab": {"type": "integer"}, "b": True}, AP: False}),
    ("never there", {P: {"a": {"type": "string"}}}, {P: {"a": False}}),
    ("draft-07 to 2020-12", {"prefixItems": [{"type": "null"}], "items": False},
     {"$schema": DRAFT_07, "items": [{"type": "null"}], "additionalItems": False}),
    ("references beside draft-07's $ref are nothing",
     {"$schema": DRAFT_07, "definitions": {"a": {"type": "null"}}, "$ref": "#/definitions/a",
      "maxLength": 0}, {"type": "null"}),
    ("a list by another name",
     {"$defs": {"n": {P: {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
     {P: {"next": {"$ref": "#"}, "v": {"type": "null"}}}),
    ("two steps for one",
     {"items": {"$ref": "#"}, "type": ["array", "null"]},
     {"items": {"type": ["array", "null"], "items": {"$ref": "#"}}, "type": "array"}),
    ("annotations", {"type": "string", "title": "a", "x-personal": True, "examples": [1]},
     {"type": "string", "description": "b"}),
    ("same opaque", {"$ref": "#/$defs/t", "title": "x",
     "$defs": {"t": {"anyOf": [{P: {"a": True}}, True], "unevaluatedProperties": False}}},
     {"anyOf": [{P: {"a": True}}, True], "unevaluatedProperties": False}),
    ("anything from nothing", {"type": "string"}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "writer"), [case[1:] for case in COMPATIBLE], ids=[case[0] for case in COMPATIBLE]
)
def test_what_is_compatible_is_proved(reader: Any, writer: Any) -> None:
    """Changes of words, and of what can never be, are no incompatibility."""
    assert backward(reader, writer) == []


UNTYPED: list[tuple[Any, Any, list[str]]] = [
    (True, {"type": "string"}, ["type_dropped"]),
    ({"title": "x"}, {"enum": [1]}, ["type_dropped"]),
    ({}, {"type": "object"}, []),
    (True, {}, []),
    (True, False, []),
    (False, False, []),
    ({"not": {}}, {"not": {}}, []),
    (True, {"not": {}}, ["nothing_allowed"]),
    ({"type": "string", "not": {"type": "string"}}, False, ["nothing_allowed"]),
    (False, {"not": True}, ["nothing_allowed"]),
]


@pytest.mark.parametrize(("reader", "writer", "changes"), UNTYPED)
def test_schemas_that_say_nothing_or_allow_nothing(
    reader: Any, writer: Any, changes: list[str]
) -> None:
    """A root without statements is an open object; one that no value fits is a mistake."""
    assert [finding.change for finding in backward(reader, writer)] == changes


def test_findings_say_where_what_and_what_to_do() -> None:
    """Each finding has a path into the bodies, a change, a sentence, an advice."""
    old = {
        "type": "object",
        P: {
            "name": {"type": "array", "items": {"type": "object", P: {"family": True}}},
            "sex": {"enum": ["f", "m", "x"]},
        },
    }
    new = copy.deepcopy(old)
    new[P]["name"]["items"]["required"] = ["family"]  # type: ignore[index]
    new[P]["sex"]["enum"] = ["f", "m"]  # type: ignore[index]
    first, second = backward(new, old)
    assert first == Incompatibility(
        "/name/*",
        "field_required",
        "the old version may leave out the field family, which the new version requires",
        "Leave the field optional, and give readers a default.",
    )
    assert (second.path, second.change) == ("/sex", "values_removed")
    assert str(second).startswith("/sex: the old version may hold other values than f, m")


def test_every_change_in_a_wide_schema_is_found_once() -> None:
    """Findings are neither lost nor repeated, and end at fifty."""
    old = {"type": "object", P: {f"f{i}": {"type": "number"} for i in range(80)}}
    new = {"type": "object", P: {f"f{i}": {"type": "integer"} for i in range(80)}}
    found = backward(new, old)
    assert len(found) == 50
    assert len({finding.path for finding in found}) == 50


def test_references_to_other_files_are_followed() -> None:
    """What a registry file says counts as if it stood in the schema."""
    resources = {"p/1": {"type": "integer"}, "p/2": {"type": "number"}}
    new, old = {P: {"a": {"$ref": "p/1"}}}, {P: {"a": {"$ref": "p/2"}}}
    assert check_compatibility(old, new, "json", "BACKWARD", resources=resources) == []
    (found,) = check_compatibility(new, old, "json", "BACKWARD", resources=resources)
    assert found.path == "/a"


def test_dynamic_references_are_compared_where_they_are_certain() -> None:
    """One anchor is a plain reference; of several nothing is assumed."""
    tree = {"$dynamicAnchor": "n", P: {"c": {"items": {"$dynamicRef": "#n"}}}}
    assert backward({P: {"c": {"items": {"$ref": "#"}}}}, tree) == []
    assert backward(tree, {P: {"c": {"items": {"$ref": "#"}}}}) == []
    two = {**tree, "$defs": {"other": {"$dynamicAnchor": "m"}}}
    assert backward(two, tree) == []


def test_wrong_versions_are_refused() -> None:
    """A version that is no schema is an error, not an incompatibility."""
    with pytest.raises(SchemaError, match=r"schema\.invalid"):
        backward({"type": "strnig"}, True)
    with pytest.raises(SchemaError, match=r"schema\.unresolved_reference"):
        backward(True, {"$ref": "https://example.org/x"})


def test_hostile_pairs_end_in_bounded_time() -> None:
    """Alternatives that multiply are given up, as undecided, within seconds."""
    many = [
        {"anyOf": [{P: {f"a{i}": {"const": j}}, "required": [f"a{i}"]} for j in range(6)]}
        for i in range(12)
    ]
    start = time.perf_counter()
    found = backward(
        {"allOf": many}, {"type": "object", "allOf": [*many[1:], {"minProperties": 2}]}
    )
    assert found
    again = backward({"oneOf": many}, {"oneOf": many[::-1]})
    assert all(finding.change for finding in again)
    assert time.perf_counter() - start < 20


def test_tagged_alternatives_are_told_apart() -> None:
    """Twenty alternatives that a tag tells apart are compared one by one."""
    old = {
        "type": "object",
        "oneOf": [
            {P: {"kind": {"const": f"k{i}"}, "a": {"type": "string"}}, "required": ["kind"]}
            for i in range(20)
        ],
    }
    new = copy.deepcopy(old)
    new["oneOf"][7][P]["a"] = {"type": ["string", "null"]}  # type: ignore[index]
    assert backward(new, old) == []
    assert [one.change for one in backward(old, new)] == ["alternatives_narrowed"]
    more = {"type": "object", "anyOf": [*old["oneOf"], {P: {"kind": {"const": "x"}}}]}
    assert backward(more, old) == []


def test_wide_schemas_are_compared_quickly() -> None:
    """Two versions of 200 fields take well under a second, even on a busy machine."""
    kinds: list[Any] = [
        {"type": "string", "minLength": 1, "maxLength": 50},
        {"type": "integer", "minimum": 0},
        {"type": "array", "items": {"$ref": "#/$defs/i"}},
        {"type": "object", P: {"x": {"type": "string"}}, "required": ["x"]},
    ]
    old = {
        "type": "object",
        AP: False,
        "required": [f"f{i}" for i in range(200)],
        P: {f"f{i}": kinds[i % 4] for i in range(200)},
        "$defs": {"i": {"type": "object"}},
    }
    new = copy.deepcopy(old)
    new[P]["more"] = {"type": "null"}  # type: ignore[index]
    start = time.process_time()
    assert backward(new, old) == []
    assert time.process_time() - start < 0.5
