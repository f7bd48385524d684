"""Finds terms that are used and that nobody declares, with the nearest one. Corrects nothing."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import bind
from xroad_lite.semantics.names import RDF, RDFS, SKOS, short
from xroad_lite.semantics.reconcile import named, namespace
from xroad_lite.semantics.vocabulary import Vocabulary
from xroad_lite.stewardship.checking.findings import Finding, Severity
from xroad_lite.stewardship.vocabularies.reading import Words, iris

_FOR_READERS: Final = frozenset(
    {SKOS + "closeMatch", SKOS + "relatedMatch", RDFS + "seeAlso", RDFS + "isDefinedBy"}
)
"""What these lead to is read by people alone."""
MAX_COMPARISONS: Final = 200_000
"""Looking for the nearest term costs, so after some it is left."""
MAX_UNKNOWN: Final = 2_000


def unknown_terms(words: Words) -> Iterator[Finding]:
    """Terms in vocabularies and mappings whose namespace is a vocabulary's here, not declared."""
    nearest = _Nearest(words.vocabulary)
    declared = _declared(words)
    for path, iri, severity in islice(_unknown(words, declared), MAX_UNKNOWN):
        message = f"{short(iri)} is no term of {namespace(iri)}{nearest.of(iri)}"
        hint = "declare the term, or correct its name"
        yield words.finding(path, "unknown_term", iri, message, severity, hint)


def _declared(words: Words) -> set[str]:
    from rdflib import URIRef

    declared = set(words.vocabulary.terms)
    for graph in words.graphs.values():
        declared.update(iris(graph.subjects(URIRef(RDF + "type"))))
    return declared


def _unknown(words: Words, declared: set[str]) -> Iterator[tuple[str, str, Severity]]:
    for path, graph in words.graphs.items():
        used: dict[str, Severity] = {}
        for subject, predicate, value in graph:
            severity: Severity = "warning" if str(predicate) in _FOR_READERS else "wrong"
            for iri in iris((subject, predicate, value)):
                if iri not in declared and namespace(iri) in words.spaces:
                    used[iri] = "wrong" if used.get(iri) == "wrong" else severity
        for iri in sorted(used):
            yield path, iri, used[iri]
    tables = (cell for cell in words.vocabulary.cells if cell.file.endswith(".tsv"))
    for path, iri in sorted({(cell.file, iri) for cell in tables for iri in named(cell)}):
        if iri not in declared and namespace(iri) in words.spaces:
            yield path, iri, "wrong"


def unknown_in_schema(
    path: str, document: Any, vocabulary: Vocabulary, spaces: Container[str]
) -> Iterator[Finding]:
    """Terms, classes and code lists that a schema names and no vocabulary declares.

    What lies in one of ``spaces``, a vocabulary's namespace, is wrong; elsewhere it is a warning.
    """
    nearest = _Nearest(vocabulary)

    def found(iri: str, code: str, message: str, near: str) -> Finding:
        severity: Severity = "wrong" if namespace(iri) in spaces else "warning"
        hint = "declare it below vocabularies/, or correct the schema"
        return Finding(path, f"semantics.{code}", message, severity, hint, near=near)

    try:
        binding = bind(json_schema_of(document), vocabulary.unknown)
    except SemanticsError as error:
        yield Finding(path, error.code, error.message, hint=error.hint)
        return
    for shape in binding.shapes:
        for iri in shape.classes:
            if vocabulary.unknown(iri):
                message = f"{shape.pointer or '/'}: unknown class {iri}{nearest.of(iri)}"
                yield found(iri, "unknown_term", message, '"x-jsonld-type"')
        for one in shape.fields:
            where = f"{shape.pointer}/{one.key}"
            if one.note.startswith("unknown term "):
                iri = one.note.removeprefix("unknown term ").partition(";")[0]
                yield found(iri, "unknown_term", f"{where}: {one.note}", f'"{one.key}"')
            if one.codes is not None and one.codes not in vocabulary.notations:
                message = f"{where}: unknown code list {one.codes}{nearest.of(one.codes)}"
                yield found(one.codes, "unknown_codelist", message, one.codes)


@dataclass(slots=True)
class _Nearest:
    vocabulary: Vocabulary
    left: int = MAX_COMPARISONS

    def of(self, iri: str) -> str:
        """What was probably meant, as the end of a sentence; empty when nothing is near."""
        self.left -= len(self.vocabulary.terms)
        near = self.vocabulary.nearest(iri) if self.left >= 0 else None
        return f": did you mean {short(near)}?" if near else ""
