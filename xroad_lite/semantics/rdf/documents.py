"""Writes a message as JSON-LD, Turtle or N-Quads. Does not decide what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from xroad_lite import strict_json
from xroad_lite.semantics.binding import Binding, Field
from xroad_lite.semantics.names import RDF, XSD, pointer_part
from xroad_lite.semantics.rdf.statements import (
    Blank,
    Iri,
    Literal,
    Statement,
    meaning,
    node_iri,
    statements,
)

if TYPE_CHECKING:
    from rdflib import Graph

FORMS: Final = ("turtle", "jsonld", "nquads")
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_SPACE: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:.*[#/]$")
_LOCAL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_ESCAPED: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def written(form: str, body: Any, schema: Mapping[str, Any], root: str) -> str:
    """The message in one of ``FORMS``; ``root`` is its IRI. ``ValueError`` for another form."""
    if form == "turtle":
        return as_turtle(body, schema, root)
    if form == "jsonld":
        return strict_json.dumps(as_json_ld(body, schema, root)).decode()
    if form == "nquads":
        return as_nquads(statements(body, meaning(schema), root))
    raise ValueError(f"no form {form!r}: expected one of {', '.join(FORMS)}")


def as_nquads(found: Sequence[Statement]) -> str:
    """One statement a line, sorted (RDF 1.1 N-Quads, all in the default graph)."""
    return "".join(sorted(f"{_node(s)} <{p}> {_node(o)} .\n" for s, p, o in found))


def _node(node: Iri | Blank | Literal) -> str:
    if isinstance(node, Iri):
        return f"<{node.iri}>"
    if isinstance(node, Blank):
        return f"_:{node.label}"
    text = '"' + _ESCAPED.sub(lambda one: _escape(one[0]), node.text) + '"'
    if node.language is not None:
        return f"{text}@{node.language}"
    return text if node.datatype == XSD + "string" else f"{text}^^<{node.datatype}>"


def _escape(character: str) -> str:
    return _ESCAPES.get(character, f"\\u{ord(character):04X}")


def as_turtle(body: Any, schema: Mapping[str, Any], root: str) -> str:
    """Turtle with the prefixes of the schema's contexts, one block for each object."""
    binding = meaning(schema)
    return _Turtle(statements(body, binding, root), _prefixes(binding)).text()


class _Turtle:
    def __init__(self, found: Sequence[Statement], prefixes: Mapping[str, str]) -> None:
        self.prefixes = sorted(prefixes.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        self.used: set[str] = set()
        self.said: dict[Iri | Blank, list[tuple[str, Iri | Blank | Literal]]] = {}
        for subject, predicate, value in found:
            self.said.setdefault(subject, []).append((predicate, value))

    def text(self) -> str:
        blocks = [
            self.block(subject, pairs)
            for subject, pairs in self.said.items()
            if isinstance(subject, Iri)
        ]
        head = [
            f"@prefix {name}: <{space}> .\n"
            for name, space in sorted(self.prefixes)
            if name in self.used
        ]
        return "".join(head) + "".join(f"\n{block}" for block in blocks)

    def block(self, subject: Iri, pairs: Sequence[tuple[str, Iri | Blank | Literal]]) -> str:
        values: dict[str, list[str]] = {}
        for predicate, value in pairs:
            name = "a" if predicate == RDF + "type" else self.node(Iri(predicate))
            values.setdefault(name, []).append(self.node(value))
        lines = [f"{name} {', '.join(found)}" for name, found in values.items()]
        return f"{self.node(subject)} " + " ;\n    ".join(lines) + " .\n"

    def node(self, node: Iri | Blank | Literal) -> str:
        if isinstance(node, Blank):
            return f"( {' '.join(map(self.node, self.items(node)))} )"
        if isinstance(node, Iri):
            return "()" if node.iri == RDF + "nil" else self.short(node.iri)
        if node.language is None and node.datatype != XSD + "string":
            return f"{_node(Literal(node.text))}^^{self.short(node.datatype)}"
        return _node(node)

    def items(self, cell: Iri | Blank) -> Iterator[Iri | Blank | Literal]:
        while isinstance(cell, Blank):
            said = dict(self.said[cell])
            yield said[RDF + "first"]
            rest = said[RDF + "rest"]
            cell = rest if isinstance(rest, Blank) else Iri(RDF + "nil")

    def short(self, iri: str) -> str:
        for name, space in self.prefixes:
            if iri.startswith(space) and _LOCAL.fullmatch(iri[len(space) :]):
                self.used.add(name)
                return f"{name}:{iri[len(space) :]}"
        return f"<{iri}>"


def as_graph(found: Sequence[Statement]) -> Graph:
    """The statements as a graph of rdflib's, for what works on such."""
    import rdflib

    def node(one: Iri | Blank | Literal) -> Any:
        if isinstance(one, Iri):
            return rdflib.URIRef(one.iri)
        if isinstance(one, Blank):
            return rdflib.BNode(one.label)
        datatype = None if one.language or one.datatype == XSD + "string" else one.datatype
        return rdflib.Literal(
            one.text,
            lang=one.language,
            datatype=rdflib.URIRef(datatype) if datatype else None,
            normalize=False,
        )

    graph = rdflib.Graph(bind_namespaces="none")
    for subject, predicate, value in found:
        graph.add((node(subject), rdflib.URIRef(predicate), node(value)))
    return graph


def _prefixes(binding: Binding) -> dict[str, str]:
    """What the contexts of the schema abbreviate, and ``rdf`` and ``xsd``."""
    found = {"rdf": RDF, "xsd": XSD}
    for shape in binding.shapes:
        for context in shape.contexts:
            for name, space in context.items() if isinstance(context, Mapping) else ():
                if _PREFIX.fullmatch(name) and isinstance(space, str) and _SPACE.search(space):
                    found.setdefault(name, space)
    return found


def as_json_ld(body: Any, schema: Mapping[str, Any], root: str) -> Any:
    """The message as JSON-LD: its own keys, with contexts, identifiers and classes put in.

    Keys without a meaning, and keys of JSON-LD itself, are left out: they are data, and a
    processor would take them for more.
    """
    return _annotated(body, meaning(schema), 0, root, "")


def _annotated(body: Any, binding: Binding, number: int, root: str, pointer: str) -> Any:
    shape = binding.shapes[number]
    node: dict[str, Any] = {"@id": node_iri(root, pointer)}
    if shape.contexts:
        node = {"@context": _sole(shape.contexts), **node}
    if shape.classes:
        node["@type"] = _sole(shape.classes)
    fields = {item.key: item for item in shape.fields if item.iri is not None}
    for key, value in body.items() if isinstance(body, Mapping) else ():
        if key in fields and value is not None:
            at = f"{pointer}/{pointer_part(key)}"
            node[key] = _value(value, fields[key], binding, root, at)
    return {key: value for key, value in node.items() if value is not None}


def _value(value: Any, item: Field, binding: Binding, root: str, pointer: str) -> Any:
    if item.languages is not None:
        return _texts(value)
    if isinstance(value, list):
        if not item.array:
            return None
        made = [
            _value(one, replace(item, array=False), binding, root, f"{pointer}/{index}")
            for index, one in enumerate(value)
        ]
        return [one for one in made if one is not None]
    if item.shape is None:
        return value if isinstance(value, (str, bool, int, float)) else None
    inside = isinstance(value, Mapping)
    return _annotated(value, binding, item.shape, root, pointer) if inside else None


def _texts(value: Any) -> Any:
    """Texts by language, without what is no text."""
    if not isinstance(value, Mapping):
        return None
    found = {
        tag: [one for one in (text if isinstance(text, list) else [text]) if isinstance(one, str)]
        for tag, text in value.items()
    }
    return {tag: _sole(texts) for tag, texts in found.items() if texts}


def _sole(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else list(values)
