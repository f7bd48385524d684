"""Avro evolution: judged by Avro's own module, explained by us, and true of real bytes."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import examples

from xroad_lite.errors import SchemaError
from xroad_lite.schema import check_compatibility, compile_schema


def record(*fields: Any, name: str = "r", **more: Any) -> dict[str, Any]:
    """A record of fields, each ``(name, type)`` or ``(name, type, default)``."""
    keys = ("name", "type", "default")
    found = [dict(zip(keys, one, strict=False)) for one in fields]
    return {"type": "record", "name": name, "fields": found, **more}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    """A decimal in bytes."""
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    """An enum."""
    return {"type": "enum", "name": "e", "symbols": list(symbols), **more}


CASES: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    # reader, writer, findings: path and change
    (record(("a", "int")), record(("a", "int"), ("b", "int")), []),
    (record(("a", "int"), ("b", "int")), record(("a", "int")), [("/b", "field_without_default")]),
    (record(("a", "int"), ("b", "int", 0)), record(("a", "int")), []),
    (record(("a", "long")), record(("a", "int")), []),
    (record(("a", "int")), record(("a", "long")), [("/a", "type_changed")]),
    (record(("a", {"type": "array", "items": "int"})),
     record(("a", {"type": "array", "items": "string"})), [("/a/*", "type_changed")]),
    (record(("a", ["null", "int"])), record(("a", "int")), []),
    (record(("a", "int")), record(("a", ["null", "int"])), [("/a", "branch_removed")]),
    (record(name="s"), record(), [("", "name_changed")]),
    (record(name="s", aliases=["r"]), record(), []),
    (enum("A"), enum("A", "B"), [("", "symbols_removed")]),
    (enum("A", default="A"), enum("A", "B"), []),
    ({"type": "fixed", "name": "f", "size": 2}, {"type": "fixed", "name": "f", "size": 3},
     [("", "size_changed")]),
    (["null", record(("a", "int"), ("b", "int"))], ["null", record(("a", "int"))],
     [("/b", "field_without_default")]),
    ({"type": "map", "values": "int"}, {"type": "map", "values": "null"},
     [("/*", "type_changed")]),
    (decimal(9, 2), decimal(8, 2), []),
    (decimal(8, 2), decimal(9, 2), [("", "logical_type_changed")]),
    (decimal(9, 3), decimal(9, 2), [("", "logical_type_changed")]),
    ({"type": "long", "logicalType": "timestamp-micros"},
     {"type": "long", "logicalType": "timestamp-millis"}, [("", "logical_type_changed")]),
    ({"type": "int", "logicalType": "date"}, "int", []),
    (record(("v", "int"), ("next", ["null", "r"])), record(("v", "long"), ("next", ["null", "r"])),
     [("/v", "type_changed")]),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "writer", "findings"), CASES)
def test_findings_name_path_and_change(
    reader: Any, writer: Any, findings: list[tuple[str, str]]
) -> None:
    """Each incompatibility is found at the type that is its reason."""
    found = check_compatibility(reader, writer, "avro", "BACKWARD")
    assert [(one.path, one.change) for one in found] == findings
    assert all(one.message and one.advice for one in found)


def test_names_of_other_files_are_compared() -> None:
    """A type that a registry file declares counts as if it stood in the schema."""
    resources = {"x": record(("a", "int"), name="x.N")}
    new, old = record(("n", "x.N")), record(("n", record(("a", "string"), name="x.N")))
    found = check_compatibility(new, old, "avro", "BACKWARD", resources=resources)
    assert [one.path for one in found] == ["/n/a"]


@pytest.mark.parametrize("document", [{"type": "array"}, "nothing", 3, {"type": "fixed"}])
def test_wrong_versions_are_refused(document: Any) -> None:
    """A version that is no schema is an error, not an incompatibility."""
    with pytest.raises(SchemaError, match=r"schema\.invalid"):
        check_compatibility(document, "int", "avro", "BACKWARD")


def made(random: Random, depth: int) -> Any:
    """A type that nests at most this deep."""
    leaves = ["int", "long", "float", "double", "string", "bytes", "boolean", "null"]
    kind = random.choice([*leaves, "record", "array", "union", "enum"]) if depth else "int"
    match kind:
        case "record":
            names = random.sample("abc", random.randint(1, 3))
            fields = [(name, made(random, depth - 1)) for name in names]
            with_default = [
                (*one, 7) if one[1] in ("int", "long") and random.random() < 0.5 else one
                for one in fields
            ]
            return record(*with_default, ("z", "int"), name=f"r{depth}")
        case "array":
            return {"type": "array", "items": ["int", "string"]}
        case "union":
            return random.sample(leaves, 3)
        case "enum":
            return {**enum(*random.sample("ABC", 2)), "name": f"e{random.randrange(10**9)}"}
    return kind


def value(random: Random, of: Any) -> Any:
    """A value of a type."""
    if isinstance(of, list):
        return value(random, random.choice(of))
    if isinstance(of, dict) and of["type"] == "record":
        return {one["name"]: value(random, one["type"]) for one in of["fields"]}
    if isinstance(of, dict) and of["type"] == "array":
        return [value(random, of["items"]) for _ in range(3)]
    if isinstance(of, dict):
        return random.choice(of["symbols"])
    return {"string": "text", "bytes": b"\xc3\xb1", "boolean": True, "null": None}.get(
        of, random.randrange(100)
    )


@settings(max_examples=examples(150), deadline=None, database=None)
@given(st.integers(0, 2**40))
def test_compatible_means_that_bytes_are_read(seed: int) -> None:
    """What the writer wrote, a reader judged compatible really reads."""
    random = Random(seed)
    try:
        old, new = compile_schema(made(random, 2), "avro"), compile_schema(made(random, 2), "avro")
    except SchemaError:
        return
    if check_compatibility(new.document, old.document, "avro", "BACKWARD"):
        return
    for _ in range(5):
        new.decode_from(old.encode(value(random, old.document)), old)
