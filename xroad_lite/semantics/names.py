"""The IRIs that vocabularies and mappings are written with. Does not fetch or resolve them."""

from __future__ import annotations

import re
from typing import Final

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
SH: Final = "http://www.w3.org/ns/shacl#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
ALIGN: Final = "http://knowledgeweb.semanticweb.org/heterogeneity/alignment#"
XM: Final = "https://xroad-lite.example/ns/mapping#"
"""Our own terms in mappings: steps, selections, functions, ranks."""

TERM_CLASSES: Final = frozenset(
    {
        RDF + "Property",
        RDFS + "Class",
        RDFS + "Datatype",
        OWL + "Class",
        OWL + "ObjectProperty",
        OWL + "DatatypeProperty",
        OWL + "AnnotationProperty",
        OWL + "NamedIndividual",
        SKOS + "Concept",
        SKOS + "ConceptScheme",
    }
)
CLASS_KINDS: Final = frozenset({RDFS + "Class", OWL + "Class"})


def short(iri: str) -> str:
    """The last part of an IRI, for people: what follows the last ``#`` or ``/``."""
    return iri.rstrip("#/").rpartition("#")[2].rpartition("/")[2] or iri


def pointer_part(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def brief(text: str) -> str:
    """The text with each IRI that stands in brackets cut to what follows its last slash."""
    return re.sub(r"\((?:https?|urn):[^\s()]*/([^\s()/]+)", r"(\1", text)
