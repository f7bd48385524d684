"""Messages as RDF equal what PyLD makes of them; shapes hold where the schema does."""

from __future__ import annotations

import json
import logging
from functools import cache
from typing import Any

import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld
from rdflib import BNode, Graph, URIRef
from rdflib.collection import Collection
from rdflib.namespace import RDF, SH
from semantic_cases import BOUND, IRIS, TEXT, bundled, patients, record, schema

from xroad_lite.semantics.names import XSD
from xroad_lite.semantics.rdf import (
    as_json_ld,
    as_turtle,
    meaning,
    shapes,
    statements,
    violations,
    written,
)
from xroad_lite.semantics.rdf.documents import as_graph
from xroad_lite.semantics.rdf.statements import node_iri

rdflib.NORMALIZE_LITERALS = False
logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)  # it warns of every unreal date
ROOT = "urn:uuid:0190aaaa-0000-7000-8000-000000000001"


def by_pyld(document: Any) -> Graph:
    """What PyLD says that a JSON-LD document states."""
    quads = jsonld.to_rdf(document, {"format": "application/n-quads", "base": "urn:base:"})
    return Graph().parse(data=quads, format="nt")


def plain(graph: Graph) -> set[tuple[str, ...]]:
    """The statements as texts, each list as its items: lists are all that has no name."""

    def text(node: Any) -> str:
        items = list(Collection(graph, node)) if isinstance(node, BNode) else None
        return node.n3() if items is None else f"({' '.join(map(text, items))})"

    return {(str(s), str(p), text(o)) for s, p, o in graph if not isinstance(s, BNode)}


def check(body: Any, document: Any) -> Graph:
    """Our statements, in all forms, equal PyLD's reading of our JSON-LD."""
    ours = Graph().parse(data=written("nquads", body, document, ROOT), format="nt")
    assert plain(ours) == plain(by_pyld(json.loads(written("jsonld", body, document, ROOT))))
    turtle = Graph().parse(data=as_turtle(body, document, ROOT), format="turtle")
    assert plain(turtle) == plain(ours)
    return ours


@pytest.mark.parametrize("name", BOUND)
def test_bundled_messages_equal_pyld(name: str) -> None:
    """Messages of every bound schema, made of real patients."""
    for patient in patients(3)[::3]:
        body = patient if name == "health/birth" else None
        body = body or bundled("health/birth", name).apply(patient).value
        assert len(check(body, schema(name))) >= 1


INNER = {
    "type": "object",
    "x-jsonld-type": "Place",
    "x-jsonld-context": {"@vocab": IRIS["b"], "tags": {"@container": "@set"}},
    "properties": {"town": TEXT, "tags": {"type": "array", "items": TEXT}},
}
WIDE = {
    "type": "object",
    "x-jsonld-type": ["Person", "c:Human"],
    "x-jsonld-context": {
        "@vocab": IRIS["a"],
        "@language": "es",
        "@base": "https://example.org/d/",
        "c": IRIS["c"],
        "code": {"@id": "c:code", "@language": None},
        "born": {"@id": "c:born", "@type": XSD + "date"},
        "weight": {"@id": "c:weight", "@type": XSD + "decimal"},
        "height": {"@id": "c:height", "@type": XSD + "double"},
        "names": {"@id": "c:names", "@container": "@list"},
        "title": {"@id": "c:title", "@container": "@language"},
        "page": {"@id": "c:page", "@type": "@id"},
        "colour": {"@id": "c:colour", "@type": "@vocab"},
        "red": "c:red",
        "sole": {"@id": "c:sole", "@container": "@list"},
        "none": None,
    },
    "properties": {
        **dict.fromkeys(("text", "code", "born", "page", "colour", "sole", "none"), TEXT),
        "weight": {"type": "number"},
        "height": {"type": "number"},
        "count": {"type": "integer"},
        "alive": {"type": "boolean"},
        "names": {"type": "array", "items": TEXT},
        "title": {"type": "object", "additionalProperties": TEXT},
        "home": INNER,
        "places": {"type": "array", "items": INNER},
    },
}
TEXTS = st.text("abcXYZ áñ,;:-/@#\"'\\{}\n\t\x7f\u2028", max_size=8)
IRI_TEXTS = st.sampled_from(
    ["c:x", "../y", "z", "https://example.org/q?a=b#c", "red", "mailto:a@b"]
)
NUMBERS = st.integers(-(10**24), 10**24) | st.floats(-1e30, 1e30).map(lambda x: x + 0.0)
PLACE = st.fixed_dictionaries(
    {},
    optional={"town": TEXTS, "tags": st.lists(TEXTS, max_size=3), "@id": TEXTS, "odd key/~": TEXTS},
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("text", "code", "born", "sole", "none"), TEXTS | st.none()),
        **dict.fromkeys(("page", "colour"), IRI_TEXTS),
        **dict.fromkeys(("weight", "height"), NUMBERS),
        "count": st.integers(),
        "alive": st.booleans(),
        "names": st.lists(TEXTS | st.none(), max_size=3),
        "title": st.dictionaries(
            st.sampled_from(["es", "PT", "en-GB", "@none"]), TEXTS | st.lists(TEXTS, max_size=2)
        ),
        "home": PLACE,
        "places": st.lists(PLACE, max_size=3),
        "@context": st.just("https://example.org/never-fetched"),
    },
)


@settings(max_examples=25, deadline=None)
@given(BODIES)
def test_random_messages_equal_pyld(body: dict[str, Any]) -> None:
    """Every feature of contexts that is understood, with hostile texts, keys and numbers."""
    check(body, WIDE)


def test_identifiers_are_json_pointers() -> None:
    """Objects are named by the message and their pointer, whatever their keys are."""
    found = statements({"places": [{}, {"town": "x"}]}, meaning(WIDE), ROOT)
    assert {s.subject.iri for s in found if s.predicate == IRIS["b"] + "town"} == {  # type: ignore[union-attr]
        f"{ROOT}#/places/1"
    }
    assert node_iri("urn:x", "/a b/~1/é<") == "urn:x#/a%20b/~1/%C3%A9%3C"


def test_what_is_of_another_form_says_nothing() -> None:
    """Values that the schema does not admit are left out; nothing is raised."""
    odd = {
        "text": {"x": 1},
        "names": [["x"]],
        "home": ["x"],
        "title": "x",
        "count": [1],
        "alive": "x",
    }
    assert [s.predicate for s in statements(odd, meaning(WIDE), ROOT)] == [
        str(RDF.type),
        str(RDF.type),
        IRIS["a"] + "alive",
        IRIS["c"] + "names",
    ]
    assert [s.predicate for s in statements([], meaning(WIDE), ROOT)] == []
    with pytest.raises(ValueError, match="turtle"):
        written("rdfxml", {}, WIDE, ROOT)


def test_turtle_has_the_prefixes_of_the_schema() -> None:
    """What the context abbreviates is abbreviated."""
    assert f"@prefix c: <{IRIS['c']}>" in as_turtle({"born": "2024-01-01"}, WIDE, ROOT)
    assert as_json_ld({"zz": 1}, WIDE, ROOT)["@id"] == ROOT


# shapes


@cache
def _shapes(name: str) -> Graph:
    return shapes(schema(name), f"urn:schema:{name}")


def wrong(name: str, body: Any) -> set[str]:
    """The properties that do not hold, by their last part."""
    data = as_graph(statements(body, meaning(schema(name)), ROOT))
    found = violations(data, _shapes(name), f"urn:schema:{name}", ROOT)
    return {one.path.rpartition(".")[2].rpartition("#")[2] for one in found}


@pytest.mark.parametrize("name", BOUND)
def test_valid_messages_conform(name: str) -> None:
    """Every real message conforms to the shapes of its schema, lists and inner objects too."""
    there = bundled("health/birth", name)
    for patient in patients(2)[10:]:
        missing = {pointer[1:] for pointer in there.missing_required}
        assert wrong(name, there.apply(patient).value) == missing


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"birthDate": None}, "birthDate"),
        ({"birthDate": "24-01-01"}, "birthDate"),
        ({"birthDate": 5}, "birthDate"),
        ({"gender": "m"}, "gender"),
        ({"active": 7}, "active"),
        ({"name": [{"family": ["x"]}, {"family": 5}]}, "family"),
    ],
)
def test_what_breaks_the_schema_breaks_the_shape(change: dict[str, Any], path: str) -> None:
    """A missing field, a wrong form, type or code, at the top and within a list."""
    good = patients(1)[10]
    assert wrong("health/birth", good) == set()
    found = wrong("health/birth", {**good, **change})
    assert any(path in one for one in found) or "an item of a list" in found


def test_violations_do_not_repeat_values() -> None:
    """What is wrong is said by property and kind: a value may be personal."""
    body = {**patients(1)[10], "gender": "Secreto"}
    data = as_graph(statements(body, meaning(schema("health/birth")), ROOT))
    found = violations(data, _shapes("health/birth"), "urn:schema:health/birth", ROOT)
    assert [one.detail for one in found] == ["it does not hold: In"]


def test_shapes_of_a_schema_within_itself_end() -> None:
    """Recursion is entered once; the shapes are shapes by SHACL's own shapes."""
    tree = {
        **record("a", {"name": TEXT, "child": {"type": "array", "items": {"$ref": "#"}}}),
        "$id": "t",
    }
    made = shapes(tree, "urn:t")
    assert list(made.subjects(RDF.type, SH.NodeShape)) == [URIRef("urn:t")]
    data = as_graph(statements({"name": "x", "child": [{"name": "y"}]}, meaning(tree), ROOT))
    assert violations(data, made, "urn:t", ROOT) == []


def test_facets_and_languages_become_constraints() -> None:
    """Lengths, patterns, bounds, languages: each is looked at."""
    document = record(
        "a",
        {
            "short": {"type": "string", "maxLength": 2},
            "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 10},
            "size": {"type": "number", "maximum": 2},
        },
    )
    made = shapes(document, "urn:f")

    def broken(body: Any) -> list[str]:
        data = as_graph(statements(body, meaning(document), ROOT))
        found = violations(data, made, "urn:f", ROOT)
        return [one.path.rpartition("#")[2] for one in found]

    assert broken({"short": "ab", "age": 9, "size": 1.5}) == []
    assert broken({"short": "abc", "age": 10, "size": 3}) == ["age", "short", "size"]
    spoken = {
        "type": "object",
        "x-jsonld-context": {"k": {"@id": IRIS["a"] + "k", "@container": "@language"}},
        "properties": {
            "k": {"type": "object", "properties": {"es": TEXT}, "additionalProperties": False}
        },
    }
    made, document = shapes(spoken, "urn:f"), spoken
    assert broken({"k": {"es": "x"}}) == []
    assert broken({"k": {"pt": "x"}}) == ["k"]
