"""Avro schemas compile, their bodies are read strictly, checked, written and shown."""

from __future__ import annotations

import datetime
import io
import json
import os
import random
import time
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema, missing_for_projection, project

NAME = {
    "type": "record",
    "name": "Name",
    "namespace": "cl",
    "fields": [{"name": "family", "type": "string"}],
}
RESOURCES = {"citizens/name/1": NAME}
PERSON: dict[str, Any] = {
    "type": "record",
    "name": "cl.Person",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "born", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {
            "name": "pension",
            "type": [
                "null",
                {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            ],
            "default": None,
        },
        {"name": "code", "type": "string", "x-personal": True},
        {"name": "names", "type": {"type": "array", "items": "Name"}, "default": []},
        {"name": "parent", "type": ["null", "Person"], "default": None},
        {
            "name": "sex",
            "type": {"type": "enum", "name": "Sex", "symbols": ["female", "male"]},
            "default": "female",
        },
        {"name": "photo", "type": "bytes", "default": "\u00ff"},
        {"name": "marks", "type": {"type": "map", "values": ["int", "string"]}, "default": {}},
    ],
}
ANA: dict[str, Any] = {
    "id": UUID("0190a7c4-5d4e-7c3b-8f2a-1b2c3d4e5f60"),
    "born": datetime.date(2024, 2, 29),
    "at": datetime.datetime(2024, 3, 1, 12, 30, 0, 5000, tzinfo=datetime.UTC),
    "pension": Decimal("12.34"),
    "code": "4711",
    "names": [{"family": "Soto"}],
    "parent": None,
    "sex": "female",
    "photo": b"\x00\xff",
    "marks": {"a": 1, "b": "two"},
}
SCHEMA = compile_schema(PERSON, "avro", resources=RESOURCES)


def refused(document: Any, resources: dict[str, Any] | None = None) -> str:
    """The code with which a schema is refused, within a second."""
    start = time.process_time()
    with pytest.raises(SchemaError) as caught:
        compile_schema(document, "avro", resources=resources)
    assert time.process_time() - start < 1
    return caught.value.code


def unreadable(document: Any, data: bytes) -> str:
    """What is said of bytes that are refused, within a second."""
    start = time.process_time()
    with pytest.raises(SchemaError, match=r"schema\.not_avro") as caught:
        compile_schema(document, "avro").decode(data)
    assert time.process_time() - start < 1
    return caught.value.message


def test_a_body_survives_bytes_and_json() -> None:
    """Logical types, unions, maps and names of other files come back as they went."""
    value = {**ANA, "parent": ANA}
    assert SCHEMA.validate(value) == []
    assert SCHEMA.decode(SCHEMA.encode(value)) == value
    assert SCHEMA.from_json(SCHEMA.to_json(value)) == value
    assert (SCHEMA.kind, SCHEMA.content_type) == ("avro", "avro/binary")


def test_bytes_are_those_of_any_other_library() -> None:
    """What fastavro writes by itself is what we write and read."""
    names: dict[str, Any] = {}
    fastavro.parse_schema(NAME, names)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(PERSON, names), ANA)
    assert SCHEMA.encode(ANA) == out.getvalue()


def test_json_is_for_people() -> None:
    """Dates, decimals and UUIDs are texts, bytes base64, unions their value."""
    shown = SCHEMA.to_json(ANA)
    assert shown["born"] == "2024-02-29"
    assert shown["at"] == "2024-03-01T12:30:00.005000Z"
    assert shown["pension"] == "12.34"
    assert shown["photo"] == "AP8="
    assert shown["id"] == str(ANA["id"])


def test_json_that_means_nothing_is_left_for_validation() -> None:
    """A text that is no date stays a text, and the violation says so."""
    value = SCHEMA.from_json({**SCHEMA.to_json(ANA), "born": "29.2."})
    (found,) = SCHEMA.validate(value)
    assert (found.path, found.rule) == ("/born", "type")
    assert found.message == 'got the text "29.2.", expected a date'


def test_numbers_that_json_lacks_are_texts() -> None:
    """NaN and the infinities are written as texts and read back."""
    schema = compile_schema({"type": "array", "items": "double"}, "avro")
    assert schema.to_json([float("inf"), 1.5]) == ["inf", 1.5]
    assert schema.from_json(["-inf", "odd"]) == [float("-inf"), "odd"]


def test_missing_fields_take_their_defaults() -> None:
    """What has a default may be left out, and is written with it."""
    small = {name: ANA[name] for name in ("id", "born", "at", "code")}
    assert SCHEMA.validate(small) == []
    read = SCHEMA.decode(SCHEMA.encode(small))
    assert (read["pension"], read["photo"], read["sex"], read["names"]) == (
        None,
        b"\xff",
        "female",
        [],
    )


@pytest.mark.parametrize(
    ("change", "path", "rule"),
    [
        ({"id": "x"}, "/id", "type"),
        ({"born": datetime.datetime(2024, 1, 1)}, "/born", "type"),  # noqa: DTZ001
        ({"at": datetime.datetime(2024, 1, 1)}, "/at", "type"),  # noqa: DTZ001
        ({"at": ANA["at"].replace(microsecond=1)}, "/at", "precision"),
        ({"pension": Decimal("1.234")}, "/pension", "precision"),
        ({"pension": Decimal("12345678.9")}, "/pension", "precision"),
        ({"pension": Decimal("NaN")}, "/pension", "precision"),
        ({"names": [{"family": 3}]}, "/names/0/family", "type"),
        ({"names": [{}]}, "/names/0", "required"),
        ({"names": "x"}, "/names", "type"),
        ({"parent": {**ANA, "sex": "x"}}, "/parent/sex", "enum"),
        ({"sex": "other"}, "/sex", "enum"),
        ({"marks": {"a": 1 << 31}}, "/marks/a", "range"),
        ({"marks": {"a": None}}, "/marks/a", "union"),
        ({"other": 1}, "", "additionalProperties"),
        ({"code": "\ud800"}, "/code", "format"),
    ],
)
def test_violations_name_path_and_rule(change: dict[str, Any], path: str, rule: str) -> None:
    """Each kind of mistake is found where it is, and cannot be written."""
    (found,) = SCHEMA.validate({**ANA, **change})
    assert (found.path, found.rule) == (path, rule)
    assert not SCHEMA.is_valid({**ANA, **change})
    with pytest.raises(SchemaError, match=r"schema\.not_avro"):
        SCHEMA.encode({**ANA, **change})


@pytest.mark.parametrize(
    ("of", "value", "rule"),
    [
        ({"type": "fixed", "name": "f", "size": 2}, b"abc", "size"),
        ("float", 10**400, "range"),
        ("boolean", 1, "type"),
        ("long", True, "type"),
    ],
)  # fmt: skip
def test_values_fit_their_bytes(of: Any, value: Any, rule: str) -> None:
    """Sizes and ranges are checked before anything is written."""
    (found,) = compile_schema(of, "avro").validate(value)
    assert found.rule == rule


def test_personal_values_are_masked() -> None:
    """A field that is marked does not show its value."""
    (found,) = SCHEMA.validate({**ANA, "code": 4711})
    assert found.message == "got (personal data), expected a text"


def test_at_most_twenty_violations_are_reported() -> None:
    """A body full of mistakes costs no more than a page."""
    schema = compile_schema({"type": "array", "items": "int"}, "avro")
    assert len(schema.validate(["x"] * 1000)) == 20


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"type": "array", "items": "null"}, "schema.zero_width_items"),
        ({"type": "map", "values": "null"}, "schema.zero_width_items"),
        ({"type": "array", "items": {"type": "fixed", "name": "f", "size": 0}},
         "schema.zero_width_items"),
        ({"type": "array", "items": {"type": "record", "name": "a", "fields": [
            {"name": "b", "type": {"type": "record", "name": "c", "fields": []}},
            {"name": "n", "type": "null"}]}}, "schema.zero_width_items"),
        ([{"type": "record", "name": "a", "fields": []}, {"type": "array", "items": "a"}],
         "schema.zero_width_items"),
        ({"type": "record", "name": "a", "fields": [{"name": "x", "type": "a"}]},
         "schema.endless_type"),
        ({"type": "record", "name": "a", "fields": [
            {"name": f"n{i}", "type": "null"} for i in range(100)]}, "schema.zero_width_fields"),
        ({"type": "record", "name": "a", "fields": [
            {"name": "x", "type": ["null", "a"], "default": {}}]}, "schema.invalid"),
        ({"type": "record", "name": "a", "fields": [
            {"name": "x", "type": "int", "default": "3"}]}, "schema.invalid"),
        ({"type": "record", "name": "a", "fields": [
            {"name": "x", "type": "int"}, {"name": "x", "type": "int"}]}, "schema.duplicate_name"),
        ([{"type": "fixed", "name": "f", "size": 1}, {"type": "enum", "name": "f",
            "symbols": ["a"]}], "schema.duplicate_name"),
        ({"type": "enum", "name": "e", "symbols": ["a", "a"]}, "schema.duplicate_name"),
        ({"type": "enum", "name": "e", "symbols": []}, "schema.invalid"),
        ({"type": "enum", "name": "e", "symbols": ["a-b"]}, "schema.invalid"),
        ({"type": "enum", "name": "e", "symbols": ["a"], "default": "b"}, "schema.invalid"),
        ({"type": "fixed", "name": "f", "size": -1}, "schema.invalid"),
        ({"type": "fixed", "name": "f", "size": 1 << 40}, "schema.invalid"),
        ({"type": "record", "name": "1a", "fields": []}, "schema.invalid"),
        ({"type": "record", "name": "int", "fields": []}, "schema.invalid"),
        ({"type": "record", "fields": []}, "schema.invalid"),
        ({"type": "record", "name": "a"}, "schema.invalid"),
        ({"type": "record", "name": "a", "fields": [{"name": "x"}]}, "schema.invalid"),
        ({"type": "string", "__fastavro_parsed": True}, "schema.invalid"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3},
         "schema.invalid"),
        ({"type": "array"}, "schema.invalid"),
        (["int", "int"], "schema.invalid"),
        (["int", ["null"]], "schema.invalid"),
        ([], "schema.invalid"),
        (3, "schema.invalid"),
        ("cl.Nobody", "schema.unresolved_reference"),
    ],
)  # fmt: skip
def test_wrong_schemas_are_refused(document: Any, code: str) -> None:
    """What the specification forbids, or a few bytes could blow up, does not compile."""
    assert refused(document) == code


def test_records_that_multiply_without_bytes_are_refused() -> None:
    """Forty records, each holding the one before twice, would make a trillion values."""
    bomb: list[Any] = [{"type": "record", "name": "r0", "fields": [{"name": "a", "type": "null"}]}]
    for i in range(1, 40):
        fields = [{"name": "a", "type": f"r{i - 1}"}, {"name": "b", "type": f"r{i - 1}"}]
        bomb.append({"type": "record", "name": f"r{i}", "fields": fields})
    assert refused(bomb) == "schema.zero_width_fields"


def test_deep_huge_and_cyclic_schemas_are_refused() -> None:
    """Depth, size and files that need each other end in an error, not in a crash."""
    deep: Any = "int"
    for _ in range(10_000):
        deep = {"type": "array", "items": deep}
    assert refused(deep) == "schema.too_deep"
    assert refused({"type": "enum", "name": "e", "symbols": ["a"] * 1_000_000}) == (
        "schema.too_large"
    )
    two = {
        name: {"type": "record", "name": name, "fields": [{"name": "x", "type": ["null", other]}]}
        for name, other in (("a", "b"), ("b", "a"))
    }
    assert refused("a", two) == "schema.reference_cycle"


@pytest.mark.parametrize(
    ("document", "data", "words"),
    [
        ("int", b"", "end in the middle"),
        ("int", b"\x02\x02", "1 bytes are left over"),
        ("int", b"\x80\x80\x80\x80\x10", "beyond what int can hold"),
        ("long", b"\xff" * 20, "longer than 64 bits"),
        ("long", b"\x80\x00", "padded"),
        ("boolean", b"\x02", "a boolean is 2"),
        ("float", b"\x00", "end in the middle"),
        ("bytes", b"\x80\x80\x80\x80\x80\x40a", "end in the middle"),
        ("bytes", b"\x01", "a length is negative"),
        ("string", b"\x02\xff", "not UTF-8"),
        (["null", "int"], b"\x01\x00", "branch -1: expected 0 to 1"),
        (["null", "int"], b"\x04", "branch 2"),
        ({"type": "enum", "name": "e", "symbols": ["a"]}, b"\x01", "index -1"),
        ({"type": "array", "items": "int"}, b"\xfe\xff\xff\xff\xff\xff\x01\x02", "in the middle"),
        ({"type": "array", "items": "int"}, b"\x01\x10\x02\x00", "not as long as it says"),
        ({"type": "map", "values": "int"}, b"\x04\x02a\x02\x02a\x04\x00", "stands twice"),
        ({"type": "int", "logicalType": "date"}, b"\xfe\xff\xff\xff\x0f", "beyond what date"),
        ({"type": "string", "logicalType": "uuid"}, b"\x02a", "cannot be read"),
    ],
)
def test_hostile_bytes_are_refused(document: Any, data: bytes, words: str) -> None:
    """What readers of other libraries would read differently, or die of, is refused."""
    assert words in unreadable(document, data)


def test_blocks_are_read() -> None:
    """Arrays in several blocks, with and without their size, are one array."""
    schema = compile_schema({"type": "array", "items": "int"}, "avro")
    assert schema.decode(b"\x01\x02\x02\x04\x04\x06\x00") == [1, 2, 3]


def test_deep_bodies_are_refused_before_they_are_built() -> None:
    """A million levels would overflow the stack of the reader."""
    chain = {"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}
    assert "nests deeper than 100" in unreadable(chain, b"\x02" * 1_000_000 + b"\x00")
    schema = compile_schema(chain, "avro")
    value: Any = None
    for _ in range(150):
        value = {"n": value}
    assert [found.rule for found in schema.validate(value)] == ["depth"]
    assert schema.from_json(value) is value
    assert schema.decode(b"\x02" * 90 + b"\x00")


def test_unions_of_records_cost_no_powers() -> None:
    """Sixty levels of a union whose first branch always fails late are checked and written."""
    other = {
        "type": "record",
        "name": "B",
        "fields": [{"name": "n", "type": ["null", "A", "B"]}, {"name": "x", "type": "string"}],
    }
    first = {
        "type": "record",
        "name": "A",
        "fields": [{"name": "n", "type": ["null", "A", other]}, {"name": "x", "type": "int"}],
    }
    schema = compile_schema([first, "B"], "avro")
    value: Any = None
    for _ in range(60):
        value = {"n": value, "x": "text"}
    start = time.process_time()
    assert schema.decode(schema.encode(value)) == value
    assert schema.from_json(schema.to_json(value)) == value
    assert time.process_time() - start < 2


def test_mutated_bytes_raise_only_our_errors() -> None:
    """Random changes to a body are refused by a SchemaError, or read as some other value."""
    random.seed(4)
    good = SCHEMA.encode({**ANA, "parent": ANA})
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(len(data))] = random.randrange(256)
        try:
            value = SCHEMA.decode(bytes(data[: random.randrange(1, 2 * len(data))]))
        except SchemaError:
            continue
        if SCHEMA.is_valid(value):
            assert SCHEMA.decode(SCHEMA.encode(value)) == value
    for size in range(300):
        try:
            SCHEMA.decode(os.urandom(size))
        except SchemaError:
            continue


def test_a_reader_reads_what_another_version_wrote() -> None:
    """Defaults, aliases, promotions and left-out fields follow the specification."""
    old = {
        "type": "record",
        "name": "P",
        "fields": [{"name": "id", "type": "int"}, {"name": "gone", "type": "string"}],
    }
    new = {
        "type": "record",
        "name": "P",
        "fields": [
            {"name": "number", "aliases": ["id"], "type": "long"},
            {"name": "added", "type": ["null", "string"], "default": None},
        ],
    }
    writer, reader = compile_schema(old, "avro"), compile_schema(new, "avro")
    data = writer.encode({"id": 7, "gone": "x"})
    assert reader.decode_from(data, writer) == {"number": 7, "added": None}
    with pytest.raises(SchemaError, match=r"schema\.unresolvable"):
        compile_schema("int", "avro").decode_from(data, writer)
    with pytest.raises(SchemaError, match=r"schema\.not_avro"):
        reader.decode_from(data + b"\x00", writer)
    with pytest.raises(ValueError, match="cannot be read as json"):
        compile_schema({}, "json").decode_from(data, writer)


def test_json_is_read_alike_in_every_version() -> None:
    """JSON bodies and their people's form are the same for reader and writer."""
    one, two = compile_schema({}, "json"), compile_schema({"type": "object"}, "json")
    assert one.decode_from(b'{"a":1}', two) == {"a": 1}
    assert one.to_json({"a": 1}) == one.from_json({"a": 1}) == {"a": 1}


def test_projection_keeps_a_record_complete() -> None:
    """A removed field takes its default, or null; one that has neither is named beforehand."""
    fields = ["/id", "/born", "/at", "/code", "/names/*/family", "/marks/b"]
    kept = project(PERSON, "avro", ANA, fields, resources=RESOURCES)
    assert SCHEMA.project(ANA, fields) == kept
    assert kept["names"] == ANA["names"]
    assert kept["marks"] == {"b": "two"}
    assert (kept["pension"], kept["sex"], kept["photo"]) == (None, "female", b"\xff")
    assert SCHEMA.validate(kept) == []
    assert project(PERSON, "avro", kept, fields, resources=RESOURCES) == kept
    assert missing_for_projection(PERSON, fields, kind="avro", resources=RESOURCES) == ()
    assert missing_for_projection(
        PERSON, ["/id", "/names/*/none"], kind="avro", resources=RESOURCES
    ) == ("/at", "/born", "/code", "/names/*/family")
    assert project(PERSON, "avro", ANA, [], resources=RESOURCES).get("code") is None


def test_defaults_are_read_as_values() -> None:
    """A field that the writer lacks gets bytes and dates, not what stands in the schema."""
    old = compile_schema({"type": "record", "name": "R", "fields": []}, "avro")
    document = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "data", "type": "bytes", "default": "\u00ff"},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}, "default": 1},
        ],
    }
    kept = json.dumps(document)
    new = compile_schema(document, "avro")
    assert json.dumps(document) == kept
    value = new.decode_from(old.encode({}), old)
    assert value == {"data": b"\xff", "day": datetime.date(1970, 1, 2)}
    assert new.validate(value) == []
