"""Runs the SHACL shapes of ``shapes.ttl`` over a vocabulary. Does not fetch or change anything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from xroad_lite.errors import ConfigurationError
from xroad_lite.semantics.names import RDF, short
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.vocabularies.reading import Words

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

_SH: Final = "http://www.w3.org/ns/shacl#"


def broken_shapes(words: Words, path: str) -> Iterator[Finding]:
    """What in one file breaks a shape; the code is the last part of the shape's IRI.

    ``ConfigurationError`` if pyshacl is not installed.
    """
    shapes = _shapes()
    for result in _results(_looked_at(words.graphs[path], shapes), shapes):
        shape = result["sourceShape"]
        message = f"{short(str(result['focusNode']))}: {_said(shapes, shape, 'message')}"
        severity = "warning" if str(result["resultSeverity"]) == _SH + "Warning" else "wrong"
        yield words.finding(
            path,
            short(str(shape)),
            str(result["focusNode"]),
            message,
            "warning" if severity == "warning" else "wrong",
            _said(shapes, shape, "description"),
        )


@cache
def _shapes() -> Graph:
    from rdflib import Graph

    text = (files(__package__) / "shapes.ttl").read_text("utf-8")
    return Graph().parse(data=text, format="turtle")


def _looked_at(graph: Graph, shapes: Graph) -> Graph:
    """The statements that shapes look at: no other can make a shape slow, deep or endless."""
    from rdflib import Graph, URIRef

    made = Graph()
    for predicate in {URIRef(RDF + "type"), *shapes.objects(None, URIRef(_SH + "path"))}:
        for triple in graph.triples((None, predicate, None)):
            made.add(triple)
    return made


def _results(graph: Graph, shapes: Graph) -> Iterator[dict[str, Node]]:
    from rdflib import Graph, URIRef

    _, report, _ = _pyshacl().validate(
        graph,
        shacl_graph=shapes,
        inference="none",
        advanced=False,
        meta_shacl=False,
        do_owl_imports=False,
        inplace=True,
    )
    if not isinstance(report, Graph):
        raise TypeError(f"pyshacl gave no report: {report!r:.200}")
    for node in report.subjects(URIRef(RDF + "type"), URIRef(_SH + "ValidationResult")):
        yield {
            str(predicate).removeprefix(_SH): value
            for predicate, value in report.predicate_objects(node)
        }


def _said(shapes: Graph, shape: Node, word: str) -> str:
    from rdflib import URIRef

    return str(next(iter(shapes.objects(shape, URIRef(_SH + word))), ""))


def _pyshacl() -> Any:
    try:
        import pyshacl
    except ImportError:
        raise ConfigurationError(
            "config.missing_extra",
            "shapes are run by pyshacl, which is not installed",
            hint="install it with: pip install 'xroad-lite[steward]'",
        ) from None
    return pyshacl
