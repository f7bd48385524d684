"""Knows which places of a body a schema marks as personal; does not see bodies.

A mark is ``"x-personal": true`` in a schema. It covers the value and all that lies in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xroad_lite.schema.references import Documents, Place, referred

_REMEMBERED = 1000
_IN_PLACE = (
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
)
_FOR_REST = ("additionalProperties", "unevaluatedProperties", "propertyNames", "patternProperties")
_FOR_ITEMS = ("items", "prefixItems", "contains", "additionalItems", "unevaluatedItems")


@dataclass(frozen=True, slots=True)
class Marks:
    """The personal places of one schema.

    Errs towards masking: every alternative counts, and a field that is not declared takes the marks
    of all patterns and rests that might apply to it.
    """

    documents: Documents
    _known: dict[tuple[str | int, ...], bool] = field(default_factory=dict)

    def cover(self, path: tuple[str | int, ...]) -> bool:
        """Whether the place at this path, or one around it, is marked."""
        known = self._known.get(path)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[path] = self._covered(path)
        return known

    def names(self, path: tuple[str | int, ...]) -> set[str]:
        """The names of the fields that are declared for the object at this path."""
        places = self._here([self.documents.root])
        for part in path:
            places = self._here([below for place in places for below in _below(place, part)])
        declared = (place.schema.get("properties") for place in places)
        return {name for named in declared if isinstance(named, dict) for name in named}

    def _covered(self, path: tuple[str | int, ...]) -> bool:
        places = self._here([self.documents.root])
        for part in path:
            if _marked(places):
                return True
            places = self._here([below for place in places for below in _below(place, part)])
        return _marked(places)

    def _here(self, places: list[Place]) -> list[Place]:
        """These schemas and all that apply to the same value through them."""
        found: dict[tuple[int, str], Place] = {}
        pending = list(places)
        while pending:
            place = pending.pop()
            key = (id(place.schema), place.base)
            if key in found or not isinstance(place.schema, dict):
                continue
            found[key] = place
            pending += [below for word, _, below in place.subschemas() if word in _IN_PLACE]
            pending += self._referred(place)
        return list(found.values())

    def _referred(self, place: Place) -> Iterator[Place]:
        if (target := referred(self.documents, place)) is not None:
            yield target
        if (static := referred(self.documents, place, "$dynamicRef")) is not None:
            yield static
            yield from self.documents.dynamic(place.schema["$dynamicRef"].partition("#")[2])


def _marked(places: list[Place]) -> bool:
    return any(place.schema.get("x-personal") is True for place in places)


def _below(place: Place, part: str | int) -> Iterator[Place]:
    declared = place.schema.get("properties")
    known = isinstance(declared, dict) and part in declared
    for word, name, below in place.subschemas():
        if isinstance(part, int):
            if word in _FOR_ITEMS and name in ("", str(part)):
                yield below
        elif (word == "properties" and name == part) or (
            word in _FOR_REST and (not known or word == "patternProperties")
        ):
            yield below
