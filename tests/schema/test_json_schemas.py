"""JSON Schemas are checked, their references resolved among registry files, their cost bounded."""

from __future__ import annotations

import time
from typing import Any

import pytest

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema

DRAFT_07 = "http://json-schema.org/draft-07/schema#"


def refused(schema: Any, resources: dict[str, Any] | None = None) -> str:
    """The code with which a schema is refused, within a second."""
    start = time.process_time()
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema, "json", resources=resources)
    assert time.process_time() - start < 1
    return caught.value.code


@pytest.mark.parametrize(
    ("reference", "resources"),
    [
        ("citizens/person/1", {"citizens/person/1": {"type": "string"}}),
        ("https://x.cl/schemas/p/1", {"https://x.cl/schemas/p/1": {"type": "string"}}),
        ("https://x.cl/own", {"p/1": {"$id": "https://x.cl/own", "type": "string"}}),
        ("p/1#/$defs/a", {"p/1": {"$defs": {"a": {"type": "string"}}}}),
        ("p/1#a", {"p/1": {"$defs": {"x": {"$anchor": "a", "type": "string"}}}}),
        ("p/1#/$defs/a%25b~1c", {"p/1": {"$defs": {"a%b/c": {"type": "string"}}}}),
        ("p/1#/free/0", {"p/1": {"free": [{"type": "string"}]}}),
        ("p/1", {"p/1": {"$ref": "../q/1"}, "q/1": {"type": "string"}}),
        ("p/1", {"p/1": {"$schema": DRAFT_07, "$ref": "#/definitions/a", "type": "null",
                         "definitions": {"a": {"type": "string"}}}}),
    ],
)  # fmt: skip
def test_references_lead_to_other_registry_files(
    reference: str, resources: dict[str, object]
) -> None:
    """A ``$ref`` finds a file by path, by address, by its own ``$id``, pointer or anchor."""
    schema = compile_schema({"$ref": reference}, "json", resources=resources)
    assert schema.is_valid("text")
    assert not schema.is_valid(1)


def test_dynamic_references_follow_the_outermost_anchor() -> None:
    """A tree that is extended checks its children by the extension."""
    tree = {
        "$id": "https://x.cl/tree",
        "$dynamicAnchor": "node",
        "properties": {"children": {"items": {"$dynamicRef": "#node"}}},
    }
    strict = {
        "$id": "https://x.cl/strict",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "unevaluatedProperties": False,
    }
    schema = compile_schema(strict, "json", resources={"https://x.cl/tree": tree})
    assert schema.is_valid({"children": [{"children": []}]})
    assert not schema.is_valid({"children": [{"chidlren": []}]})


def test_recursive_schemas_compile() -> None:
    """A schema that refers to itself for smaller values is fine at any depth."""
    schema = compile_schema({"type": "array", "items": {"$ref": "#"}}, "json")
    value: list[Any] = []
    for _ in range(150):
        value = [value]
    assert schema.is_valid(value)


def test_draft_07_is_read_as_draft_07() -> None:
    """A list of items, known to draft-07 alone, is understood with and without ``$schema``."""
    for schema in (
        {"$schema": DRAFT_07, "items": [{"type": "null"}]},
        {"items": [{"type": "null"}]},
    ):
        compiled = compile_schema(schema, "json")
        assert compiled.is_valid([None, 1])
        assert not compiled.is_valid([1])


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.org/x",
        "file:///etc/passwd",
        "#/$defs/none",
        "#none",
        "other",
        "#/$defs/0/x",
    ],
)
def test_references_elsewhere_are_refused(reference: str) -> None:
    """Nothing is fetched: what no registry file holds is an unresolved reference."""
    assert refused({"items": {"$ref": reference}}) == "schema.unresolved_reference"
    assert refused({"$defs": {"a": {"$ref": reference}}}) == "schema.unresolved_reference"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strnig"},
        {"properties": {"a": {"minimum": "1"}}},
        {"required": "a"},
        {"$ref": 3},
        {"$defs": {"a": 3}},
        {"allOf": []},
        {"$schema": DRAFT_07, "exclusiveMinimum": True},
        {"$id": "#a"},
        {"const": object()},
        {"const": float("nan")},
        {"items": {"$ref": "http://[x"}},
        {"$defs": {"a": {"$id": "http://[x"}}},
        {"properties": {1: {}}},
        [],
        "string",
        None,
    ],
)
def test_wrong_schemas_are_refused(schema: Any) -> None:
    """What the metaschema refuses, or is no JSON, does not compile."""
    assert refused(schema) == "schema.invalid"


def test_a_wrong_resource_is_refused() -> None:
    """A file that is referred to is checked like the schema itself."""
    assert refused({"$ref": "p/1"}, {"p/1": {"type": 3}}) == "schema.invalid"


def test_other_dialects_are_refused() -> None:
    """Only the two drafts, and metaschemas of the registry built on them, are known."""
    assert refused({"$schema": "http://json-schema.org/draft-04/schema#"}) == (
        "schema.unknown_dialect"
    )
    assert refused({"$schema": 3}) == "schema.unknown_dialect"


@pytest.mark.parametrize("pattern", ["(?=a)b", "(a)\\1", "((a{1,100}){1,100}){1,100}", "("])
def test_patterns_without_linear_time_are_refused(pattern: str) -> None:
    """Look-around, back references and patterns that explode are refused at once."""
    assert refused({"pattern": pattern}) == "schema.pattern"
    assert refused({"patternProperties": {pattern: {}}}) == "schema.pattern"


def test_catastrophic_patterns_run_in_linear_time() -> None:
    """A pattern that backtracks for ages elsewhere answers at once."""
    schema = compile_schema({"pattern": "^(a+)+$"}, "json")
    start = time.process_time()
    assert not schema.is_valid("a" * 100_000 + "b")
    assert time.process_time() - start < 1


def test_reference_bombs_are_refused() -> None:
    """Thirty definitions that each refer twice to the next would take a billion steps."""
    bomb: dict[str, Any] = {
        f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(30)
    }
    bomb["a30"] = {"type": "string"}
    assert refused({"$ref": "#/$defs/a0", "$defs": bomb}) == "schema.expansion"


def test_bombs_along_the_body_are_counted() -> None:
    """Where a schema doubles at every level of the body, a deep body is refused at once."""
    twice = {"properties": {"a": {"allOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}}}
    schema = compile_schema({"$defs": {"n": twice}, "$ref": "#/$defs/n"}, "json")
    value: dict[str, Any] = {}
    for _ in range(100):
        value = {"a": value}
    start = time.process_time()
    assert [violation.rule for violation in schema.validate(value)] == ["work"]
    assert not schema.is_valid(value)
    assert schema.is_valid({"a": {"a": {}}})
    assert time.process_time() - start < 1


def test_many_alternatives_that_hold_one_another_are_no_bomb() -> None:
    """A hundred kinds that may hold any of the hundred, as in FHIR, check what is really nested."""
    kinds: dict[str, Any] = {
        f"K{i}": {
            "type": "object",
            "properties": {
                "kind": {"const": i},
                "contained": {"type": "array", "items": {"$ref": "#/$defs/Any"}},
            },
        }
        for i in range(100)
    }
    kinds["Any"] = {"oneOf": [{"$ref": f"#/$defs/K{i}"} for i in range(100)]}
    schema = compile_schema({"$ref": "#/$defs/Any", "$defs": kinds}, "json")
    assert schema.is_valid({"kind": 3, "contained": [{"kind": 4}, {"kind": 5}]})
    assert not schema.is_valid({"kind": 3, "contained": [{"kind": 400}]})
    deep: dict[str, Any] = {"kind": 0}
    for _ in range(50):
        deep = {"kind": 0, "contained": [deep]}
    assert [found.rule for found in schema.validate(deep)] == ["work"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    ],
)
def test_references_that_lead_back_to_themselves_are_refused(schema: dict[str, Any]) -> None:
    """A cycle that consumes nothing of the body can never end."""
    assert refused(schema) == "schema.reference_cycle"


def test_long_chains_of_references_are_refused() -> None:
    """Ten thousand references one after another are no schema that a person wrote."""
    chain: dict[str, Any] = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(10_000)}
    chain["a10000"] = True
    assert refused({"$ref": "#/$defs/a0", "$defs": chain}) == "schema.expansion"


def test_deep_and_huge_schemas_are_refused() -> None:
    """Depth 10,000, a million values or fifty million characters do not reach a compiler."""
    deep: Any = {}
    for _ in range(10_000):
        deep = {"not": deep}
    assert refused(deep) == "schema.too_deep"
    assert refused({"enum": list(range(1_000_000))}) == "schema.too_large"
    assert refused({"description": "x" * 50_000_000}) == "schema.too_large"
    assert refused({"properties": {f"a{i}": {"pattern": f"a{i}"} for i in range(2000)}}) == (
        "schema.too_large"
    )
    many = {f"p/{i}": {"enum": list(range(50_000))} for i in range(5)}
    assert refused({"anyOf": [{"$ref": name} for name in many]}, many) == "schema.too_large"


def test_duplicate_anchors_are_refused() -> None:
    """Two anchors of one name would let two readers disagree."""
    schema = {"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}
    assert refused(schema) == "schema.duplicate_name"


def test_metaschemas_of_the_standard_are_known() -> None:
    """A schema may describe a schema."""
    schema = compile_schema({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "json")
    assert schema.is_valid({"type": "string"})
    assert not schema.is_valid({"type": "strnig"})


def test_a_metaschema_of_the_registry_may_leave_vocabularies_out() -> None:
    """``$schema`` may name a registry file that is written in a known draft."""
    core = "https://json-schema.org/draft/2020-12/"
    meta = {
        "$schema": core + "schema",
        "$id": "https://x.cl/meta",
        "$vocabulary": {core + "vocab/core": True, core + "vocab/applicator": True},
        "$dynamicAnchor": "meta",
        "allOf": [{"$ref": core + "meta/core"}, {"$ref": core + "meta/applicator"}],
    }
    schema = compile_schema(
        {"$schema": "https://x.cl/meta", "properties": {"a": {"minimum": 3}, "b": False}},
        "json",
        resources={"https://x.cl/meta": meta},
    )
    assert schema.is_valid({"a": 1})
    assert not schema.is_valid({"b": 1})
