"""Reads JSON Schemas as formulas, each schema under a number; does not prove anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from xroad_lite import strict_json
from xroad_lite.schema.evolution.evaluated import evaluated
from xroad_lite.schema.evolution.formulas import (
    ANYTHING,
    FALSE,
    TRUE,
    And,
    Fields,
    Formula,
    Items,
    Literal,
    Or,
    least,
    most,
    negated,
)
from xroad_lite.schema.evolution.texts import is_asserted
from xroad_lite.schema.references import Documents, Place, referred

ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "$anchor", "$dynamicAnchor", "$vocabulary", "$defs",
     "definitions", "title", "description", "default", "examples", "deprecated", "readOnly",
     "writeOnly", "contentSchema")
)  # fmt: skip


@dataclass(slots=True)
class Reader:
    """Numbers schemas and reads them as formulas; a negative number is a schema's complement."""

    places: list[tuple[Place, Documents]] = field(default_factory=list)
    _numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _read: dict[tuple[int, str], Formula] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        everything = Documents(True, {})
        self.number(everything.root, everything)  # ANYTHING

    def number(self, place: Place, documents: Documents) -> int:
        """The number of a schema; schemas that are alike, without references, share theirs."""
        schema = place.schema
        if schema is False:
            return -ANYTHING
        key: tuple[Any, ...] = (id(schema), place.base, place.draft)
        found = self._numbers.get(key)
        if found is None:
            alike = _likeness(place)
            found = self._numbers.get(alike, 0) if alike else 0
            if not found:
                self.places.append((place, documents))
                found = len(self.places)
            self._numbers[key] = found
            if alike:
                self._numbers[alike] = found
            self._kept.append(schema)  # so that its id stays its own
        return found

    def made(self, schema: Any, number: int = ANYTHING) -> int:
        """The number of a schema made up beside another one, with its address and draft."""
        place, documents = self.places[abs(number) - 1]
        return self.number(Place(schema, place.base, place.draft), documents)

    def formula(self, number: int, of: str) -> Formula:
        """What a schema, or its complement, says of values of one type."""
        key = (number, of)
        if key not in self._read:
            if number < 0:
                self._read[key] = negated(self.formula(-number, of))
            else:
                self._read[key] = _Reading(self, *self.places[number - 1], of).formula()
        return self._read[key]


def _likeness(place: Place) -> tuple[Any, ...]:
    if isinstance(place.schema, bool):
        return ("like", place.schema)
    said = {word: v for word, v in place.schema.items() if word not in ANNOTATIONS}
    try:
        text = strict_json.canonical(said)
    except TypeError:  # integers beyond 64 bits
        return ()
    return () if b'"$ref"' in text or b'"$dynamicRef"' in text else ("like", place.draft, text)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One schema, read for values of one type."""

    reader: Reader
    place: Place
    documents: Documents
    of: str

    def formula(self) -> Formula:
        if isinstance(self.place.schema, bool):
            return TRUE if self.place.schema else FALSE
        keywords = self.place.keywords()
        if self.of != "object" and keywords.keys() <= _OF_OBJECTS:
            return TRUE
        if "type" in keywords and _typed(_names(keywords), self.of) is FALSE:
            return FALSE  # whatever the other keywords say
        readers: tuple[Callable[[Mapping[str, Any]], Iterator[Formula]], ...] = (
            self._values,
            self._combinations,
            self._references,
            self._of_type(),
        )
        parts = [part for read in readers for part in read(keywords) if part is not TRUE]
        return And(tuple(parts)) if parts else TRUE

    def _of_type(self) -> Callable[[Mapping[str, Any]], Iterator[Formula]]:
        match self.of:
            case "number":
                return self._numeric
            case "string":
                return self._string
            case "array":
                return self._array
            case "object":
                return self._object
        return _nothing

    def _inner(self, place: Place) -> Formula:
        """What a subschema says of the same value."""
        return self.reader.formula(self._number(place), self.of)

    def _number(self, place: Place) -> int:
        return self.reader.number(place, self.documents)

    def _at(self, schema: Any) -> int:
        return self._number(self.place.within(schema))

    def _values(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        if "type" in keywords:
            yield _typed(_names(keywords), self.of)
        if "const" in keywords:
            yield self._among([keywords["const"]])
        if "enum" in keywords:
            yield self._among(keywords["enum"])

    def _among(self, values: list[Any]) -> Formula:
        mine = [value for value in values if _type_of(value) == self.of]
        if self.of == "null":
            return TRUE if mine else FALSE
        if self.of == "array":
            return Or(tuple(self._exactly_items(value) for value in mine))
        if self.of == "object":
            return Or(tuple(self._exactly_fields(value) for value in mine))
        if self.of == "number":
            mine = [Fraction(str(value)) for value in mine]
        return Literal("among", (frozenset(mine),)) if mine else FALSE

    def _exactly_items(self, value: list[Any]) -> Formula:
        first = tuple(self.reader.made({"const": item}) for item in value)
        return And((least(len(first)), Literal("items", (Items(first, -ANYTHING),))))

    def _exactly_fields(self, value: dict[str, Any]) -> Formula:
        named = {name: self.reader.made({"const": item}) for name, item in value.items()}
        has = Literal("has", (frozenset(named),))
        return And((has, Literal("fields", (Fields(named, (), -ANYTHING),))))

    def _combinations(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        inner = [self._inner(self.place.within(s)) for s in keywords.get("allOf", ())]
        yield from inner
        for word in ("anyOf", "oneOf"):
            if word in keywords:
                parts = tuple(self._inner(self.place.within(s)) for s in keywords[word])
                yield Or(parts) if word == "anyOf" else _exactly_one(parts)
        if "not" in keywords:
            yield negated(self._inner(self.place.within(keywords["not"])))
        if "if" in keywords and ("then" in keywords or "else" in keywords):
            asked = self._inner(self.place.within(keywords["if"]))
            for word, holds in (("then", negated(asked)), ("else", asked)):
                if word in keywords:
                    yield Or((holds, self._inner(self.place.within(keywords[word]))))

    def _references(self, _: Mapping[str, Any]) -> Iterator[Formula]:
        if (target := referred(self.documents, self.place)) is not None:
            yield self._inner(target)
        if (target := referred(self.documents, self.place, "$dynamicRef")) is not None:
            name = self.place.schema["$dynamicRef"].partition("#")[2]
            others = self.documents.dynamic(name) if _is_dynamic(target, name) else []
            if all(other.schema is target.schema for other in others):
                yield self._inner(target)
            else:
                yield self._opaque("$dynamicRef")

    def _opaque(self, keyword: str) -> Formula:
        return Literal("opaque", (f"{keyword} {self._number(self.place)}",))

    def _numeric(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        for word, make, left_out in _LIMITS:
            if word in keywords:
                yield make(Fraction(str(keywords[word])), left_out)
        if "multipleOf" in keywords:
            yield Literal("multiple", (Fraction(str(keywords["multipleOf"])),))

    def _string(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        yield from _lengths(keywords, "minLength", "maxLength")
        if "pattern" in keywords:
            yield Literal("pattern", (keywords["pattern"],))
        if is_asserted(keywords.get("format"), self.place.draft):
            yield Literal("format", (keywords["format"],))
        for word in ("contentEncoding", "contentMediaType") if self.place.draft == 7 else ():
            if word in keywords:
                yield Literal("opaque", (f"{word} {keywords[word]}",))

    def _array(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        yield from _lengths(keywords, "minItems", "maxItems")
        if keywords.get("uniqueItems") is True:
            yield Literal("unique")
        first, rest = self._item_schemas(keywords)
        if first or rest is not True:
            numbers = tuple(self._at(schema) for schema in first)
            yield Literal("items", (Items(numbers, self._at(rest)),))
        yield from self._contains(keywords)
        yield from self._unevaluated_items(keywords)

    def _item_schemas(self, keywords: Mapping[str, Any]) -> tuple[list[Any], Any]:
        items = keywords.get("items", True)
        if self.place.draft == 2020:
            return keywords.get("prefixItems", []), items
        if isinstance(items, list):
            return items, keywords.get("additionalItems", True)
        return [], items

    def _contains(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        if "contains" not in keywords:
            return
        number = self._at(keywords["contains"])
        new = self.place.draft == 2020
        fewest = int(keywords.get("minContains", 1)) if new else 1
        if fewest > 0:
            yield Literal("count", (number, fewest))
        if new and "maxContains" in keywords:
            yield Literal("count", (number, int(keywords["maxContains"]) + 1), positive=False)

    def _unevaluated_items(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        if "unevaluatedItems" not in keywords or self.place.draft == 7:
            return
        known = evaluated(self.place, self.documents)
        if known.items_uncertain and not known.all_items:
            yield self._opaque("unevaluatedItems")
        elif not known.all_items:
            rest = self._at(keywords["unevaluatedItems"])
            yield Literal("items", (Items((ANYTHING,) * known.first, rest),))

    def _object(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        yield from _lengths(keywords, "minProperties", "maxProperties")
        if keywords.get("required"):
            yield Literal("has", (frozenset(keywords["required"]),))
        if any(word in keywords for word in _FIELD_WORDS):
            named = {n: self._at(s) for n, s in keywords.get("properties", {}).items()}
            by_pattern = keywords.get("patternProperties", {}).items()
            patterns = tuple((pattern, self._at(schema)) for pattern, schema in by_pattern)
            rest = self._at(keywords.get("additionalProperties", True))
            yield Literal("fields", (Fields(named, patterns, rest),))
        if "propertyNames" in keywords:
            yield Literal("names", (self._at(keywords["propertyNames"]),))
        yield from self._dependencies(keywords)
        yield from self._unevaluated_fields(keywords)

    def _dependencies(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        for word in _DEPENDENCIES[self.place.draft]:
            for name, needed in keywords.get(word, {}).items():
                if isinstance(needed, list):
                    then: Formula = Literal("has", (frozenset(needed),))
                else:
                    then = self._inner(self.place.within(needed))
                yield Or((Literal("lacks", (name,)), then))

    def _unevaluated_fields(self, keywords: Mapping[str, Any]) -> Iterator[Formula]:
        if "unevaluatedProperties" not in keywords or self.place.draft == 7:
            return
        known = evaluated(self.place, self.documents)
        if known.fields_uncertain and not known.all_fields:
            yield self._opaque("unevaluatedProperties")
        elif not known.all_fields:
            rest = self._at(keywords["unevaluatedProperties"])
            named = dict.fromkeys(known.names, ANYTHING)
            patterns = tuple((pattern, ANYTHING) for pattern in sorted(known.patterns))
            yield Literal("fields", (Fields(named, patterns, rest),))


_OF_OBJECTS = frozenset(("properties", "required", "additionalProperties"))
"""The most frequent keywords that say nothing of other types."""
_FIELD_WORDS = ("properties", "patternProperties", "additionalProperties")
_DEPENDENCIES = {
    7: ("dependencies",),
    2020: ("dependencies", "dependentRequired", "dependentSchemas"),
}
_LIMITS = (
    ("minimum", least, False),
    ("exclusiveMinimum", least, True),
    ("maximum", most, False),
    ("exclusiveMaximum", most, True),
)


def _nothing(_: Mapping[str, Any]) -> Iterator[Formula]:
    return iter(())


def _names(keywords: Mapping[str, Any]) -> list[str]:
    names = keywords["type"]
    return [names] if isinstance(names, str) else names


def _typed(names: list[str], of: str) -> Formula:
    if of in names:
        return TRUE
    if of == "number" and "integer" in names:
        return Literal("multiple", (Fraction(1),))
    return FALSE


def _type_of(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    names = ((str, "string"), (int | float, "number"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "array")


def _exactly_one(parts: tuple[Formula, ...]) -> Formula:
    denied = [negated(part) for part in parts]
    return Or(tuple(And((part, *denied[:i], *denied[i + 1 :])) for i, part in enumerate(parts)))


def _lengths(keywords: Mapping[str, Any], fewest: str, largest: str) -> Iterator[Formula]:
    if fewest in keywords:
        yield least(int(keywords[fewest]))
    if largest in keywords:
        yield most(int(keywords[largest]))


def _is_dynamic(place: Place, name: str) -> bool:
    return isinstance(place.schema, dict) and place.schema.get("$dynamicAnchor") == name
