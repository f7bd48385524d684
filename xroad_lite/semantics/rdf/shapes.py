"""SHACL shapes that say of a message's RDF what its schema says of its JSON. Runs pyshacl.

Does not say everything: what a schema demands of combinations of fields stays with the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xroad_lite.errors import ConfigurationError
from xroad_lite.semantics.binding import Binding, Field
from xroad_lite.semantics.names import RDF, SH, XSD
from xroad_lite.semantics.rdf.statements import LANGUAGE_TEXT, meaning

if TYPE_CHECKING:
    from rdflib import Graph, URIRef
    from rdflib.term import Node

_FACETS: Final = {
    "pattern": "pattern",
    "minLength": "minLength",
    "maxLength": "maxLength",
    "minimum": "minInclusive",
    "maximum": "maxInclusive",
    "exclusiveMinimum": "minExclusive",
    "exclusiveMaximum": "maxExclusive",
}
_OF_TEXTS: Final = {"pattern", "minLength", "maxLength"}
_DATATYPES: Final = {
    "string": ("string",),
    "boolean": ("boolean",),
    "integer": ("integer",),
    "number": ("integer", "double"),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """What one shape found wrong: the node's IRI, the property, and what was expected.

    ``detail`` never repeats the value, which may be personal.
    """

    node: str
    path: str
    detail: str


def shapes(schema: Mapping[str, Any], iri: str) -> Graph:
    """The shapes graph of a schema; ``iri`` names the root's shape, ``iri#/n`` those inside.

    A shape has the classes of its object as target. Where a schema contains itself, the inner
    object is not looked into again.
    """
    return _Writer(meaning(schema), iri).graph()


def violations(data: Graph, shapes_graph: Graph, shape: str, focus: str) -> list[Violation]:
    """What is wrong with the node ``focus`` by the shape named ``shape``, sorted.

    ``ConfigurationError`` when pyshacl is not installed.
    """
    try:
        import pyshacl
    except ImportError:
        raise ConfigurationError(
            "config.missing_extra",
            "SHACL needs pyshacl, which is not installed",
            hint="pip install 'xroad-lite[steward]'",
        ) from None
    from rdflib import Graph, URIRef

    aimed = Graph() + shapes_graph
    aimed.add((URIRef(shape), URIRef(SH + "targetNode"), URIRef(focus)))
    _, results, _ = pyshacl.validate(data, shacl_graph=aimed, inference="none")
    return sorted(set(_violations(results)), key=lambda one: (one.node, one.path, one.detail))


def _violations(results: Any) -> Iterator[Violation]:
    from rdflib import URIRef

    def one(node: Node, name: str) -> Any:
        return results.value(node, URIRef(SH + name))

    for result in results.subjects(URIRef(RDF + "type"), URIRef(SH + "ValidationResult")):
        component = str(one(result, "sourceConstraintComponent") or "")
        name = component.removeprefix(SH).removesuffix("ConstraintComponent")
        path = one(result, "resultPath")
        shown = str(path) if isinstance(path, URIRef) else "an item of a list"
        yield Violation(str(one(result, "focusNode")), shown, f"it does not hold: {name}")


class _Writer:
    def __init__(self, binding: Binding, iri: str) -> None:
        import rdflib

        self.rdflib = rdflib
        self.binding, self.iri = binding, iri
        self.made = rdflib.Graph()
        self.made.bind("sh", SH)
        self.made.bind("xsd", XSD)

    def graph(self) -> Graph:
        self.shape(0, frozenset())
        return self.made

    def name(self, number: int) -> URIRef:
        return self.rdflib.URIRef(self.iri if not number else f"{self.iri}#/{number}")

    def say(self, subject: Node, predicate: str, value: Node) -> None:
        self.made.add((subject, self.rdflib.URIRef(SH + predicate), value))

    def literal(self, value: Any) -> Node:
        return self.rdflib.Literal(value)

    def list(self, items: list[Node]) -> Node:
        from rdflib.collection import Collection

        head = self.rdflib.BNode()
        Collection(self.made, head, items)
        return head

    def shape(self, number: int, inside: frozenset[int]) -> URIRef:
        """The shape of an object, written once; within itself it is not looked into."""
        subject = self.name(number)
        type_ = self.rdflib.URIRef(RDF + "type")
        if (subject, type_, None) in self.made:
            return subject
        self.made.add((subject, type_, self.rdflib.URIRef(SH + "NodeShape")))
        self.say(subject, "nodeKind", self.rdflib.URIRef(SH + "IRI"))
        for class_ in self.binding.shapes[number].classes:
            self.say(subject, "targetClass", self.rdflib.URIRef(class_))
            self.say(subject, "class", self.rdflib.URIRef(class_))
        for item in self.binding.shapes[number].fields:
            if item.iri is not None:
                self.field(subject, item, inside | {number})
        return subject

    def field(self, subject: URIRef, item: Field, inside: frozenset[int]) -> None:
        whole = self.property(subject, self.rdflib.URIRef(item.iri or ""))
        if item.required and (item.listed or not item.array):
            self.say(whole, "minCount", self.literal(1))
        if item.listed or not (item.array or item.languages is not None):
            self.say(whole, "maxCount", self.literal(1))
        values = self.property(subject, self.items(item)) if item.listed else whole
        self.values(values, item, inside)

    def property(self, subject: URIRef, path: Node) -> Node:
        made = self.rdflib.BNode()
        self.say(subject, "property", made)
        self.say(made, "path", path)
        return made

    def items(self, item: Field) -> Node:
        """The path to the items of a list: any number of ``rest``, then ``first``."""
        more = self.rdflib.BNode()
        self.say(more, "zeroOrMorePath", self.rdflib.URIRef(RDF + "rest"))
        first = self.rdflib.URIRef(RDF + "first")
        return self.list([self.rdflib.URIRef(item.iri or ""), more, first])

    def values(self, subject: Node, item: Field, inside: frozenset[int]) -> None:
        if item.shape is not None:
            self.say(subject, "nodeKind", self.rdflib.URIRef(SH + "IRI"))
            if item.shape not in inside:
                self.say(subject, "node", self.shape(item.shape, inside))
            return
        if item.scope is not None:
            self.say(subject, "nodeKind", self.rdflib.URIRef(SH + "IRI"))
            return
        self.datatype(subject, item)
        if item.languages is not None:
            if item.languages:
                tags = [self.literal(tag.lower()) for tag in item.languages]
                self.say(subject, "languageIn", self.list(tags))
            return
        if item.values is not None:
            found = [self.typed(item, value) for value in item.values if value is not None]
            self.say(subject, "in", self.list(found))
        self.facets(subject, item)

    def facets(self, subject: Node, item: Field) -> None:
        texts = "string" in item.types
        numbers = bool(item.types & {"integer", "number"}) and item.coercion is None
        for name, value in item.facets:
            fits = texts if name in _OF_TEXTS else numbers
            if name in _FACETS and fits and not isinstance(value, bool):
                self.say(subject, _FACETS[name], self.literal(value))

    def datatype(self, subject: Node, item: Field) -> None:
        found = sorted(self.datatypes(item))
        if len(found) == 1:
            self.say(subject, "datatype", self.rdflib.URIRef(found[0]))
            return
        options: list[Node] = []
        for one in found:
            option = self.rdflib.BNode()
            self.say(option, "datatype", self.rdflib.URIRef(one))
            options.append(option)
        self.say(subject, "or", self.list(options))

    def datatypes(self, item: Field) -> set[str]:
        if item.languages is not None:
            return {LANGUAGE_TEXT}
        found: set[str] = set()
        for kind in item.types:
            if item.coercion is not None:
                found.add(item.coercion)
            elif kind == "string" and item.language is not None:
                found.add(LANGUAGE_TEXT)
            else:
                found.update(XSD + name for name in _DATATYPES[kind])
        return found

    def typed(self, item: Field, value: Any) -> Node:
        if isinstance(value, str):
            datatype = self.rdflib.URIRef(item.coercion) if item.coercion is not None else None
            return self.rdflib.Literal(value, lang=item.language, datatype=datatype)
        return self.literal(value)
