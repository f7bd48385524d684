"""What a steward is told of vocabularies: gaps, shapes, rings, unknown terms, contradictions."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.errors import ConfigurationError
from xroad_lite.stewardship import bundled_files
from xroad_lite.stewardship.checking import check_registry
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.vocabularies import check_words, read_words, score
from xroad_lite.stewardship.vocabularies.structure import rings

HEAD = """
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix align: <http://knowledgeweb.semanticweb.org/heterogeneity/alignment#> .
@prefix xm: <https://xroad-lite.example/ns/mapping#> .
@prefix a: <https://example.org/a#> .
@prefix b: <https://example.org/b#> .
<https://example.org/a> a owl:Ontology ; dct:title "A"@en , "A"@es ;
    dct:license <https://creativecommons.org/licenses/by/4.0/> .
"""
BOTH = 'rdfs:label "x"@en , "x"@es ; skos:definition "x"@en , "x"@es'
CODED = 'skos:prefLabel "x"@en , "x"@es ; skos:definition "x"@en , "x"@es'


def declared(*names: str, more: str = "") -> str:
    """Properties that nothing is wrong with."""
    return "".join(
        f"{name} a owl:DatatypeProperty ; {BOTH} ; rdfs:range xsd:string{more} .\n"
        for name in names
    )


def codes(scheme: str, *notations: str) -> str:
    """A code list that nothing is wrong with."""
    return f"{scheme} a skos:ConceptScheme ; {BOTH} .\n" + "".join(
        f'{scheme}-{code} a skos:Concept ; skos:inScheme {scheme} ; skos:notation "{code}" ; '
        f"{CODED} .\n"
        for code in notations
    )


def checked(*turtles: str, **more: Any) -> list[Finding]:
    """The findings in files with a head of their own."""
    files = {f"vocabularies/f{n}.ttl": (HEAD + one).encode() for n, one in enumerate(turtles)}
    return check_words(files, **more)


def said(findings: list[Finding]) -> list[str]:
    """Code and message of each finding."""
    return [f"{one.code}: {one.message}" for one in findings]


def test_the_bundled_vocabularies_have_nothing_wrong() -> None:
    """Ten domains, three languages: no finding of any kind, SHACL included."""
    files = bundled_files()
    assert check_words(files) == []
    assert read_words(files).languages == ("en", "es", "pt")


def test_what_is_well_made_has_no_findings() -> None:
    """The worlds of these tests are faultless before a fault is put in."""
    assert checked(declared("a:x", "a:y") + codes("a:list", "1", "2")) == []


@pytest.mark.parametrize(
    ("turtle", "message"),
    [
        ('a:x a owl:Class ; rdfs:label "x"@en ; skos:definition "x"@en , "x"@es .',
         "semantics.label_gap: x has no label in es"),
        ('a:x a owl:Class ; rdfs:label "x"@en , "x"@es ; skos:definition "x"@es .',
         "semantics.definition_gap: x has no definition in en"),
        ('a:x a owl:Class ; rdfs:label "x"@en , "x"@es-CL ; rdfs:comment "x"@en , " "@es .',
         "semantics.definition_gap: x has no definition in es"),
        (f"a:x a owl:DatatypeProperty ; {BOTH} .",
         "semantics.no_range: x: a property says by rdfs:range of what kind its values are"),
        (f"a:x a owl:ObjectProperty ; {BOTH} ; rdfs:range xsd:date .",
         "semantics.datatype_as_class: x: an owl:ObjectProperty leads to things, not to values of "
         "a datatype"),
        (f'a:x a owl:Class ; {BOTH} ; rdfs:label "y"@en .',
         "semantics.two_labels: x: a term has one rdfs:label in each language"),
        (f'a:x a owl:Class ; {BOTH} ; rdfs:label "y" .',
         "semantics.label_without_language: x: a label says in which language it is"),
        (f"a:x a skos:Concept ; skos:inScheme a:list ; {CODED} ."
         + codes("a:list"),
         "semantics.no_notation: x: a concept has a notation: the code that messages carry"),
        (f'a:x a skos:Concept ; skos:notation "1" ; {CODED} .',
         "semantics.no_scheme: x: a concept belongs to a concept scheme"),
        (codes("a:list", "1") + 'a:list-1 skos:prefLabel "z"@en .',
         "semantics.two_preferred_labels: list-1: a concept has one skos:prefLabel in each "
         "language, and says which language it is"),
    ],
)  # fmt: skip
def test_each_fault_is_told_once(turtle: str, message: str) -> None:
    """One fault, one finding, with the line of the term and what to do."""
    [found] = checked(turtle)
    assert said([found]) == [message]
    assert found.is_wrong
    assert found.hint
    subject = f"a:{found.message.partition(' ')[0].rstrip(':')} "
    assert found.line == (HEAD + turtle).splitlines().index(
        next(line for line in turtle.splitlines() if line.startswith(subject))
    ) + 1  # fmt: skip


def test_a_vocabulary_has_a_title_in_every_language_of_the_instance() -> None:
    """A third language that the instance has is missing everywhere."""
    found = said(checked(declared("a:x"), languages=("en", "es", "pt")))
    assert found == [
        "semantics.title_gap: the vocabulary a has no title in pt",
        "semantics.definition_gap: x has no definition in pt",
        "semantics.label_gap: x has no label in pt",
    ]


def test_imports_are_never_followed() -> None:
    """They are told of, as a warning; a licence that lacks is one too."""
    found = checked(
        "<https://example.org/b> a owl:Ontology ; owl:imports <http://127.0.0.1:9/never> ;\n"
        '    dct:title "B"@en , "B"@es .'
    )
    assert [(one.code, one.severity) for one in found] == [
        ("semantics.import", "warning"),
        ("semantics.no_license", "warning"),
    ]


@pytest.mark.parametrize(
    ("turtle", "message"),
    [
        ("a:x rdfs:subClassOf a:y . a:y rdfs:subClassOf a:x .",
         "rdfs:subClassOf leads back to itself: x → y → x"),
        ("a:x rdfs:subPropertyOf a:x .", "rdfs:subPropertyOf leads back to itself: x → x"),
        ("a:x skos:broader a:y . a:x skos:narrower a:y .",
         "skos:broader leads back to itself: x → y → x"),
    ],
)  # fmt: skip
def test_rings_are_found(turtle: str, message: str) -> None:
    """What is broader than itself, by whichever statements, is named in order."""
    terms = "".join(f"a:{name} a owl:Class ; {BOTH} .\n" for name in "xy")
    assert f"semantics.cycle: {message}" in said(checked(terms + turtle))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_rings_are_those_of_a_naive_search(pairs: list[tuple[int, int]]) -> None:
    """Every node that reaches itself lies in exactly one group, and no other does."""
    edges: dict[str, set[str]] = {}
    for one, other in pairs:
        edges.setdefault(str(one), set()).add(str(other))

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        work = list(edges.get(start, ()))
        while work:
            node = work.pop()
            if node not in seen:
                seen.add(node)
                work.extend(edges.get(node, ()))
        return seen

    groups = {frozenset(n for n in reached(one) if one in reached(n)) for one in edges}
    expected = {group for group in groups if any(one in reached(one) for one in group)}
    assert {frozenset(ring) for ring in rings(edges)} == expected
    assert sum(map(len, rings(edges))) == sum(map(len, expected))


def test_values_that_their_datatype_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    """A thirteenth month is told, and rdflib says nothing of its own."""
    odd = 'a:x dct:issued "2020-13-01"^^xsd:date ; dct:valid "yes"^^xsd:boolean .'
    found = said(checked(declared("a:x") + odd))
    assert found == [
        "semantics.odd_value: x: its issued is no date",
        "semantics.odd_value: x: its valid is no boolean",
    ]
    assert capsys.readouterr().err == ""


def test_a_code_given_twice_names_both_concepts() -> None:
    """Across files, too; and once, not again as a fault of the loader."""
    other = f'a:more a skos:Concept ; skos:inScheme a:list ; skos:notation "1" ; {CODED} .'
    found = said(checked(codes("a:list", "1"), other.replace("a:more", "<urn:x:more>")))
    assert found == [
        "semantics.duplicate_notation: list has the notation '1' twice: list-1, urn:x:more"
    ]


def test_contradicting_cells_are_both_named() -> None:
    """Two exact cells from one vocabulary into one term; ranks settle it."""
    two = [
        f'a:c{n} a align:Cell ; align:entity1 a:{name} ; align:entity2 b:z ; align:relation "="'
        for n, name in enumerate("xy")
    ]
    known = declared("a:x", "a:y", "b:z")
    [found] = [f for f in checked(known + " .\n".join([*two, ""])) if "contra" in f.code]
    assert "two cells claim z alike: c0 from x, and c1 from y" in found.message
    ranked = " .\n".join(f"{cell} ; xm:rank {n}" for n, cell in enumerate([*two]))
    assert not [f for f in checked(known + ranked + " .") if "contra" in f.code]


def test_cells_of_terms_that_never_stand_together_do_not_contradict() -> None:
    """Domains keep them apart: the code of a school and the code of a pupil."""
    known = declared("a:x", more=" ; rdfs:domain a:One") + declared(
        "a:y", more=" ; rdfs:domain a:Two"
    )
    classes = f"a:One a owl:Class ; {BOTH} . a:Two a owl:Class ; {BOTH} .\n"
    same = "a:x owl:equivalentProperty b:z . a:y owl:equivalentProperty b:z ."
    assert checked(known + classes + same) == []


def test_unknown_terms_come_with_the_nearest() -> None:
    """In mappings and vocabularies; what only readers look at is a warning."""
    known = declared("a:birthDate") + codes("a:list", "1")
    found = checked(
        known
        + '[] a align:Cell ; align:entity1 a:birthDat ; align:entity2 b:z ; align:relation "=" .\n'
        "a:birthDate skos:closeMatch a:born . a:list-2 skos:exactMatch b:one ."
    )
    assert [(one.code, one.severity, one.message) for one in found] == [
        (
            "semantics.unknown_term",
            "wrong",
            "birthDat is no term of https://example.org/a#: did you mean birthDate?",
        ),
        ("semantics.unknown_term", "warning", "born is no term of https://example.org/a#"),
        (
            "semantics.unknown_term",
            "wrong",
            "list-2 is no term of https://example.org/a#: did you mean list-1?",
        ),
    ]


def test_terms_in_tables_must_exist_too() -> None:
    """A row of SSSOM that names an unknown term of a known vocabulary."""
    table = (
        "# curie_map:\n#   a: https://example.org/a#\n#   b: https://example.org/b#\n"
        "subject_id\tpredicate_id\tobject_id\na:birthDat\tskos:exactMatch\tb:z\n"
    )
    files = {
        "vocabularies/a.ttl": (HEAD + declared("a:birthDate")).encode(),
        "vocabularies/mappings/a--b.tsv": table.encode(),
    }
    [found] = check_words(files)
    assert (found.path, found.code) == ("vocabularies/mappings/a--b.tsv", "semantics.unknown_term")
    assert found.line == 5


def schema(**more: Any) -> bytes:
    """A bound schema of one field."""
    return json.dumps(
        {
            "type": "object",
            "x-jsonld-type": "a:Thing",
            "x-jsonld-context": {"a": "https://example.org/a#", "born": "a:birthDate"},
            "properties": {"born": {"type": "string"}},
            **more,
        }
    ).encode()


def test_schemas_name_terms_classes_and_lists_that_exist() -> None:
    """What lies in a known vocabulary is wrong, what lies elsewhere a warning."""
    files = {
        "vocabularies/a.ttl": (HEAD + declared("a:birthDat")).encode(),
        "schemas/d/n/1.json": schema(
            properties={
                "born": {"type": "string"},
                "kind": {"type": "string", "x-codelist": "https://elsewhere.example/kinds"},
            }
        ),
    }
    found = check_words(files)
    assert [(one.code, one.severity) for one in found] == [
        ("semantics.unknown_term", "wrong"),
        ("semantics.unknown_term", "wrong"),
        ("semantics.unknown_codelist", "warning"),
    ]
    assert "did you mean birthDat?" not in found[0].message
    assert "the nearest known one is https://example.org/a#birthDat" in found[1].message


def test_examples_are_held_against_the_shapes_of_their_schema() -> None:
    """As RDF: what the schema requires is missing from the second example."""
    files = {
        "vocabularies/a.ttl": (HEAD + declared("a:birthDate") + f"a:Thing a owl:Class ; {BOTH} .")
        .encode(),
        "schemas/d/n/1.json": schema(required=["born"], examples=[{"born": "x"}, {}]),
    }  # fmt: skip
    [found] = check_words(files)
    assert found.code == "semantics.example_shape"
    assert found.message.startswith("/examples/1 as RDF: birthDate")


def test_turtle_that_is_none_hides_no_other_fault() -> None:
    """Each file is read by itself; what may lie in the broken one is not called unknown."""
    files = {
        "vocabularies/a.ttl": b"@prefix a: <https://example.org/a#> .\na:x a a:y ;;; b .\n",
        "vocabularies/b.ttl": (HEAD + "a:x a owl:Class ; skos:broader a:nothing .").encode(),
        "vocabularies/mappings/a--b.tsv": b"one\ttwo\n",
    }
    found = check_words(files)
    assert [(one.path[13:], one.line, one.code) for one in found if one.is_wrong] == [
        ("a.ttl", 2, "semantics.turtle"),
        ("b.ttl", HEAD.count("\n") + 1, "semantics.definition_gap"),
        ("b.ttl", HEAD.count("\n") + 1, "semantics.label_gap"),
        ("mappings/a--b.tsv", 0, "semantics.sssom"),
    ]


@pytest.mark.parametrize(
    ("turtle", "line", "message"),
    [
        ("a:x a owl:Class ;\n  rdfs:label", 15, "is not Turtle: the file ends within a statement"),
        ("a:x a\n\nq:y .", 16, 'is not Turtle: bad syntax (Prefix "q:" not bound)'),
        ("a:x a:y " + "[ a:y " * 20_000, 0, "is not Turtle: it is nested too deep"),
    ],
)  # fmt: skip
def test_turtle_that_is_none_says_where(turtle: str, line: int, message: str) -> None:
    """The line, and what is wrong there, in words."""
    [found] = checked(turtle)
    assert (found.line, found.message) == (line, message)


HOSTILE = {
    "nested nodes": "a:x a:y " + "[ a:y " * 20_000 + "]" * 20_000 + " .",
    "nested lists": "a:x a:y " + "( " * 20_000 + ")" * 20_000 + " .",
    "a long list": "a:x a:y ( " + "1 " * 3_000 + ") .",
    "an endless list": "_:l rdf:first a:x ; rdf:rest _:l . a:x owl:propertyChainAxiom _:l .",
    "odd bytes": "a:x a:y \x00\x01 .",
    "no UTF-8": "a:x rdfs:label \udcff .",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_turtle_gives_findings(name: str) -> None:
    """Only findings come out, within the time of a test."""
    data = (HEAD + HOSTILE[name]).encode("utf-8", "surrogateescape")
    for one in check_words({"vocabularies/x.ttl": data}):
        assert one.code.startswith("semantics.")
        assert len(str(one)) < 1_000


def test_a_ring_of_ten_thousand_is_one_finding() -> None:
    """Found without recursion, named by its beginning."""
    edges = {str(n): {str((n + 1) % 10_000)} for n in range(10_000)}
    assert [len(ring) for ring in rings(edges)] == [10_000]
    ring = "".join(f"a:c{n} skos:broader a:c{(n + 1) % 1_000} .\n" for n in range(1_000))
    [found] = [f for f in checked(ring) if f.code == "semantics.cycle"]
    assert found.message.count("→") == 6
    assert "995 more" in found.message


def test_a_chain_of_subclasses_does_not_make_the_shapes_endless() -> None:
    """Shapes look at what a term says of itself, not at what lies above it."""
    chain = "".join(f"a:c{n} rdfs:subClassOf a:c{n + 1} .\n" for n in range(2_000))
    assert checked(chain + "a:c2000 rdfs:subClassOf skos:Concept .") == []


def test_files_beyond_all_measure_are_not_read() -> None:
    """More than 24 MiB together: one finding, at once."""
    files = {f"vocabularies/{n}.ttl": b" " * (8 * 2**20) for n in range(4)}
    [found] = check_words(files)
    assert found.code == "semantics.too_large"


def test_registry_check_asks_the_same_but_lets_gaps_pass() -> None:
    """A ring keeps a registry from being published; a label that lacks a language does not."""
    gap = 'a:x a owl:Class ; rdfs:label "x"@es .\n'
    instance = (
        b"instance: X\nbase: https://x.example/\ntitle: {en: X, es: X}\nauthorities: [a.pem]\n"
    )
    documents = {
        "instance.yaml": instance,
        "vocabularies/a.ttl": (HEAD + gap + "a:x rdfs:subClassOf a:x .").encode(),
    }
    found = [one for one in check_registry(documents, now=0.0) if "vocab" in one.path]
    assert [(one.code, one.severity) for one in found] == [
        ("semantics.cycle", "wrong"),
        ("semantics.definition_gap", "warning"),
        ("semantics.label_gap", "warning"),
    ]


def test_scores_count_every_field_once() -> None:
    """Bound, unbound, and bound to a term that nobody declares; fields inside objects too."""
    inner = {"type": "object", "properties": {"birthDate": {"type": "string"}, "z": {"const": 1}}}
    files = {
        "vocabularies/a.ttl": (HEAD + declared("a:birthDate", "a:colour")).encode(),
        "schemas/d/n/1.json": schema(
            properties={"born": {"type": "string"}, "more": inner, "colours": {"type": "string"}}
        ),
        "schemas/d/n/2.json": b"{",
    }
    one, faulty = score(files)
    assert (one.schema, one.fields, one.bound, round(one.share, 2)) == ("d/n/1", 5, 1, 0.2)
    assert {field.pointer: field.nearest for field in one.unbound} == {
        "/more": None,
        "/more/birthDate": "https://example.org/a#birthDate",
        "/more/z": None,
        "/colours": "https://example.org/a#colour",
    }
    assert (faulty.fields, faulty.share) == (0, 0.0)
    assert "not JSON" in faulty.fault


def test_a_term_that_nobody_declares_does_not_count() -> None:
    """The reason names it."""
    files = {
        "vocabularies/a.ttl": (HEAD + declared("a:birthDat")).encode(),
        "schemas/d/n/1.json": schema(),
    }
    [one] = score(files)
    assert one.share == 0.0
    assert one.unbound[0].reason == "unknown term https://example.org/a#birthDate"


def test_without_pyshacl_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra; all else that registry check asks does without it."""
    monkeypatch.setitem(sys.modules, "pyshacl", None)
    with pytest.raises(ConfigurationError, match="pyshacl") as caught:
        checked(declared("a:x"))
    assert caught.value.hint == "install it with: pip install 'xroad-lite[steward]'"
