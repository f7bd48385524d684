"""Holds a schema's examples, as RDF, against the shapes of that schema. Makes up no messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.names import short
from xroad_lite.stewardship.checking.findings import Finding

MAX_EXAMPLES: Final = 20
_ROOT: Final = "urn:example:"


def broken_examples(path: str, name: str, document: Any) -> Iterator[Finding]:
    """What in the ``examples`` of a bound schema does not conform when it is read as RDF.

    ``name`` is the schema's, as ``citizens/person/1``. ``ConfigurationError`` without pyshacl.
    """
    from xroad_lite.semantics.rdf import meaning, shapes, statements, violations
    from xroad_lite.semantics.rdf.documents import as_graph

    examples = document.get("examples") if isinstance(document, dict) else None
    if not isinstance(examples, list) or not {"x-jsonld-context", "x-jsonld-type"} & set(document):
        return
    iri = f"urn:schema:{name}"
    try:
        binding, made = meaning(document), shapes(document, iri)
    except SemanticsError:
        return  # its contexts cannot be read: that is told by itself
    for number, example in enumerate(examples[:MAX_EXAMPLES]):
        root = f"{_ROOT}{number}"
        data = as_graph(statements(example, binding, root))
        for one in violations(data, made, iri, root):
            message = f"/examples/{number} as RDF: {short(one.path)}: {one.detail}"
            hint = "correct the example, or the schema"
            at = ("examples", number)
            yield Finding(path, "semantics.example_shape", message, "wrong", hint, at=at)
