"""A message as RDF statements, by the contexts of its schema. Does not write or store them.

They are those of the JSON-LD 1.1 API (sections 5.1.2 and 8.2) for the message under the contexts
of its schema, where every object has the message's IRI with its own JSON pointer as identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import Binding, Field, bind
from xroad_lite.semantics.languages import NONE
from xroad_lite.semantics.names import RDF, XSD, pointer_part

_TYPE, _FIRST, _REST, _NIL = (RDF + name for name in ("type", "first", "rest", "nil"))
LANGUAGE_TEXT: Final = RDF + "langString"
_SAFE: Final = "/~!$&'()*+,;=:@-._?"
_HUGE: Final = 10**21


class Iri(NamedTuple):
    """A name."""

    iri: str


class Blank(NamedTuple):
    """A node without a name: a cell of a list."""

    label: str


class Literal(NamedTuple):
    """A value in its lexical form, with its datatype and, for texts, its language."""

    text: str
    datatype: str = XSD + "string"
    language: str | None = None


Subject: TypeAlias = Iri | Blank
Object: TypeAlias = Iri | Blank | Literal


class Statement(NamedTuple):
    """Subject, predicate, object."""

    subject: Subject
    predicate: str
    object: Object


def meaning(schema: Mapping[str, Any]) -> Binding:
    """What a schema's fields mean by its own word: every term counts as known."""
    return bind(json_schema_of(schema), lambda _: None)


def message_iri(message_id: str) -> str:
    """The IRI of a message: ``urn:uuid:`` before its id."""
    return f"urn:uuid:{quote(message_id, safe='-')}"


def node_iri(root: str, pointer: str) -> str:
    """The IRI of the object at a JSON pointer (RFC 6901, section 6: as a fragment)."""
    return f"{root}#{quote(pointer, safe=_SAFE)}" if pointer else root


def statements(body: Any, binding: Binding, root: str) -> list[Statement]:
    """The statements of ``body``, whose identifier is ``root``, each once, in the order met.

    Keys that the schema gives no meaning say nothing; a value of another form than its schema's
    says nothing either.
    """
    return list(dict.fromkeys(_Reader(binding, root).object(body, 0, "")))


@dataclass(slots=True)
class _Reader:
    binding: Binding
    root: str
    blanks: int = 0

    def object(self, body: Any, number: int, pointer: str) -> Iterator[Statement]:
        if not isinstance(body, Mapping):
            return
        shape = self.binding.shapes[number]
        subject = Iri(node_iri(self.root, pointer))
        for name in shape.classes:
            yield Statement(subject, _TYPE, Iri(name))
        for item in shape.fields:
            value = body.get(item.key)
            if item.iri is not None and value is not None:
                yield from self.field(subject, item, value, f"{pointer}/{pointer_part(item.key)}")

    def field(self, subject: Iri, item: Field, value: Any, pointer: str) -> Iterator[Statement]:
        predicate = str(item.iri)
        if item.languages is not None:
            for literal in _spoken(value):
                yield Statement(subject, predicate, literal)
            return
        listed = isinstance(value, list)
        if listed and not item.array:
            return
        objects: list[Object] = []
        for index, one in enumerate(value if listed else [value]):
            at = f"{pointer}/{index}" if listed else pointer
            made = self.value(item, one, at)
            if made is None:
                continue
            objects.append(made)
            if item.shape is not None:
                yield from self.object(one, item.shape, at)
        if item.listed:
            yield from self.list(subject, predicate, objects)
        else:
            yield from (Statement(subject, predicate, one) for one in objects)

    def value(self, item: Field, value: Any, pointer: str) -> Object | None:
        if item.shape is not None:
            return Iri(node_iri(self.root, pointer)) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            return _text(item, value)
        if isinstance(value, (bool, int, float)):
            return _number(item, value)
        return None

    def list(self, subject: Iri, predicate: str, objects: list[Object]) -> Iterator[Statement]:
        here: Subject = subject
        for one in objects:
            self.blanks += 1
            cell = Blank(f"b{self.blanks}")
            yield Statement(here, predicate, cell)
            yield Statement(cell, _FIRST, one)
            here, predicate = cell, _REST
        yield Statement(here, predicate, Iri(_NIL))


def _text(item: Field, value: str) -> Object | None:
    if item.scope is not None:
        found = item.scope.value_iri(value, item.coercion or "")
        return Iri(found) if found is not None else None
    if item.coercion is not None:
        return Literal(_double(value) if item.coercion == XSD + "double" else value, item.coercion)
    if item.language is not None:
        return Literal(value, LANGUAGE_TEXT, item.language)
    return Literal(value)


def _number(item: Field, value: bool | int | float) -> Literal:
    """Booleans, integers and doubles in their canonical form (JSON-LD 1.1 API, section 8.6)."""
    coercion = item.coercion if item.scope is None else None
    if isinstance(value, bool):
        return Literal("true" if value else "false", coercion or XSD + "boolean")
    whole = isinstance(value, int) or value.is_integer()
    if whole and abs(value) < _HUGE and coercion != XSD + "double":
        return Literal(str(int(value)), coercion or XSD + "integer")
    return Literal(_canonical(float(value)), coercion or XSD + "double")


def _double(text: str) -> str:
    try:
        return _canonical(float(text))
    except ValueError:
        return text


def _canonical(value: float) -> str:
    return re.sub(r"(\d)0*E\+?(-)?0*(\d)", r"\1E\2\3", f"{value:1.15E}")


def _spoken(value: Any) -> Iterator[Literal]:
    if not isinstance(value, Mapping):
        return
    for tag, texts in sorted(value.items()):
        for text in texts if isinstance(texts, list) else [texts]:
            if isinstance(text, str) and tag == NONE:
                yield Literal(text)
            elif isinstance(text, str):
                yield Literal(text, LANGUAGE_TEXT, tag.lower())
