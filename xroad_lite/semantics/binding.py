"""Binds a schema to its meaning: shapes of fields, each with its IRI. Does not look at messages.

``allOf`` adds up; the branches of ``oneOf``, ``anyOf``, ``if`` add what they declare as optional;
``null`` beside a type means that the value may be absent. A ``$ref`` is followed inside its
document; one that leads out leaves its field unbound, one that leads back gives the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.context import Context, TermDefinition, extended
from xroad_lite.semantics.merging import View, merged
from xroad_lite.semantics.names import pointer_part

SCALARS: Final = frozenset({"string", "number", "integer", "boolean"})
MAX_SHAPES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an object: what it means and what its values may be.

    ``types`` are the JSON types of its values, or of its items; ``shape`` is the number of their
    shape where they are objects. ``iri`` is None where the field is bound to nothing, and then
    ``note`` says why. ``language`` is the tag of its texts. ``languages`` is set where the value is
    an object of texts by language: the tags that the schema admits, none for any. ``scope`` is the
    context of texts that stand for IRIs.
    """

    key: str
    iri: str | None
    required: bool
    array: bool
    ordered: bool
    types: frozenset[str]
    shape: int | None = None
    coercion: str | None = None
    codes: str | None = None
    values: tuple[Any, ...] | None = None
    format: str | None = None
    default: tuple[Any, ...] = ()
    note: str = ""
    language: str | None = None
    languages: tuple[str, ...] | None = None
    scope: Context | None = None
    listed: bool = False
    facets: tuple[tuple[str, Any], ...] = ()

    @property
    def leaf(self) -> bool:
        """Whether its values are texts, numbers or booleans."""
        return self.shape is None


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of an object, its classes, and its own contexts as they are written."""

    pointer: str
    classes: tuple[str, ...]
    fields: tuple[Field, ...]
    contexts: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def by_iri(self, iri: str) -> Field | None:
        """The field with this meaning."""
        return next((item for item in self.fields if item.iri == iri), None)


@dataclass(frozen=True, slots=True)
class Binding:
    """A schema as shapes; ``shapes[0]`` is the root."""

    shapes: tuple[Shape, ...]

    @property
    def root(self) -> Shape:
        """The shape of the whole document."""
        return self.shapes[0]

    def inside(self, item: Field) -> Shape:
        """The shape of a field's values."""
        if item.shape is None:
            raise ValueError(f"{item.key} has no shape")
        return self.shapes[item.shape]

    def everywhere(self) -> Iterator[tuple[str, Field]]:
        """Every field with its pointer, ``*`` for items of arrays; a shape within itself once."""
        yield from self._within(0, "", frozenset({0}))

    def _within(
        self, number: int, base: str, inside: frozenset[int]
    ) -> Iterator[tuple[str, Field]]:
        for item in self.shapes[number].fields:
            pointer = f"{base}/{pointer_part(item.key)}"
            yield pointer, item
            if item.shape is not None and item.shape not in inside:
                below = pointer + ("/*" if item.array else "")
                yield from self._within(item.shape, below, inside | {item.shape})


def bind(document: Mapping[str, Any], unknown: Callable[[str], str | None]) -> Binding:
    """Bind a JSON Schema; ``unknown(iri)`` is None for a known term, else what to say about it."""
    if not isinstance(document, Mapping):
        raise SemanticsError(
            "semantics.schema", f"a schema is {type(document).__name__}: expected an object"
        )
    binder = _Binder(document, unknown)
    try:
        binder.shape(merged([document], document, "#"), Context(), "")
    except RecursionError:
        raise SemanticsError("semantics.schema", "the schema is nested too deep") from None
    return Binding(tuple(shape for shape in binder.shapes if shape is not None))


@dataclass(slots=True)
class _Binder:
    document: Mapping[str, Any]
    unknown: Callable[[str], str | None]
    shapes: list[Shape | None] = field(default_factory=list)
    numbers: dict[tuple[tuple[int, ...], Context], int] = field(default_factory=dict)

    def shape(
        self, view: View, active: Context, pointer: str, around: Sequence[object] = ()
    ) -> int:
        """The number of an object's shape; ``around`` are contexts that its array brings."""
        contexts = (*around, *view.contexts)
        for local in contexts:
            active = extended(active, local, pointer or "/")
        identity = ((*view.identity, *map(id, around)), active)
        if identity in self.numbers:
            return self.numbers[identity]
        if len(self.shapes) >= MAX_SHAPES:
            raise SemanticsError("semantics.schema", f"more than {MAX_SHAPES} shapes in a schema")
        number = self.numbers[identity] = len(self.shapes)
        self.shapes.append(None)
        classes = tuple(filter(None, map(active.class_iri, view.classes)))
        fields = [
            self.field(key, parts, key in view.required, active, f"{pointer}/{key}")
            for key, parts in view.properties.items()
        ]
        bound = tuple(item for item in fields if item is not None)
        _no_duplicates(bound, pointer)
        self.shapes[number] = Shape(pointer, classes, bound, contexts)
        return number

    def field(
        self, key: str, parts: list[object], required: bool, active: Context, pointer: str
    ) -> Field | None:
        outer = merged(parts, self.document, pointer)
        if outer.never:
            return None
        array = "array" in outer.types
        item = merged(outer.items, self.document, pointer + "/*") if array else outer
        meaning = active.define(key)
        spoken = meaning.container == "@language"
        odd = _odd_languages(outer) if spoken else _odd(outer, item, array=array)
        iri, note = self.meaning(meaning, odd)
        shape = None
        if iri is not None and "object" in item.types and not spoken:
            shape = self.shape(item, active, pointer, outer.contexts if array else ())
        return Field(
            key=key,
            iri=iri,
            required=required,
            array=array,
            ordered=array and meaning.container == "@list",
            types=frozenset({"string"} if spoken else item.types & SCALARS or SCALARS),
            shape=shape,
            coercion=meaning.coercion,
            codes=item.codes,
            values=item.values,
            format=item.format,
            default=outer.default,
            note=note,
            language=active.language_of(meaning),
            languages=_tags(outer) if spoken else None,
            scope=active if meaning.coercion in ("@id", "@vocab") else None,
            listed=meaning.container == "@list",
            facets=tuple(sorted({**item.facets, **outer.facets}.items())),
        )

    def meaning(self, term: TermDefinition, odd: str) -> tuple[str | None, str]:
        if odd:
            return None, odd
        if term.iri is None:
            return None, "its context gives it no meaning"
        complaint = self.unknown(term.iri)
        return (None, complaint) if complaint else (term.iri, "")


def _odd(outer: View, item: View, *, array: bool) -> str:
    """Why values of this form are not bound, or the empty text."""
    if outer.elsewhere or item.elsewhere:
        return outer.elsewhere or item.elsewhere
    if array and outer.types - {"array", "null"}:
        return "an array or something else"
    if array and not outer.items:
        return "an array without items"
    if array and "array" in item.types:
        return "an array of arrays"
    return "an object or a text" if "object" in item.types and item.types & SCALARS else ""


def _odd_languages(outer: View) -> str:
    """Why a value cannot be an object of texts by language, or the empty text."""
    if outer.elsewhere:
        return outer.elsewhere
    return "" if outer.types <= {"object", "null"} else "texts by language that are no object"


def _tags(outer: View) -> tuple[str, ...]:
    return tuple(sorted(outer.properties)) if outer.closed else ()


def _no_duplicates(fields: tuple[Field, ...], pointer: str) -> None:
    seen: dict[str, str] = {}
    for item in fields:
        if item.iri is not None and item.iri in seen:
            raise SemanticsError(
                "semantics.duplicate_term",
                f"{pointer or '/'}: {seen[item.iri]!r} and {item.key!r} both mean {item.iri}: "
                "expected one key for each meaning",
                hint="give one of them another term, or null",
            )
        if item.iri is not None:
            seen[item.iri] = item.key
