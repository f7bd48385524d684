"""Texts by language, texts in a language, and texts that stand for IRIs: read, written, refused."""

from __future__ import annotations

from typing import Any

import pytest
from semantic_cases import IRIS, TEXT, cell, record, terms, world

from xroad_lite.semantics import translator

A, B = IRIS["a"], IRIS["b"]
MAP = {"type": "object", "additionalProperties": TEXT}
CLOSED = {
    "type": "object",
    "properties": {"es": TEXT, "pt": TEXT},
    "additionalProperties": False,
}
LIST = {"type": "array", "items": TEXT}


def _schema(letter: str, field: Any, **term: Any) -> dict[str, Any]:
    context = {"@vocab": IRIS[letter], "k": {"@id": IRIS[letter] + "k", **term}}
    return {"type": "object", "x-jsonld-context": context, "properties": {"k": field}}


def _read(source: Any, target: Any, value: Any) -> tuple[Any, str]:
    """The value of ``k`` on the other side, and the status of the field."""
    there = translator(source, target, world(terms("a:k", "b:k") + cell("a:k", "b:k")))
    return there.apply({"k": value}).value.get("k"), there.report.field("/k").status


BY_LANGUAGE = {"@container": "@language"}
SPANISH = {"@language": "es"}
ANY, TWO = (MAP, BY_LANGUAGE), (CLOSED, BY_LANGUAGE)


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        (ANY, ANY, {"es": "x", "pt": "y"}, ({"es": "x", "pt": "y"}, "exact")),
        (ANY, TWO, {"es": "x", "qu": "y"}, ({"es": "x"}, "narrowed")),
        (TWO, ANY, {"pt": "y"}, ({"pt": "y"}, "exact")),
        (ANY, ANY, {"ES": ["x"], "pt": None}, ({"es": "x"}, "exact")),
        (ANY, ANY, {}, (None, "exact")),
        (ANY, (TEXT, SPANISH), {"es": "x", "pt": "y"}, ("x", "narrowed")),
        (ANY, (TEXT, SPANISH), {"pt": "y"}, (None, "narrowed")),
        (ANY, (TEXT, {}), {"pt": "y"}, ("y", "narrowed")),
        (ANY, (TEXT, {}), {"es": "x", "pt": "y"}, (None, "narrowed")),
        (ANY, (TEXT, {}), {"es": "x", "@none": "y"}, ("y", "narrowed")),
        (ANY, (LIST, {}), {"pt": "y", "es": "x"}, (["x", "y"], "narrowed")),
        ((TEXT, SPANISH), ANY, "x", ({"es": "x"}, "exact")),
        ((TEXT, SPANISH), TWO, "x", ({"es": "x"}, "exact")),
        ((TEXT, {}), ANY, "x", (None, "missing")),
        ((TEXT, {"@language": "qu"}), TWO, "x", (None, "missing")),
        ((TEXT, SPANISH), (TEXT, SPANISH), "x", ("x", "exact")),
        ((TEXT, SPANISH), (TEXT, {"@language": "pt"}), "x", (None, "missing")),
        ((TEXT, SPANISH), (TEXT, {}), "x", ("x", "reversible")),
    ],
)  # fmt: skip
def test_texts_and_languages(source: Any, target: Any, value: Any, expected: Any) -> None:
    """Every way between texts by language, texts in one language and texts without."""
    there = _schema("a", source[0], **source[1]), _schema("b", target[0], **target[1])
    assert _read(*there, value) == expected


def test_the_language_of_a_context_is_that_of_its_texts() -> None:
    """``@language`` of a context holds for texts without a datatype and without a language."""
    source = _schema("a", TEXT)
    source["x-jsonld-context"]["@language"] = "ES"
    assert _read(source, _schema("b", MAP, **BY_LANGUAGE), "x") == ({"es": "x"}, "exact")
    source = _schema("a", TEXT, **{"@language": None})
    source["x-jsonld-context"]["@language"] = "es"
    assert _read(source, _schema("b", MAP, **BY_LANGUAGE), "x") == (None, "missing")


def test_one_field_for_each_language_becomes_one_map() -> None:
    """Two exact cells are no contradiction where each brings another language."""
    source = record("a", {"titulo": TEXT, "titulo_pt": TEXT})
    source["x-jsonld-context"]["titulo"] = {"@id": A + "titulo", "@language": "es"}
    source["x-jsonld-context"]["titulo_pt"] = {"@id": A + "titulo_pt", "@language": "pt"}
    target = _schema("b", MAP, **BY_LANGUAGE)
    known = world(
        terms("a:titulo", "a:titulo_pt", "b:k")
        + cell("a:titulo", "b:k")
        + cell("a:titulo_pt", "b:k")
    )
    there = translator(source, target, known)
    assert there.apply({"titulo": "x", "titulo_pt": "y"}).value == {"k": {"es": "x", "pt": "y"}}
    assert there.apply({"titulo_pt": "y"}).value == {"k": {"pt": "y"}}


def test_functions_do_not_take_texts_by_language() -> None:
    """A mapping that joins or converts texts by language leaves the field missing, and says why."""
    known = world(
        terms("a:k", "b:k") + cell("a:k", "b:k", "=", 'xm:fn [ a xm:split ; xm:sep "-" ]')
    )
    there = translator(_schema("a", MAP, **BY_LANGUAGE), _schema("b", LIST), known)
    assert "not an object" in there.report.field("/k").reasoning[0]
    named = world(terms("a:k", "b:k") + cell("a:k", "b:k", "=", "xm:fn [ a xm:alltexts ]"))
    assert "is no function" in named.faults[0].detail


def test_texts_by_language_in_avro() -> None:
    """A map of texts is what JSON has as an object."""
    field = {"name": "k", "type": {"type": "map", "values": "string"}}
    avro = {
        "type": "record",
        "name": "R",
        "x-jsonld-context": {"k": {"@id": B + "k", "@container": "@language"}},
        "fields": [field],
    }
    assert _read(_schema("a", TEXT, **SPANISH), avro, "x") == ({"es": "x"}, "exact")


def test_a_value_that_is_no_map_is_unbound() -> None:
    """``@container: @language`` on a text leaves the field without a meaning, and says so."""
    there = translator(
        _schema("a", TEXT, **BY_LANGUAGE), _schema("b", TEXT), world(terms("a:k", "b:k"))
    )
    assert "no object" in there.report.source[0].note


@pytest.mark.parametrize(
    ("context", "value", "expected"),
    [
        ({}, "https://example.org/x", "https://example.org/x"),
        ({"p": "https://example.org/"}, "p:x", "https://example.org/x"),
        ({"@base": "https://example.org/d/"}, "../x", "https://example.org/x"),
        ({}, "x", None),
        ({}, "https://example.org/a b", None),
        ({}, "_:b", None),
    ],
)
def test_texts_that_stand_for_iris(context: Any, value: str, expected: str | None) -> None:
    """``@type: @id`` is read by the sender's context; what is no IRI is missing with a loss."""
    source = _schema("a", TEXT, **{"@type": "@id"})
    source["x-jsonld-context"] |= context
    assert _read(source, _schema("b", TEXT), value) == (expected, "reversible")
    assert _read(source, _schema("b", TEXT, **{"@type": "@id"}), value)[0] == expected


def test_terms_as_values() -> None:
    """``@type: @vocab`` reads a value as a term, and writes the term of the reader's context."""
    source = _schema("a", TEXT, **{"@type": "@vocab"})
    source["x-jsonld-context"] |= {"rojo": "https://example.org/c#red"}
    target = _schema("b", TEXT, **{"@type": "@vocab"})
    target["x-jsonld-context"] |= {"red": "https://example.org/c#red"}
    assert _read(source, target, "rojo")[0] == "red"
    assert _read(source, target, "azul")[0] == A + "azul"
    assert _read(target, source, "red")[0] == "rojo"
