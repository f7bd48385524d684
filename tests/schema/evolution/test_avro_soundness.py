"""What Avro versions are said to read of each other they really read."""

from __future__ import annotations

import copy
import os
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from xroad_lite.errors import SchemaError
from xroad_lite.schema import check_compatibility, compile_schema
from xroad_lite.schema.sampling import examples

# the long form, for `make soak`: XROAD_LITE_SOAK_PAIRS=20000
PAIRS = int(os.environ.get("XROAD_LITE_SOAK_PAIRS", "150"))
PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL = [
    {"type": "int", "logicalType": "date"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "string", "logicalType": "uuid"},
    {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
    {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2},
]
DEFAULTS: dict[str, Any] = {"null": None, "boolean": True, "int": 1, "long": 2, "float": 1.5,
                            "double": 2.5, "bytes": "a", "string": "text"}  # fmt: skip


def made(random: Random, depth: int, name: str) -> Any:
    """A type; named ones take the name."""
    kind = random.choice(["plain", "plain", "logical", "array", "map", "union", "enum", "fixed"]
                         + ["record"] * (depth > 0))  # fmt: skip
    match kind:
        case "logical":
            return copy.deepcopy(random.choice(LOGICAL))
        case "array":
            return {"type": "array", "items": made(random, depth - 1, name + "i")}
        case "map":
            return {"type": "map", "values": made(random, depth - 1, name + "v")}
        case "union":
            return random.sample(PRIMITIVES, random.randint(1, 3))
        case "enum":
            return {"type": "enum", "name": name, "symbols": ["A", "B", "C"]}
        case "fixed":
            return {"type": "fixed", "name": name, "size": random.choice([2, 4])}
        case "record":
            return record(random, depth - 1, name)
    return random.choice(PRIMITIVES)


def record(random: Random, depth: int, name: str) -> dict[str, Any]:
    """A record of up to three fields."""
    fields = []
    for number in range(random.randint(1, 3)):
        of = made(random, depth, f"{name}f{number}")
        field = {"name": f"f{number}", "type": of}
        if isinstance(of, str) and random.random() < 0.4:
            field["default"] = DEFAULTS[of]
        fields.append(field)
    return {"type": "record", "name": name, "fields": fields}


def mutate(random: Random, value: Any) -> None:
    """Change one thing somewhere inside."""
    places = list(_inside(value))
    place = random.choice(places)
    if place.get("type") == "record":
        action = random.choice(["add", "drop", "rename", "alias", "reorder", "space"])
        fields = place["fields"]
        if action == "add":
            more = {"name": "more", "type": (of := random.choice(PRIMITIVES))}
            fields.append(more | ({"default": DEFAULTS[of]} if random.random() < 0.5 else {}))
        elif action == "drop":
            del fields[1:]
        elif action in ("rename", "alias"):
            field = random.choice(fields)
            if action == "alias":
                field["aliases"] = [field["name"]]
            field["name"] = "renamed"
        elif action == "reorder":
            fields.reverse()
        else:
            place["namespace"] = "other"
    elif place.get("type") == "enum":
        place["symbols"] = random.choice([["A", "B"], ["A", "B", "C", "D"], ["C", "A", "B"]])
        if random.random() < 0.4:
            place["default"] = "A"
    elif place.get("type") == "fixed":
        place["size"] = random.choice([2, 4, 8])
    elif "name" in place and "type" in place:
        place["type"] = random.choice([*PRIMITIVES, ["null", "string"], ["int", "string"]])
        place.pop("default", None)
    elif "logicalType" in place and random.random() < 0.5:
        del place["logicalType"]
    elif "logicalType" in place:
        place.update(random.choice(LOGICAL))


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _inside(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _inside(inner)


@pytest.mark.timeout(max(120, PAIRS // 10))
@settings(max_examples=PAIRS, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**40))
def test_compatible_means_that_bodies_are_read(seed: int) -> None:
    """Whatever is written under the one version is read, and valid, in the terms of the other."""
    random = Random(seed)
    first = record(random, 2, "R")
    second = copy.deepcopy(first)
    for _ in range(random.randint(1, 2)):
        mutate(random, second)
    for reader, writer in ((first, second), (second, first)):
        try:
            read, write = compile_schema(reader, "avro"), compile_schema(writer, "avro")
            found = check_compatibility(reader, writer, "avro", "BACKWARD")
        except SchemaError:
            event("no schema")
            continue
        event("incompatible" if found else "compatible")
        if not found:
            for body in examples(write, 4, seed):
                data = write.encode(write.from_json(body))
                try:
                    value = read.decode_from(data, write)
                except SchemaError as error:
                    if "utf-8" in error.message:  # Avro lets bytes be read as text
                        continue
                    raise
                assert read.validate(value) == []
