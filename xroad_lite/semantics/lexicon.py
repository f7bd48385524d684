"""What vocabularies say for people: labels, definitions, domains, ranges. Does not translate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xroad_lite.semantics.names import RDF, RDFS, SKOS, TERM_CLASSES, short
from xroad_lite.semantics.vocabulary import parsed

if TYPE_CHECKING:
    from rdflib import Graph, URIRef

Texts = tuple[tuple[str, str], ...]
"""Pairs of language and text, English, Spanish and Portuguese first."""

_FIRST: Final = {"en": 0, "es": 1, "pt": 2}
_PREFIX: Final = re.compile(rb"^@prefix +([A-Za-z][\w-]*): *<([^>]+)> *\.", re.M)
_LABELS: Final = (RDFS + "label", SKOS + "prefLabel")
_OTHER_LABELS: Final = (SKOS + "altLabel", SKOS + "hiddenLabel")
_DEFINITIONS: Final = (SKOS + "definition", RDFS + "comment", SKOS + "scopeNote")
_RELATED: Final = (SKOS + "closeMatch", SKOS + "relatedMatch", RDFS + "seeAlso")


@dataclass(frozen=True, slots=True)
class Entry:
    """A term as its vocabulary presents it; the IRIs of what it stands beside, in order."""

    iri: str
    kinds: tuple[str, ...]
    labels: Texts
    other_labels: Texts
    definitions: Texts
    domains: tuple[str, ...]
    ranges: tuple[str, ...]
    broader: tuple[str, ...]
    related: tuple[str, ...]
    schemes: tuple[str, ...]
    notations: tuple[str, ...]
    file: str

    @property
    def kind(self) -> str:
        """One word for people: class, property, code, code list."""
        names = {short(kind) for kind in self.kinds}
        if "ConceptScheme" in names:
            return "code list"
        if "Concept" in names:
            return "code"
        return "class" if "Class" in names else "property"

    def label(self, language: str) -> str:
        """The label in a language, else the first there is, else the last part of the IRI."""
        return dict(reversed(self.labels)).get(language) or (
            self.labels[0][1] if self.labels else short(self.iri)
        )


def read_prefixes(files: Mapping[str, bytes]) -> dict[str, str]:
    """A prefix for every namespace that the Turtle files abbreviate, no two alike.

    It is the one of the first file by name; where several namespaces have it, each gets the last
    part of its own name instead.
    """
    found: dict[str, str] = {}
    for path in sorted(path for path in files if path.endswith(".ttl")):
        for prefix, space in _PREFIX.findall(files[path]):
            found.setdefault(space.decode("utf-8", "replace"), prefix.decode("utf-8", "replace"))
    often = Counter(found.values())
    return {
        space: prefix if often[prefix] == 1 else short(space) for space, prefix in found.items()
    }


def read_lexicon(files: Mapping[str, bytes]) -> dict[str, Entry]:
    """Every term that the Turtle files declare, by IRI.

    Where several files declare one, the first by name tells. ``SemanticsError`` if a file is not
    Turtle.
    """
    found: dict[str, Entry] = {}
    for path in sorted(path for path in files if path.endswith(".ttl")):
        for entry in entries(parsed(path, files[path]), path):
            found.setdefault(entry.iri, entry)
    return found


def entries(graph: Graph, path: str) -> Iterator[Entry]:
    """The terms that the graph of one file declares, in the order of their IRIs."""
    from rdflib import URIRef

    kinds: dict[URIRef, set[str]] = {}
    for subject, kind in graph.subject_objects(URIRef(RDF + "type")):
        if isinstance(subject, URIRef) and str(kind) in TERM_CLASSES:
            kinds.setdefault(subject, set()).add(str(kind))
    for subject in sorted(kinds):
        yield _entry(graph, subject, tuple(sorted(kinds[subject])), path)


def _entry(graph: Graph, subject: URIRef, kinds: tuple[str, ...], path: str) -> Entry:
    def iris(*predicates: str) -> tuple[str, ...]:
        return tuple(sorted(_objects(graph, subject, predicates, literal=False)))

    return Entry(
        iri=str(subject),
        kinds=kinds,
        labels=_texts(graph, subject, _LABELS),
        other_labels=_texts(graph, subject, _OTHER_LABELS),
        definitions=_texts(graph, subject, _DEFINITIONS),
        domains=iris(RDFS + "domain"),
        ranges=iris(RDFS + "range"),
        broader=iris(SKOS + "broader", RDFS + "subClassOf", RDFS + "subPropertyOf"),
        related=iris(*_RELATED),
        schemes=iris(SKOS + "inScheme"),
        notations=tuple(sorted(_objects(graph, subject, (SKOS + "notation",), literal=True))),
        file=path,
    )


def _objects(
    graph: Graph, subject: URIRef, predicates: tuple[str, ...], *, literal: bool
) -> set[str]:
    from rdflib import Literal, URIRef

    kind = Literal if literal else URIRef
    return {
        str(value)
        for predicate in predicates
        for value in graph.objects(subject, URIRef(predicate))
        if isinstance(value, kind)
    }


def _texts(graph: Graph, subject: URIRef, predicates: tuple[str, ...]) -> Texts:
    from rdflib import Literal, URIRef

    found = {
        (value.language or "", str(value))
        for predicate in predicates
        for value in graph.objects(subject, URIRef(predicate))
        if isinstance(value, Literal)
    }
    return tuple(sorted(found, key=lambda pair: (_FIRST.get(pair[0], 9), *pair)))


DATATYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "langString": "text",
    "boolean": "yes or no",
    "integer": "number",
    "decimal": "number",
    "double": "number",
    "date": "date",
    "dateTime": "date and time",
    "gYear": "date",
    "gYearMonth": "date",
    "anyURI": "address",
}
"""The last parts of datatypes as families that can be compared."""
