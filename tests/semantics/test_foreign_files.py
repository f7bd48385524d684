"""Files that others wrote, and mutated ones: each cell is used, or its fault is named."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest
import rdflib
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import OWL, RDF, RDFS, SKOS
from semantic_cases import (
    SHARED,
    TEXT,
    bundled,
    cell,
    patients,
    record,
    schema,
    terms,
    world,
)

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import Vocabulary, load_vocabulary, open_target, translator
from xroad_lite.semantics.reconcile import BACKWARDS

ALIGN = rdflib.Namespace("http://knowledgeweb.semanticweb.org/heterogeneity/alignment#")
XM = rdflib.Namespace("https://xroad-lite.example/ns/mapping#")
PATH = "vocabularies/mappings/foreign.ttl"
MUTATIONS = int(os.environ.get("XROAD_LITE_SOAK_WORLDS", "20"))


def _alignments() -> list[Graph]:
    folder = SHARED / "sssom-semic"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    return [Graph().parse(path, format="turtle") for path in sorted(folder.glob("*.ttl"))]


def _loaded(graph: Graph) -> Vocabulary:
    return load_vocabulary({PATH: graph.serialize(format="turtle").encode()})


def _nothing_is_lost(graph: Graph, loaded: Vocabulary) -> None:
    """Each cell is read under its name, or under an equal one's, or has a fault by its name."""
    used = {node.name.removesuffix(BACKWARDS) for node in loaded.cells}
    named = {fault.where for fault in loaded.faults}
    pairs = {_said(graph, URIRef(name)) for name in used}
    for node in set(graph.subjects(ALIGN.entity1)) | set(graph.subjects(RDF.type, ALIGN.Cell)):
        if isinstance(node, URIRef):
            known = str(node) in used | named or _said(graph, node) in pairs
            assert known, (node, sorted(graph.predicate_objects(node)))


def _said(graph: Graph, node: URIRef) -> frozenset[Any]:
    return frozenset(graph.objects(node, ALIGN.entity1)) | frozenset(
        graph.objects(node, ALIGN.entity2)
    )


def _values(rng: random.Random, cells: list[Any]) -> Any:
    """Something that has no business where it is put."""
    return rng.choice(
        [
            Literal(""),
            Literal("https://schema.org/name"),
            Literal("="),
            Literal("<"),
            Literal(">"),
            Literal("%"),
            Literal("HasInstance"),
            Literal("0,7"),
            Literal(-1),
            Literal("NaN", datatype=rdflib.XSD.float),
            URIRef("https://schema.org/name"),
            URIRef("http://schema.org/name"),
            URIRef("urn:x"),
            BNode(),
            RDF.nil,
            SKOS.closeMatch,
            rng.choice(cells),
        ]
    )


def _drop(rng: random.Random, graph: Graph, cells: list[Any]) -> None:
    graph.remove(rng.choice(sorted(graph.triples((rng.choice(cells), None, None)))))


def _change(rng: random.Random, graph: Graph, cells: list[Any]) -> None:
    s, p, o = rng.choice(sorted(graph.triples((rng.choice(cells), None, None))))
    graph.remove((s, p, o))
    graph.add((s, p, _values(rng, cells)))


def _add(rng: random.Random, graph: Graph, cells: list[Any]) -> None:
    names = [ALIGN.entity1, ALIGN.entity2, ALIGN.relation, ALIGN.measure, XM.rank, XM.fn, XM.args]
    names += [XM.definitional, XM.step, XM["in"], ALIGN.map, OWL.annotatedProperty]
    graph.add((rng.choice(cells), rng.choice(names), _values(rng, cells)))


def _ring(rng: random.Random, graph: Graph, cells: list[Any]) -> None:
    """A list without an end, where a path is expected."""
    one, other = BNode(), BNode()
    for here, there in ((one, other), (other, one)):
        graph.add((here, RDF.first, URIRef("urn:x")))
        graph.add((here, RDF.rest, there))
    graph.set((rng.choice(cells), rng.choice([ALIGN.entity1, ALIGN.entity2, XM.args]), one))


def _turn(rng: random.Random, graph: Graph, cells: list[Any]) -> None:
    cell = rng.choice(cells)
    left, right = graph.value(cell, ALIGN.entity1), graph.value(cell, ALIGN.entity2)
    if left is not None and right is not None:
        graph.set((cell, ALIGN.entity1, right))
        graph.set((cell, ALIGN.entity2, left))


def _shorthand(rng: random.Random, graph: Graph, cells: list[Any]) -> None:
    predicate = rng.choice([OWL.equivalentProperty, RDFS.subPropertyOf, SKOS.exactMatch])
    graph.add((URIRef("urn:x"), predicate, _values(rng, cells)))


CHANGES: list[Callable[[random.Random, Graph, list[Any]], None]] = [
    _drop,
    _change,
    _add,
    _ring,
    _turn,
    _shorthand,
]


def test_the_alignments_as_they_are() -> None:
    """Both files of the EU's: every cell is used or has a fault."""
    for graph in _alignments():
        _nothing_is_lost(graph, _loaded(graph))


def test_mutated_alignments_load_whole() -> None:
    """Cells dropped, doubled, turned, with odd values and endless lists: no cell goes silently."""
    rng = random.Random(5)
    for graph in _alignments():
        cells = sorted(graph.subjects(RDF.type, ALIGN.Cell))
        for _ in range(MUTATIONS // 2):
            mutated = Graph() + graph
            for _ in range(rng.randint(1, 6)):
                rng.choice(CHANGES)(rng, mutated, cells)
            loaded = _loaded(mutated)
            _nothing_is_lost(mutated, loaded)
            _translates(loaded)


def _translates(loaded: Vocabulary) -> None:
    """What was loaded gives a translator, or an error that names two cells."""
    source = {
        "type": "object",
        "x-jsonld-context": {
            "foaf": "http://xmlns.com/foaf/0.1/",
            "@vocab": "http://data.europa.eu/m8g/",
        },
        "properties": {
            "birthDate": {"type": "string"},
            "name": {"type": "string"},
            "domicile": {"type": "object", "properties": {"x": {"type": "string"}}},
        },
    }
    source["x-jsonld-context"]["name"] = "foaf:name"  # type: ignore[index]
    try:
        there = translator(source, open_target(source, "https://schema.org/", loaded), loaded)
    except SemanticsError as error:
        if error.code != "semantics.contradiction":
            raise
        return
    assert isinstance(there.apply({"name": "Ana", "birthDate": "2020-01-01"}).value, dict)


def test_a_cell_that_no_direction_reads_is_named() -> None:
    """A narrower relation over a chain that is not definitional can be read neither way."""
    text = (
        "@prefix align: <http://knowledgeweb.semanticweb.org/heterogeneity/alignment#> .\n"
        "<urn:c> a align:Cell ; align:entity1 ( <urn:a> <urn:b> ) ; align:entity2 <urn:d> ; "
        'align:relation ">" .'
    )
    [fault] = load_vocabulary({PATH: text.encode()}).faults
    assert (fault.where, fault.file) == ("urn:c", PATH)
    assert "neither way" in fault.detail


@pytest.mark.parametrize(
    ("annotated", "relation", "status"),
    [
        ("owl:equivalentProperty", "=", "exact"),
        ("rdfs:subPropertyOf", "=", "broadened"),
        ("rdfs:subPropertyOf", "<", "broadened"),
        ("skos:closeMatch", "=", "missing"),
        ("<urn:other>", "=", "exact"),
    ],
)
def test_a_cell_that_contradicts_its_annotation(annotated: str, relation: str, status: str) -> None:
    """As in files of the EU's: of relation and ``owl:annotatedProperty`` the weaker holds."""
    known = world(
        terms("a:x", "b:y") + cell("a:x", "b:y", relation, f"owl:annotatedProperty {annotated}")
    )
    there = translator(record("a", {"x": TEXT}), record("b", {"y": TEXT}), known)
    assert there.report.field("/y").status == status
    assert bool(known.faults) == (status != "exact" and relation == "=")


# FHIR patients


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and under which key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _nodes(inner)


ODD = [
    None,
    "",
    " ",
    "x",
    0,
    -1.5,
    True,
    [],
    {},
    [[]],
    [None],
    {"value": None},
    "2024-02-30",
    "é\u0301",
]


def _mutated(rng: random.Random, patient: dict[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(patient)
    for _ in range(rng.randint(1, 5)):
        change = rng.randrange(6)
        places = list(_nodes(made))
        holder, key = rng.choice(places) if places else (made, "id")
        if change == 0 and isinstance(holder, dict):
            del holder[key]
        elif change == 1:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        elif change == 2 and isinstance(holder[key], list):
            holder[key] = [] if rng.random() < 0.5 else [*holder[key] * 2, None]
        elif change == 3:
            made[f"_{rng.choice(['birthDate', 'gender'])}"] = {"extension": [{"url": "urn:x"}]}
        elif change == 4:
            made.pop("deceasedBoolean", None)
            made["deceasedDateTime"] = rng.choice(
                ["2020", "2020-01", "2020-01-31", "2020-01-31T10:00:00Z"]
            )
        else:
            uses = ["official", "usual", "maiden", "old", "zz", None]
            made["name"] = [
                {"use": rng.choice(uses), "family": "F", "given": ["A", "B"]}
                for _ in range(rng.randint(0, 4))
            ]
    return made


def test_mutated_patients_are_refused_or_read() -> None:
    """A patient that the schema admits is read everywhere; another is read or refused, no more."""
    rng = random.Random(7)
    births = jsonschema_rs.Draft202012Validator(schema("health/birth"), validate_formats=True)
    targets = [
        (
            bundled("health/birth", name),
            jsonschema_rs.Draft202012Validator(schema(name), validate_formats=True),
        )
        for name in ("citizens/person", "welfare/allowance")
    ]
    admitted = 0
    for patient in patients(80):
        for _ in range(12):
            mutated = _mutated(rng, patient)
            valid = births.is_valid(mutated)
            admitted += valid
            for there, reads in targets:
                try:
                    result = there.apply(mutated)
                except SemanticsError:
                    assert not valid, mutated
                    continue
                json.dumps(result.value)
                if valid:
                    _explained(result, reads, there.missing_required)
    assert admitted > 60


def _explained(result: Any, reads: Any, missing: tuple[str, ...]) -> None:
    """Whatever makes a reading invalid is named before traffic, or by a loss of this message."""
    for error in reads.iter_errors(result.value):
        wanted = error.message.split('"')[1] if '"' in error.message else ""
        named = {loss.path for loss in result.losses} | set(missing)
        assert any(wanted and wanted in path for path in named) or not wanted, error.message
