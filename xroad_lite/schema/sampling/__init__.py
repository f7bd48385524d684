"""Examples of bodies for a schema, valid ones and near misses; the same for the same seed.

A maker builds values by what the schema says, and the validator that checks bodies has the last
word: what it refuses is thrown away and tried again. A near miss breaks exactly one rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.schema.compiled import CompiledSchema
from xroad_lite.schema.sampling.making import Maker, StuckError

_ATTEMPTS = 30
_TRIES = 3_000
"""How many spoilt bodies are validated, at most."""
_ENOUGH = 20
"""How many more near misses are made than are asked for, to choose from."""
_MODES = ("full", "least", "some")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A body, as JSON, that breaks one rule: where (a JSON Pointer), which, and the sentence."""

    body: Any
    path: str
    rule: str
    message: str


def examples(
    schema: CompiledSchema,
    count: int,
    seed: int = 0,
    *,
    resources: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Up to so many different valid bodies, as JSON: a full one, a least one, then others.

    Fewer where the schema allows no more; ``schema.no_example`` where none is found.
    """
    found: dict[str, Any] = {}
    for _, value in _valid(schema, seed, resources or {}, count):
        shown = schema.to_json(value)
        found.setdefault(repr(shown), shown)
        if len(found) >= count:
            break
    if not found:
        raise SchemaError(
            "schema.no_example",
            "no valid body was found: the schema allows none, or its rules hold only together",
            hint="write one by hand into examples; lint checks it",
        )
    return list(found.values())


def near_misses(
    schema: CompiledSchema,
    count: int,
    seed: int = 0,
    *,
    resources: Mapping[str, Any] | None = None,
) -> list[NearMiss]:
    """Up to so many bodies that each break exactly one rule, each another rule or place.

    None for a schema that accepts everything; the order spreads over the kinds of rules.
    """
    found: dict[tuple[str, str, str], NearMiss] = {}
    tries = 0
    for maker, value in _valid(schema, seed, resources or {}, 3):
        for body in maker.spoilt(value):
            tries += 1
            if tries > _TRIES or len(found) > _ENOUGH * count:
                break
            shown = schema.to_json(body)
            broken = schema.validate(schema.from_json(shown))
            if len(broken) == 1:
                one = broken[0]
                key = (one.path, one.rule, one.message if one.rule == "required" else "")
                found.setdefault(key, NearMiss(shown, one.path, one.rule, one.message))
    return _spread(list(found.values()))[:count]


def _valid(
    schema: CompiledSchema, seed: int, resources: Mapping[str, Any], count: int
) -> Iterator[tuple[Maker, Any]]:
    """Valid values, each with the maker that knows what the schema says of its parts."""
    for number in range(count + _ATTEMPTS):
        mode = _MODES[number] if number < len(_MODES) else "some"
        maker = _maker(schema, Random(seed * 1_000_003 + number), mode, resources)  # noqa: S311
        try:
            value = maker.make()
            if schema.is_valid(value):
                yield maker, value
        except (StuckError, RecursionError):
            continue


def _maker(
    schema: CompiledSchema, random: Random, mode: str, resources: Mapping[str, Any]
) -> Maker:
    if schema.kind == "avro":
        from xroad_lite.schema.sampling.avro import AvroMaker

        return AvroMaker(schema.document, random, mode, resources)
    from xroad_lite.schema.sampling.json import JSONMaker

    return JSONMaker(schema.document, random, mode, resources)


def _spread(found: list[NearMiss]) -> list[NearMiss]:
    """One of each rule first, then the second of each, and so on."""
    seen: dict[str, int] = {}
    ranked = []
    for one in found:
        seen[one.rule] = seen.get(one.rule, 0) + 1
        ranked.append((seen[one.rule], one))
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]
