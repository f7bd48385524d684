"""Finds which part of a reader's JSON Schema refuses what a writer's allows; decides by proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.schema.evolution.findings import Incompatibility
from xroad_lite.schema.evolution.proof import Prover, TooComplexError
from xroad_lite.schema.evolution.reading import ANNOTATIONS
from xroad_lite.schema.evolution.words import ADVICE, CHANGES, said
from xroad_lite.schema.pointers import pointer
from xroad_lite.schema.references import Documents, Place, referred

MAX_FINDINGS = 50
_MAX_DEPTH = 12
_COMPANIONS = {
    "additionalProperties": ("properties", "patternProperties"),
    "unevaluatedProperties": None,
    "unevaluatedItems": None,
    "$dynamicRef": None,
    "items": ("prefixItems",),
    "additionalItems": ("items",),
    "contains": ("minContains", "maxContains"),
    "if": ("then", "else"),
}
"""Keywords that mean nothing, or something else, without others; None: without all of them."""
_WITH_ANOTHER = {"then", "else", "minContains", "maxContains"}


@dataclass(slots=True)
class Explainer:
    """Walks down the reader's schema, wherever a proof fails."""

    prover: Prover
    reader: str
    writer: str
    found: list[Incompatibility] = field(default_factory=list)
    exhausted: bool = False
    _open: set[tuple[frozenset[int], int]] = field(default_factory=set)

    def explain(self, written: frozenset[int], number: int, path: tuple[str, ...]) -> None:
        """Add what the schema with this number refuses of all that fits the written ones."""
        key = (written, number)
        if self._is_enough(path) or key in self._open or self.covers(written, number):
            return
        self._open.add(key)
        before = len(self.found)
        place, documents = self.prover.reader.places[abs(number) - 1]
        if number > 0 and isinstance(place.schema, dict):
            for keyword in place.keywords():
                self._explain_keyword(written, place, documents, keyword, path)
        self._open.discard(key)
        if len(self.found) == before and not self._is_enough(path):
            self.add("closed" if number < 0 else "schema", path, None)

    def _is_enough(self, path: tuple[str, ...]) -> bool:
        return self.exhausted or len(self.found) >= MAX_FINDINGS or len(path) > _MAX_DEPTH

    def covers(self, written: frozenset[int], number: int) -> bool:
        """Whether surely all that fits the written schemas fits this one.

        Where that is too much work to tell, that is the finding, and the last question.
        """
        if self.exhausted:
            return True
        try:
            return self.prover.covers(number, *written)
        except (TooComplexError, RecursionError):
            self.add("undecided", (), None)
            self.exhausted = True
            return True

    def _explain_keyword(
        self,
        written: frozenset[int],
        place: Place,
        documents: Documents,
        keyword: str,
        path: tuple[str, ...],
    ) -> None:
        if keyword in ANNOTATIONS or keyword in _WITH_ANOTHER or keyword.startswith("x-"):
            return
        if keyword in ("properties", "required"):
            whole = _only(place, {keyword: place.keywords()[keyword]})
            if self.covers(written, self.prover.reader.number(whole, documents)):
                return
        for part, below in _parts(place, documents, keyword):
            if below is not None and below.step not in (None, "*"):
                inner = self.prover.reader.number(below.place, documents)
                if self.covers(self._inside(written, str(below.step)), inner):
                    continue  # what is surely said of the field is enough
            number = self.prover.reader.number(part, documents)
            if below is None and not self.covers(written, number):
                self.add(keyword, path, part.keywords().get(keyword))
            elif below is not None and not self.covers(written, number):
                self._explain_below(written, below, documents, path)

    def _explain_below(
        self,
        written: frozenset[int],
        below: _Below,
        documents: Documents,
        path: tuple[str, ...],
    ) -> None:
        number = self.prover.reader.number(below.place, documents)
        inside = written if below.step is None else self._inside(written, below.step)
        where = path if below.step is None else (*path, below.step)
        if below.step is not None and self.covers(inside, number):
            self.add("schema", where, None)  # it fails only together with something outside
        else:
            self.explain(inside, number, where)

    def _inside(self, written: frozenset[int], step: str) -> frozenset[int]:
        """What the writer surely says of a field, or of the items: by what it says directly."""
        found: set[int] = set()
        pending = list(written)
        seen: set[int] = set()
        while pending:
            number = pending.pop()
            if number < 0 or number in seen:
                continue
            seen.add(number)
            place, documents = self.prover.reader.places[number - 1]
            keywords = place.keywords()
            pending += [self._number(place, s, documents) for s in keywords.get("allOf", ())]
            for schema in _applying(keywords, step):
                found.add(self._number(place, schema, documents))
            if (target := referred(documents, place)) is not None:
                pending.append(self.prover.reader.number(target, documents))
        return frozenset(found)

    def _number(self, place: Place, schema: Any, documents: Documents) -> int:
        return self.prover.reader.number(place.within(schema), documents)

    def add(self, keyword: str, path: tuple[str, ...], value: Any) -> None:
        """Add a finding about one keyword, unless it is known."""
        change = CHANGES.get(keyword, "schema_changed")
        message = said(keyword, value, self.reader, self.writer)
        advice = ADVICE.get(change, ADVICE["schema_changed"])
        finding = Incompatibility(pointer(path), change, message, advice)
        if finding not in self.found:
            self.found.append(finding)


@dataclass(frozen=True, slots=True)
class _Below:
    """A subschema to walk into: ``step`` is a field, ``*`` for items, None for the same value."""

    place: Place
    step: str | None


def _parts(
    place: Place, documents: Documents, keyword: str
) -> Iterator[tuple[Place, _Below | None]]:
    """One keyword taken apart: schemas that say only this, and where to look on."""
    keywords = place.keywords()
    value = keywords[keyword]
    if keyword == "$ref":
        target = referred(documents, place)
        assert target is not None
        yield target, _Below(target, None)
    elif keyword == "allOf":
        for inner in value:
            yield place.within(inner), _Below(place.within(inner), None)
    elif keyword in ("properties", "dependentRequired"):
        for name, inner in value.items():
            below = _Below(place.within(inner), name) if keyword == "properties" else None
            yield _only(place, {keyword: {name: inner}}), below
    elif keyword == "required":
        for name in value:
            yield _only(place, {keyword: [name]}), None
    elif keyword in ("items", "additionalProperties") and isinstance(value, dict):
        part = _only(place, _with_companions(keywords, keyword))
        yield part, _Below(place.within(value), "*")
    else:
        yield _only(place, _with_companions(keywords, keyword)), None


def _with_companions(keywords: Mapping[str, Any], keyword: str) -> dict[str, Any]:
    companions = _COMPANIONS.get(keyword, ())
    if companions is None:
        return dict(keywords)
    found = {keyword: keywords[keyword]}
    for other in companions:
        if other in keywords:
            found[other] = _open(keywords[other], other)
    return found


def _open(value: Any, keyword: str) -> Any:
    """A companion that names fields or items without restricting them."""
    if keyword in ("properties", "patternProperties"):
        return dict.fromkeys(value, True)
    if keyword in ("prefixItems", "items") and isinstance(value, list):
        return [True] * len(value)
    return value


def _only(place: Place, schema: dict[str, Any]) -> Place:
    return Place(schema, place.base, place.draft)


def _applying(keywords: Mapping[str, Any], step: str) -> Iterator[Any]:
    """The schemas that surely apply to a field, or (``*``) to the items or other fields."""
    named = keywords.get("properties", {})
    if step == "*":
        inner = (keywords.get("items"), keywords.get("additionalProperties"))
        yield from (schema for schema in inner if isinstance(schema, dict | bool))
    elif step in named:
        yield named[step]
    elif "additionalProperties" in keywords and "patternProperties" not in keywords:
        yield keywords["additionalProperties"]
