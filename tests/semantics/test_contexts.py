"""Bindings: what keys mean, what is refused in a context, what a schema leaves unbound."""

from __future__ import annotations

from typing import Any

import pytest
from semantic_cases import IRIS, TEXT, cell, record, terms, world

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import translator
from xroad_lite.semantics.binding import bind
from xroad_lite.semantics.context import Context, extended

A = IRIS["a"]


def _iris(schema: dict[str, Any]) -> dict[str, str | None]:
    return {field.key: field.iri for field in bind(schema, lambda iri: None).root.fields}


@pytest.mark.parametrize(
    ("context", "iri"),
    [
        ({"k": A + "x"}, A + "x"),
        ({"a": A, "k": "a:x"}, A + "x"),
        ({"k": "a:x", "a": A}, A + "x"),
        ({"@vocab": A}, A + "k"),
        ({"@vocab": A, "k": "x"}, A + "x"),
        ({"@vocab": A, "k": {"@type": "@id"}}, A + "k"),
        ({"@vocab": A, "k": None}, None),
        ({"@vocab": A, "k": {"@id": None}}, None),
        ({"k": {"@id": "a:x"}, "a": {"@id": A, "@prefix": True}}, A + "x"),
        ([{"a": A}, {"k": "a:x"}], A + "x"),
        ([{"k": A + "y"}, None], None),
        ({"@base": "https://example.org/", "@version": 1.1, "k": A + "x"}, A + "x"),
        ({}, None),
    ],
)
def test_what_a_key_means(context: Any, iri: str | None) -> None:
    """Terms, prefixes in any order, vocab, null, arrays of contexts."""
    schema = {"type": "object", "properties": {"k": TEXT}, "x-jsonld-context": context}
    assert _iris(schema) == {"k": iri}


@pytest.mark.parametrize(
    "context",
    [
        "https://example.org/context.jsonld",
        ["https://example.org/context.jsonld"],
        {"@import": "https://example.org/context.jsonld"},
        {"@id": A + "x"},
        {"@type": A + "x"},
        {"@context": {}},
        {"@propagate": False},
        {"@protected": True},
        {"@language": "not a tag"},
        {"@language": 5},
        {"@direction": "rtl"},
        {"@nest": "n"},
        {"@version": 1.0},
        {"@vocab": "relative"},
        {"@base": "relative"},
        {"k": "@id"},
        {"k": {"@id": "@type"}},
        {"k": {"@id": A + "x", "@type": "@json"}},
        {"k": {"@id": A + "x", "@type": A + "t", "@language": "es"}},
        {"k": {"@id": A + "x", "@container": "@index"}},
        {"k": {"@id": A + "x", "@container": "@id"}},
        {"k": {"@id": A + "x", "@container": "@type"}},
        {"k": {"@id": A + "x", "@container": "@graph"}},
        {"k": {"@id": A + "x", "@container": ["@set", "@language"]}},
        {"k": {"@id": A + "x", "@protected": True}},
        {"k": {"@id": A + "x", "@index": A + "y"}},
        {"k": {"@id": A + "x", "@container": ["@list", "@set"]}},
        {"k": {"@id": A + "x", "@context": {}}},
        {"k": {"@reverse": A + "x"}},
        {"k": {"@id": A + "x", "@nest": "n"}},
        {"k": {"@id": 5}},
        {"k": 5},
        {"k": "relative"},
        {"k": "j:x", "j": "k:y"},
        {"k": {}},
        {"": A},
        5,
        {f"k{n}": A + "x" for n in range(5001)},
    ],
)
def test_contexts_that_are_refused(context: Any) -> None:
    """Redefined keywords, contexts elsewhere, features not understood: one error each."""
    schema = {"type": "object", "properties": {"k": TEXT}, "x-jsonld-context": context}
    with pytest.raises(SemanticsError) as caught:
        translator(schema, record("b", {"y": TEXT}), world(terms("b:y")))
    assert caught.value.code in ("semantics.context", "semantics.remote_context")


def test_a_neighbours_key_means_something_else() -> None:
    """The context of an object inside scopes its keys alone, and inherits the rest."""
    inner = {"type": "object", "properties": {"value": TEXT, "other": TEXT}}
    schema = {
        "type": "object",
        "x-jsonld-context": {"@vocab": A},
        "properties": {
            "one": {**inner, "x-jsonld-context": {"value": A + "one-value"}},
            "two": {**inner, "x-jsonld-context": {"value": A + "two-value"}},
            "value": TEXT,
        },
    }
    binding = bind(schema, lambda iri: None)
    found = {
        field.key: [inside.iri for inside in binding.inside(field).fields] if field.shape else None
        for field in binding.root.fields
    }
    assert found["one"] == [A + "one-value", A + "other"]
    assert found["two"] == [A + "two-value", A + "other"]
    assert _iris(schema)["value"] == A + "value"


def test_two_siblings_with_one_meaning_are_an_error() -> None:
    """One IRI for two keys of one object: both are named."""
    schema = {
        "type": "object",
        "properties": {"k": TEXT, "l": TEXT},
        "x-jsonld-context": {"k": A + "x", "l": A + "x"},
    }
    with pytest.raises(SemanticsError, match=r"'k' and 'l'") as caught:
        bind(schema, lambda iri: None)
    assert caught.value.code == "semantics.duplicate_term"


def test_unknown_term_is_reported_with_the_nearest_and_never_corrected() -> None:
    """A term that no vocabulary declares is unbound, and the report says what was near."""
    vocabulary = world(terms("a:birthDate", "b:y") + cell("a:birthDate", "b:y"))
    source = record("a", {"birthDat": TEXT})
    there = translator(source, record("b", {"y": TEXT}), vocabulary)
    assert there.apply({"birthDat": "v"}).value == {}
    [entry] = there.report.source
    assert entry.status == "unbound"
    assert f"the nearest known one is {A}birthDate" in entry.note


def test_keys_that_nobody_declared_are_data() -> None:
    """``@`` keys and undeclared keys mean nothing, even under ``@vocab``."""
    vocabulary = world(terms("a:x", "a:z", "b:x", "b:z") + cell("a:x", "b:x") + cell("a:z", "b:z"))
    there = translator(
        record("a", {"x": TEXT, "@id": TEXT}), record("b", {"x": TEXT, "z": TEXT}), vocabulary
    )
    hostile = {"x": "v", "z": "w", "@id": "urn:x", "@context": {"x": None}, "@type": "b:T"}
    assert there.apply(hostile).value == {"x": "v"}


def test_refs_branches_and_null() -> None:
    """``$ref``, ``allOf``, ``oneOf`` and null give one view; optional parts stay optional."""
    schema = {
        "$id": "x/1",
        "type": "object",
        "x-jsonld-context": {"@vocab": A},
        "required": ["one"],
        "allOf": [{"properties": {"two": {"$ref": "#/$defs/t"}}, "required": ["two"]}],
        "oneOf": [{"properties": {"three": TEXT}, "required": ["three"]}, {"properties": {}}],
        "properties": {"one": {"type": ["string", "null"]}, "no": False, "four": {"$ref": "y/1"}},
        "$defs": {"t": {"type": "integer"}},
    }
    fields = {field.key: field for field in bind(schema, lambda iri: None).root.fields}
    assert {key: field.required for key, field in fields.items()} == {
        "one": True,
        "four": False,
        "two": True,
        "three": False,
    }
    assert fields["one"].types == {"string"}
    assert fields["two"].types == {"integer"}
    assert fields["four"].iri is None
    assert "out of the document" in fields["four"].note


def test_recursive_schemas_translate_to_any_depth() -> None:
    """A shape that contains itself is one function that calls itself."""

    def tree(letter: str) -> dict[str, Any]:
        properties = {"name": TEXT, "child": {"type": "array", "items": {"$ref": "#"}}}
        return {**record(letter, properties), "$id": letter}

    names = ["a:name", "a:child", "b:name", "b:child"]
    vocabulary = world(terms(*names) + cell("a:name", "b:name") + cell("a:child", "b:child"))
    there = translator(tree("a"), tree("b"), vocabulary)
    message: dict[str, Any] = {"name": "leaf"}
    for depth in range(150):
        message = {"name": str(depth), "child": [message]}
    assert there.apply(message).value == message
    assert there.source.count("def ") == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"allOf": [{"$ref": "#"}]},
        {"type": "array", "items": {"$ref": "#"}},
        {},
        {"properties": {"k": True, "l": {}}, "x-jsonld-context": {"@vocab": A}},
    ],
)
def test_odd_schemas_bind_to_little(schema: dict[str, Any]) -> None:
    """Loops of references and empty schemas end, and give a translator that gives nothing."""
    there = translator(schema, record("b", {"y": TEXT}), world(terms("b:y")))
    assert there.apply({}).value == {}


@pytest.mark.parametrize(
    "schema",
    [
        [],
        "text",
        {"properties": []},
        {"allOf": {}},
        {"$ref": 5},
        {"$ref": "#/nowhere"},
        {"properties": {"k": 5}},
        {"type": "object", "properties": {"k": {"allOf": [5]}}},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """Each raises our error."""
    with pytest.raises(SemanticsError) as caught:
        translator(schema, record("b", {"y": TEXT}), world(terms("b:y")))
    assert caught.value.code == "semantics.schema"


def test_deep_schema_is_bounded() -> None:
    """A schema nested thousands deep raises our error, not a RecursionError."""
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for _ in range(3000):
        schema = {"type": "object", "properties": {"k": schema}, "x-jsonld-context": {"@vocab": A}}
    with pytest.raises(SemanticsError):
        translator(schema, record("b", {"y": TEXT}), world(terms("b:y")))


def test_contexts_compare_by_content() -> None:
    """Two contexts that say the same are the same, whatever the order of their terms."""
    one = extended(Context(), {"k": A + "x", "l": A + "y"}, "/")
    assert one == extended(Context(), {"l": A + "y", "k": A + "x"}, "/")
