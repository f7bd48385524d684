"""Examples are valid, near misses break exactly the rule that they name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sharing
from hypothesis import given, settings
from hypothesis import strategies as st

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema
from xroad_lite.schema.sampling import examples, near_misses
from xroad_lite.stewardship import bundled_files

sys.path.append(str(Path(__file__).parent / "evolution"))
from schema_pairs import pair

FILES = bundled_files()
SCHEMAS = sorted(path for path in FILES if path.startswith("schemas/") and "subject" not in path)
VISIT: dict[str, Any] = {
    "type": "record",
    "name": "Visit",
    "fields": [
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "guests", "default": None, "type": ["null", {"type": "array", "items": {
            "type": "record", "name": "Guest", "fields": [{"name": "name", "type": "string"},
                {"name": "host", "type": ["null", "Guest"]}]}}]},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6,
                                    "scale": 2}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "number", "type": "int"},
        {"name": "key", "type": {"type": "fixed", "name": "Key", "size": 4}},
        {"name": "more", "type": {"type": "map", "values": "double"}},
    ],
}  # fmt: skip
RULES: dict[str, Any] = {
    "type": "object",
    "required": ["code"],
    "additionalProperties": False,
    "minProperties": 2,
    "dependentRequired": {"until": ["from"]},
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2,4}$"},
        "from": {"type": "string", "format": "date"},
        "until": {"type": "string", "format": "date-time"},
        "kind": {"enum": ["a", "b", None]},
        "version": {"const": 2},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "steps": {"type": "integer", "multipleOf": 5, "minimum": 10, "maximum": 90},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1,
                 "maxItems": 3, "uniqueItems": True},
        "place": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["x"]}]},
        "note": {"not": {"type": "null"}, "maxLength": 5},
        "point": {"prefixItems": [{"type": "number"}, {"type": "number"}], "items": False,
                  "minItems": 2},
        "old": False,
        "others": {"type": "object", "propertyNames": {"pattern": "^x-"}, "maxProperties": 2,
                   "additionalProperties": {"type": "boolean"}},
    },
}  # fmt: skip


@pytest.mark.sampled(7)
@pytest.mark.parametrize("path", SCHEMAS)
def test_bundled_schemas_have_examples_and_near_misses(path: str) -> None:
    """Every bundled schema gives valid bodies, and bodies that each break one rule."""
    kind = "avro" if path.endswith(".avsc") else "json"
    schema = compile_schema(json.loads(FILES[path]), kind)
    found = examples(schema, 3, seed=1)
    assert len(found) == 3
    assert [schema.validate(schema.from_json(body)) for body in found] == [[], [], []]
    missed = near_misses(schema, 20, seed=1)
    assert len(missed) > 5
    for one in missed:
        broken = schema.validate(schema.from_json(one.body))
        assert [(b.path, b.rule, b.message) for b in broken] == [(one.path, one.rule, one.message)]


def test_every_rule_is_missed_once() -> None:
    """A schema with every keyword has a near miss for each, the first ones all different."""
    missed = near_misses(compile_schema(RULES, "json"), 200)
    rules = [one.rule for one in missed]
    assert set(rules) >= {
        "type", "required", "additionalProperties", "minProperties", "dependentRequired",
        "pattern", "format", "enum", "const", "exclusiveMinimum", "maximum", "multipleOf",
        "minimum", "minLength", "minItems", "maxItems", "uniqueItems", "anyOf", "not", "maxLength",
        "propertyNames", "maxProperties", "false",
    }  # fmt: skip
    assert len(set(rules)) == len(set(rules[: len(set(rules))]))


def test_avro_has_examples_and_near_misses() -> None:
    """Logical types, unions, fixed, enums and records that hold themselves."""
    schema = compile_schema(VISIT, "avro")
    found = examples(schema, 5)
    assert all(schema.is_valid(schema.from_json(body)) for body in found)
    assert found[0]["guests"]
    assert found[1]["guests"] is None
    rules = {one.rule for one in near_misses(schema, 100)}
    assert rules >= {"type", "required", "enum", "range", "size", "precision", "union"}


def test_a_seed_gives_the_same() -> None:
    """Examples do not change from run to run, and change with the seed."""
    schema = compile_schema(RULES, "json")
    assert examples(schema, 4, seed=5) == examples(schema, 4, seed=5)
    assert near_misses(schema, 40, seed=5) == near_misses(schema, 40, seed=5)
    assert examples(schema, 4, seed=5) != examples(schema, 4, seed=6)


def test_what_allows_nothing_has_no_example() -> None:
    """A clear error instead of an endless search."""
    for nothing in (False, {"type": "string", "minLength": 5, "maxLength": 4}, {"not": {}}):
        with pytest.raises(SchemaError, match="no valid body was found"):
            examples(compile_schema(nothing, "json"), 1)
    assert near_misses(compile_schema(True, "json"), 5) == []


@settings(max_examples=sharing.examples(60))
@given(st.integers(0, 2**40))
def test_random_schemas_have_valid_examples_or_none(seed: int) -> None:
    """Whatever a schema says: what comes out is valid, each near miss breaks one rule."""
    document, _ = pair(Random(seed))
    try:
        schema = compile_schema(document, "json")
        found = examples(schema, 2)
    except SchemaError:
        return
    assert all(schema.is_valid(body) for body in found)
    for one in near_misses(schema, 5):
        assert [broken.rule for broken in schema.validate(one.body)] == [one.rule]
