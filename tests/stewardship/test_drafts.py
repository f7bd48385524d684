"""Drafts of schemas: empty, and from samples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import examples

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema
from xroad_lite.stewardship.drafts import empty, inferred
from xroad_lite.stewardship.lint import lint
from xroad_lite.stewardship.samples import read_samples

texts = st.one_of(st.text(max_size=8), st.sampled_from(["a", "b", "2024-02-29", "x@y.cl"]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False,
                    allow_infinity=False), texts)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", "birthDate", "", "/~"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=examples(80))
@given(st.lists(values, min_size=1, max_size=8))
def test_a_draft_accepts_its_samples(samples: list[Any]) -> None:
    """Every draft compiles and accepts all that it was made from."""
    schema = compile_schema(inferred(samples, "sample", ["en", "es"]), "json")
    for sample in samples:
        assert schema.validate(sample) == []


def test_what_samples_show() -> None:
    """Formats, nullability, presence and modest code lists; not the bounds of a few numbers."""
    samples = [
        {"born": "2024-01-02", "kind": "ab"[i % 2], "age": i, "note": None if i else "text"}
        for i in range(10)
    ]
    samples[3].pop("age")
    found = inferred(samples, "birth-notice", ["en"])
    told = {name: {k: v for k, v in said.items() if "title" not in k and k != "description"}
            for name, said in found["properties"].items()}  # fmt: skip
    assert told == {
        "born": {"x-personal": True, "type": "string", "format": "date"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "age": {"type": "integer"},
        "note": {"type": ["string", "null"], "maxLength": 64},
    }
    assert found["required"] == ["born", "kind", "note"]
    assert found["additionalProperties"] is False
    assert found["title"] == "Birth notice"


def test_objects_with_many_names_are_maps() -> None:
    """Names that are data do not become fields."""
    samples = [{f"person{n}": n} for n in range(500)]
    found = inferred(samples, "map", ["en"])
    assert "properties" not in found
    assert found["additionalProperties"] == {"type": "integer"}


def test_lint_finds_what_only_the_steward_knows() -> None:
    """A draft breaks only the rules about words and code lists; an empty one only about words."""
    samples = [{"visitDate": "2024-01-02", "outcome": "ab"[i % 2], "email": "a@b.cl",
                "parts": [{"n": 1.5}], "map": {}} for i in range(9)]  # fmt: skip
    found = lint(inferred(samples, "visit", ["en", "es"]), "json", languages=["en", "es"])
    assert {one.rule for one in found} == {"title", "description", "codelist", "subject"}
    for kind in ("json", "avro"):
        document = empty("citizens.visit-made", kind, ["en", "es"])
        rules = {one.rule for one in lint(document, kind, languages=["en", "es"])}
        assert rules == {"title", "description"}


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.json", b'[{"a": 1}, {"a": null}]', [{"a": 1}, {"a": None}]),
        ("a.json", b'{"a":\n 1}', [{"a": 1}]),
        ("a.ndjson", b'{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ("a.txt", b'{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ("a.csv", b"\xef\xbb\xbfn,x,t,z\r\n1,1.5,true,007\r\n,2,false,1\r\n",
         [{"n": 1, "x": 1.5, "t": True, "z": "007"}, {"x": 2.0, "t": False, "z": "1"}]),
        ("a.csv", b'a;b\n"x;y";2024-01-02\n', [{"a": "x;y", "b": "2024-01-02"}]),
    ],
)  # fmt: skip
def test_samples_are_read(name: str, data: bytes, expected: list[Any]) -> None:
    """JSON, one object or many, lines of JSON, and CSV with its own delimiter."""
    assert list(read_samples(name, data)) == expected


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.ndjson", b'{"a": 1}\n{"a": 1, "a": 2}', "line 2: the key 'a' stands twice"),
        ("a.csv", b"a,a\n1,2\n", "names the columns, each once"),
        ("a.csv", b"a\n1,2\n", "row 2 has 2 values, expected 1"),
        ("a.csv", b"\xff\xfe\n", "neither JSON nor UTF-8"),
        ("a.json", b"[" * 100_000, "nested deeper than 200"),
    ],
)
def test_bad_samples_are_named(name: str, data: bytes, message: str) -> None:
    """An error says which line of which file."""
    with pytest.raises(SchemaError, match=message):
        inferred(read_samples(name, data), "x", ["en"])


def test_no_samples_is_an_error() -> None:
    """Nothing can be inferred from nothing."""
    with pytest.raises(SchemaError, match="there are no samples"):
        inferred(read_samples("a.json", json.dumps([]).encode()), "x", ["en"])
