"""Makes JSON bodies by a JSON Schema; does not check them.

Every keyword is followed as far as one pass can; what holds only together (``not``, ``oneOf`` of
alternatives that overlap) is left to the validator and to another attempt.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

from xroad_lite.schema.evolution.texts import matches
from xroad_lite.schema.references import Documents, Place, referred
from xroad_lite.schema.sampling import spoiling
from xroad_lite.schema.sampling.making import (
    DEEP,
    MAX_DEPTH,
    MAX_PARTS,
    Path,
    StuckError,
    keep,
    replaced,
    word,
)
from xroad_lite.schema.sampling.texts import formatted, matching

Said = list[tuple[Mapping[str, Any], Place]]
"""The keywords that hold for one value, each with the schema that they stand in."""
_TYPES = ("object", "string", "number", "integer", "array", "boolean", "null")
_MAPS = ("additionalProperties", "patternProperties")
_TELLING = (
    ("object", ("properties", "required", "additionalProperties", "minProperties")),
    ("array", ("items", "prefixItems", "contains", "minItems", "uniqueItems")),
    ("string", ("pattern", "format", "minLength", "maxLength")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


@dataclass(slots=True)
class JSONMaker:
    """One value of one schema, with what the schema says of each of its parts."""

    document: Any
    random: Random
    mode: str
    resources: Mapping[str, Any]
    said: dict[Path, Said] = field(default_factory=dict)
    _documents: Documents = field(init=False)
    _parts: int = 0

    def __post_init__(self) -> None:
        self._documents = Documents(self.document, self.resources)

    def make(self) -> Any:
        """A value that should be valid."""
        return self._make([self._documents.root], ())

    def spoilt(self, value: Any) -> Iterator[Any]:
        """Copies that may break one rule each."""
        for path, said in list(self.said.items()):
            part = value
            for step in path:
                part = part[step]
            for keywords, place in said:
                for wrong in spoiling.candidates(keywords, part):
                    yield replaced(value, path, wrong)
                if "not" in keywords:
                    yield replaced(value, path, self._excluded(place, keywords["not"], path))

    def _excluded(self, place: Place, schema: Any, path: Path) -> Any:
        try:
            return self._make([place.within(schema)], (*path, "not"))
        except StuckError:
            return None

    def _make(self, places: list[Place], path: Path) -> Any:
        self._parts += 1
        if self._parts > MAX_PARTS or len(path) > MAX_DEPTH:
            raise StuckError
        said: Said = []
        for place in places:
            self._collect(place, said, len(path), set())
        if "not" not in path:
            self.said[path] = said
        for keywords, _ in said:
            if "const" in keywords:
                return keywords["const"]
        if (values := self._listed(said)) is not None:
            return self.random.choice(values)
        return self._of_type(self._type(said), said, path)

    def _collect(self, place: Place, said: Said, depth: int, seen: set[int]) -> None:
        """Follow references, ``allOf`` and one alternative of each choice."""
        if place.schema is False:
            raise StuckError
        if not isinstance(place.schema, dict) or id(place.schema) in seen:
            return
        seen.add(id(place.schema))
        keywords = place.keywords()
        said.append((keywords, place))
        for word_ in ("$ref", "$dynamicRef"):
            if (target := referred(self._documents, place, word_)) is not None:
                self._collect(target, said, depth, seen)
        for inner in keywords.get("allOf", ()):
            self._collect(place.within(inner), said, depth, seen)
        for word_ in ("anyOf", "oneOf"):
            if word_ in keywords:
                self._collect(self._alternative(place, keywords[word_], depth), said, depth, seen)
        if "if" in keywords:
            branch = "then" if self.mode == "full" or self.random.random() < 0.5 else "else"
            if branch == "then":
                self._collect(place.within(keywords["if"]), said, depth, seen)
            if branch in keywords:
                self._collect(place.within(keywords[branch]), said, depth, seen)

    def _alternative(self, place: Place, branches: list[Any], depth: int) -> Place:
        possible = [branch for branch in branches if branch is not False]
        if not possible:
            raise StuckError
        plain = [b for b in possible if not isinstance(b, dict) or not _leads_on(b)]
        if depth > DEEP and plain:
            return place.within(self.random.choice(plain))
        if self.mode == "full":
            rich = [b for b in possible if not isinstance(b, dict) or b.get("type") != "null"]
            return place.within((rich or possible)[0])
        return place.within(self.random.choice(possible))

    def _listed(self, said: Said) -> list[Any] | None:
        lists = [keywords["enum"] for keywords, _ in said if "enum" in keywords]
        if not lists:
            return None
        common = [one for one in lists[0] if all(one in other for other in lists[1:])]
        if not common:
            raise StuckError
        return common

    def _type(self, said: Said) -> str:
        """One of the types that all allow; without any, the one that the keywords tell."""
        allowed = set(_TYPES)
        stated = False
        for keywords, _ in said:
            if "type" in keywords:
                stated = True
                names = keywords["type"]
                names = {names} if isinstance(names, str) else set(names)
                if "number" in names:
                    names.add("integer")
                allowed &= names
        if not allowed:
            raise StuckError
        if stated:
            if {"number", "integer"} <= allowed:
                allowed.discard("integer")
            if len(allowed) > 1 and self.mode == "full":
                allowed.discard("null")
            return self.random.choice(sorted(allowed))
        words = {w for keywords, _ in said for w in keywords}
        return next((name for name, telling in _TELLING if words & set(telling)), "string")

    def _of_type(self, name: str, said: Said, path: Path) -> Any:
        match name:
            case "null":
                return None
            case "boolean":
                return self.random.random() < 0.5
            case "integer" | "number":
                return self._number(said, whole=name == "integer")
            case "string":
                return self._text(said)
            case "array":
                return self._array(said, path)
        return self._object(said, path)

    def _number(self, said: Said, *, whole: bool) -> Any:
        low, high, step = Fraction(-(10**9)), Fraction(10**9), Fraction(0)
        limited_low = limited_high = False
        for keywords, _ in said:
            for name, out in (("minimum", 0), ("exclusiveMinimum", 1)):
                if name in keywords:
                    low = (
                        max(low, Fraction(str(keywords[name])))
                        if limited_low
                        else Fraction(str(keywords[name]))
                    )
                    limited_low = True
                    low += Fraction(out, 1000) if out else 0
            for name, out in (("maximum", 0), ("exclusiveMaximum", 1)):
                if name in keywords:
                    high = (
                        min(high, Fraction(str(keywords[name])))
                        if limited_high
                        else Fraction(str(keywords[name]))
                    )
                    limited_high = True
                    high -= Fraction(out, 1000) if out else 0
            if "multipleOf" in keywords:
                other = Fraction(str(keywords["multipleOf"]))
                step = other if not step else _common(step, other)
        if not limited_low:
            low = min(Fraction(0), high) if high < 100 or limited_high else Fraction(0)
        if not limited_high:
            high = low + 1000 * (step or 1)
        if whole:
            step = Fraction(1) if not step else _common(step, Fraction(1))
        if not step:
            step = Fraction(1, 100) if high - low < 10 else Fraction(1)
            step = min(step, (high - low) / 4) if high > low else Fraction(1, 1000)
        first, last = math.ceil(low / step), math.floor(high / step)
        if first > last:
            raise StuckError
        value = step * self.random.randint(first, last)
        return int(value) if value.denominator == 1 else float(value)

    def _text(self, said: Said) -> str:
        shortest = max((int(k["minLength"]) for k, _ in said if "minLength" in k), default=0)
        longest = min((int(k["maxLength"]) for k, _ in said if "maxLength" in k), default=None)
        if shortest > 1_000_000 or (longest is not None and longest < shortest):
            raise StuckError
        for keywords, _ in said:
            if (text := formatted(str(keywords.get("format")), self.random)) is not None:
                return text
        for keywords, _ in said:
            if "pattern" in keywords and keywords["pattern"] not in ("\\S", "\\S+", "."):
                text = matching(keywords["pattern"], self.random)
                if text is not None:
                    return text if len(text) >= shortest else text.ljust(shortest, "a")
        return word(self.random, shortest, longest)

    def _array(self, said: Said, path: Path) -> list[Any]:
        fewest = max((int(k["minItems"]) for k, _ in said if "minItems" in k), default=0)
        most = min((int(k["maxItems"]) for k, _ in said if "maxItems" in k), default=fewest + 2)
        wanted = [(p, k) for k, p in said if "contains" in k]
        needed = sum(int(k.get("minContains", 1)) for _, k in wanted)
        count = max(fewest, needed, 1 if keep(self.random, self.mode, len(path)) else 0)
        count = max(fewest, min(count + (self.random.random() < 0.3), most))
        if count > MAX_PARTS:
            raise StuckError
        found: list[Any] = []
        unique = any(k.get("uniqueItems") for k, _ in said)
        contained = [p.within(k["contains"]) for p, k in wanted
                     for _ in range(int(k.get("minContains", 1)))]  # fmt: skip
        for position in range(count):
            places = list(_item_places(said, position))
            if any(place.schema is False for place in places):
                break
            places += contained[position : position + 1]
            for _ in range(5):
                item = self._make(places, (*path, position))
                if not unique or item not in found:
                    break
            found.append(item)
        return found

    def _object(self, said: Said, path: Path) -> dict[str, Any]:
        names = self._names(said, len(path))
        found: dict[str, Any] = {}
        for name in names:
            found[name] = self._make(list(_field_places(said, name)), (*path, name))
        return found

    def _names(self, said: Said, depth: int) -> list[str]:
        required = {name for k, _ in said for name in k.get("required", ())}
        declared = [name for k, _ in said for name in k.get("properties", {})]
        fewest = max((int(k["minProperties"]) for k, _ in said if "minProperties" in k), default=0)
        most = min((int(k["maxProperties"]) for k, _ in said if "maxProperties" in k), default=None)
        forbidden = {n for k, _ in said for n, s in k.get("properties", {}).items() if s is False}
        chosen = [
            name
            for name in dict.fromkeys([*declared, *sorted(required)])
            if name in required
            or (name not in forbidden and keep(self.random, self.mode, depth + 1))
        ]
        for name in chosen:  # grows while it is walked
            for k, _ in said:
                for rules in (k.get("dependentRequired", {}), k.get("dependencies", {})):
                    if isinstance(needed := rules.get(name), list):
                        chosen += [other for other in needed if other not in chosen]
        if fewest > MAX_PARTS:
            raise StuckError
        if not declared and fewest == 0 and keep(self.random, self.mode, depth + 1):
            fewest = int(any(isinstance(k.get(w), dict) for k, _ in said for w in _MAPS))
        others = [n for n in declared if n not in chosen and n not in forbidden]
        while len(chosen) < fewest:
            chosen.append(others.pop() if others else self._new_name(said, len(chosen)))
        if most is not None and len(chosen) > most:
            spare = [name for name in chosen if name not in required]
            chosen = [n for n in chosen if n not in spare[most - len(required & set(chosen)) :]]
        return chosen

    def _new_name(self, said: Said, number: int) -> str:
        for k, place in said:
            if "propertyNames" in k:
                made = self._make([place.within(k["propertyNames"])], ("not", number))
                return str(made)
            for pattern in k.get("patternProperties", {}):
                if (text := matching(pattern, self.random)) is not None:
                    return text
        return f"field{number}"


def _leads_on(branch: Mapping[str, Any]) -> bool:
    return bool({"$ref", "$dynamicRef", "properties", "items"} & set(branch))


def _common(first: Fraction, second: Fraction) -> Fraction:
    """The least number of which both are factors."""
    return Fraction(
        math.lcm(first.numerator, second.numerator), math.gcd(first.denominator, second.denominator)
    )


def _item_places(said: Said, position: int) -> Iterator[Place]:
    for keywords, place in said:
        items = keywords.get("items", True)
        first = keywords.get("prefixItems", items if isinstance(items, list) else [])
        rest = keywords.get("additionalItems", True) if isinstance(items, list) else items
        yield place.within(first[position] if position < len(first) else rest)


def _field_places(said: Said, name: str) -> Iterator[Place]:
    for keywords, place in said:
        named = keywords.get("properties", {})
        patterns = keywords.get("patternProperties", {})
        by_pattern = [s for pattern, s in patterns.items() if matches(pattern, name)]
        for schema in [*([named[name]] if name in named else []), *by_pattern]:
            yield place.within(schema)
        if name not in named and not by_pattern and "additionalProperties" in keywords:
            yield place.within(keywords["additionalProperties"])
