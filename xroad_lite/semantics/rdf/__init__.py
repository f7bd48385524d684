"""Messages as RDF, and schemas as SHACL shapes: for who reads meaning without our schemas.

Does not translate, and does not look at vocabularies: a schema's own contexts say it all.
"""

from xroad_lite.semantics.rdf.documents import FORMS, as_json_ld, as_nquads, as_turtle, written
from xroad_lite.semantics.rdf.shapes import shapes, violations
from xroad_lite.semantics.rdf.statements import Iri, Literal, Statement, meaning, statements

__all__ = [
    "FORMS",
    "Iri",
    "Literal",
    "Statement",
    "as_json_ld",
    "as_nquads",
    "as_turtle",
    "meaning",
    "shapes",
    "statements",
    "violations",
    "written",
]
