"""Makes pairs of JSON Schemas, one mutated from the other, and the values to tell them apart."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

DRAFT_07 = "http://json-schema.org/draft-07/schema#"
NAMES = ("a", "b", "x1")
PATTERNS = ("^x", "a", "^[a-z]$", ".*", "1$")
SCALARS: list[Any] = [
    None, True, False, -1, 0, 1, 2, 3, 4, 6, 0.5, 1.5, 2.5, 10**20,
    "", "a", "b", "ab", "x1", "xx", "1", "abc", "2024-02-29", "https://x.cl/a",
]  # fmt: skip
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def _values() -> list[Any]:
    """Values of every type, small ones completely, larger ones by samples."""
    few = [None, True, 0, 1, 2, 1.5, "", "a", "x1"]
    arrays: list[Any] = (
        [[]] + [[one] for one in SCALARS] + [[one, two] for one in few for two in few]
    )
    arrays += [[one, two, three] for one in few[1:6] for two in few[3:8] for three in few[2:5]]
    arrays += [
        [0, 1, 2, 3],
        ["a", "a", "a", "a"],
        [[]],
        [[1]],
        [[], []],
        [["a"], 1],
        [{}],
        [{}, {}],
    ]
    objects: list[Any] = [{}] + [{name: one} for name in (*NAMES, "c", "") for one in SCALARS]
    objects += [{"a": one, "b": two} for one in few for two in few]
    objects += [{"a": one, "x1": two} for one in few for two in few]
    objects += [{"b": one, "xx": two, "c": 1} for one in few for two in few]
    objects += [{"a": 1, "b": one, "x1": two} for one in few for two in few]
    nested = [[], [1], ["a", "a"], {}, {"a": 1}, {"b": "a"}, {"a": 1, "b": "a"}, {"x1": None}]
    objects += [{name: one} for name in NAMES for one in nested]
    objects += [{"a": {"a": one}} for one in (*nested, 1, "a", None)]
    arrays += [[one] for one in nested] + [[1, one] for one in nested]
    return SCALARS + arrays + objects


VALUES = _values()


def keyword(random: Random, depth: int, draft: int) -> dict[str, Any]:
    """One keyword, with what belongs to it."""

    def inner() -> Any:
        return schema(random, depth - 1, draft) if depth else random.random() < 0.5

    def some(values: Any, most: int, least: int = 0) -> list[Any]:
        return random.sample(values, random.randint(least, most))

    word = random.choice(WORDS if depth else LEAF_WORDS)
    match word:
        case "type":
            return {word: random.choice(TYPES) if random.random() < 0.6 else some(TYPES, 3, 1)}
        case "enum":
            return {word: some(VALUES, 3, 1)}
        case "const":
            return {word: random.choice(VALUES)}
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return {word: random.choice([-1, 0, 1, 1.5, 2, 3, 6])}
        case "multipleOf":
            return {word: random.choice([1, 2, 3, 0.5, 1.5])}
        case "pattern":
            return {word: random.choice(PATTERNS)}
        case "format":
            return {word: random.choice(["date", "uri", "uri-reference", "made-up"])}
        case "uniqueItems":
            return {word: random.random() < 0.8}
        case "required":
            return {word: some(NAMES, 2)}
        case "properties":
            return {word: {name: inner() for name in some(NAMES, 3)}}
        case "patternProperties":
            return {word: {pattern: inner() for pattern in some(PATTERNS, 2)}}
        case "dependencies" | "dependentSchemas":
            return {word: {name: inner() for name in some(NAMES, 1, 1)}}
        case "dependentRequired":
            return {word: {random.choice(NAMES): [random.choice(NAMES)]}}
        case "allOf" | "anyOf" | "oneOf":
            return {word: [inner() for _ in range(random.randint(1, 3))]}
        case "if":
            return {word: inner(), random.choice(["then", "else"]): inner()}
        case "prefixItems":
            items = [inner() for _ in range(random.randint(1, 2))]
            return {"prefixItems" if draft == 2020 else "items": items}
        case "contains":
            bounds = some(["minContains", "maxContains"], 2)
            return {word: inner(), **{bound: random.randint(0, 3) for bound in bounds}}
        case "items" | "additionalProperties" | "not" | "propertyNames" | "additionalItems":
            return {word: inner()}
        case "unevaluatedProperties" | "unevaluatedItems":
            return {word: inner()}
        case "$ref":
            return {word: random.choice(["#/definitions/a", "#/definitions/b"])}
    return {word: random.randint(0, 3)}


LEAF_WORDS = (
    "type", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minLength", "maxLength", "pattern", "format", "uniqueItems", "required",
    "minItems", "maxItems", "minProperties", "maxProperties", "dependentRequired",
)  # fmt: skip
WORDS = (
    *LEAF_WORDS, "properties", "properties", "properties", "patternProperties", "dependencies",
    "dependentSchemas", "allOf", "anyOf", "oneOf", "if", "prefixItems", "contains", "items",
    "additionalProperties", "additionalProperties", "not", "propertyNames", "additionalItems",
    "unevaluatedProperties", "unevaluatedItems", "$ref",
)  # fmt: skip


def schema(random: Random, depth: int, draft: int) -> Any:
    """A schema that nests at most this deep."""
    if random.random() < 0.08:
        return random.random() < 0.5
    return _object(random, depth, draft)


def _object(random: Random, depth: int, draft: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(random.randint(1, 3)):
        found.update(keyword(random, depth, draft))
    return found


def pair(random: Random) -> tuple[Any, Any]:
    """A document and one that was made from it by a few changes."""
    draft = random.choice([7, 2020, 2020])
    deeper = {"items": {"$ref": "#"}} if random.random() < 0.5 else {}
    first = {
        **_object(random, random.choice([1, 2, 2, 3]), draft),
        "definitions": {
            "a": schema(random, 1, draft),
            "b": {**_object(random, 0, draft), **deeper},
        },
    }
    if draft == 7:
        first["$schema"] = DRAFT_07
    second = copy.deepcopy(first)
    for _ in range(random.randint(1, 2)):
        _mutate(random, second, draft)
    return first, second


def _mutate(random: Random, document: dict[str, Any], draft: int) -> None:
    """Change one of the schemas inside: add, remove or replace a keyword, or add an alternative."""
    place = random.choice(_dicts(document))
    if place is document.get("definitions"):
        place = document
    words = [word for word in place if word in WORDS]
    action = random.choice(["add", "remove", "replace", "widen", "split"])
    if action == "widen" and words:
        inner = {word: place.pop(word) for word in words}
        place[random.choice(["anyOf", "oneOf"])] = [inner, schema(random, 1, draft)]
    elif action == "split" and words:
        word = random.choice(words)
        place.update(random.choice(_split(word, place.pop(word))))
    elif action == "remove" and words:
        del place[random.choice(words)]
    elif action == "replace" and words:
        place.pop(random.choice(words))
        place.update(keyword(random, 1, draft))
    else:
        place.update(keyword(random, 1, draft))


def _split(word: str, value: Any) -> list[dict[str, Any]]:
    """The same said in other words, mostly."""
    same = {word: value}
    return [
        {"allOf": [same]},
        {"anyOf": [same, same]},
        {"not": {"not": same}},
        {"if": {"type": "object"}, "then": same, "else": same},
        {"oneOf": [{"type": "object", **same}, {"not": {"type": "object"}, **same}]},
    ]


def _dicts(value: Any) -> list[dict[str, Any]]:
    """Every schema inside, and some objects that only look like one."""
    found: list[dict[str, Any]] = []
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            found.append(here)
            pending += [v for word, v in here.items() if word not in ("enum", "const")]
        elif isinstance(here, list):
            pending += here
    return found
