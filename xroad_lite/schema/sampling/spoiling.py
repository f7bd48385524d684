"""Wrong values for one keyword of JSON Schema; whether they break only that is tried out later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xroad_lite.schema.sampling.making import ODD

Candidates = Iterator[Any]


def candidates(keywords: Mapping[str, Any], value: Any) -> Candidates:
    """Values like this one that may break one of the keywords."""
    step = keywords.get("multipleOf", 1)
    for word, said in keywords.items():
        if word in _BEYOND and isinstance(value, int | float) and not isinstance(value, bool):
            yield from (said, said + _BEYOND[word], said // step * step + _BEYOND[word] * step)
        if (spoil := _SPOILERS.get(word)) is not None:
            yield from spoil(said, value)


def _of_other_types(_: Any, value: Any) -> Candidates:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value + 0.5
    yield from (odd for odd in ODD if type(odd) is not type(value))


def _not_listed(_: Any, value: Any) -> Candidates:
    if isinstance(value, str):
        yield "not-in-the-list"
    yield from ODD


def _between(factor: Any, value: Any) -> Candidates:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value + factor / 2
        yield value + 1


def _shorter(least: Any, value: Any) -> Candidates:
    if isinstance(value, str | list) and least > 0:
        yield value[: int(least) - 1]


def _longer(most: Any, value: Any) -> Candidates:
    if isinstance(value, str):
        for filler in (value[-1:], "a", "0"):
            if filler and most < 100_000:
                yield value + filler * (int(most) + 1 - len(value))
    elif isinstance(value, list) and value and most < 1_000:
        yield value + [value[-1]] * (int(most) + 1 - len(value))
        if all(isinstance(one, str) for one in value):
            yield value + [f"{value[-1]}{number}" for number in range(int(most) + 1 - len(value))]


def _otherwise(_: Any, value: Any) -> Candidates:
    if isinstance(value, str):
        yield from (f"!{value[1:]}", value[:-1] + "!", value.swapcase(), f"{value}!", "", " ", "!")
        yield " " * len(value)


def _misformatted(name: Any, value: Any) -> Candidates:
    if isinstance(value, str):
        yield {"date": "2023-02-29", "date-time": "2023-02-29T25:00:00Z"}.get(str(name), "%%%")
        yield f"no {name}"


def _repeated(_: Any, value: Any) -> Candidates:
    if isinstance(value, list) and value:
        yield [*value, value[0]]
        yield [value[0], *value[:-1], value[0]][: max(2, len(value))]


def _without(names: Any, value: Any) -> Candidates:
    if isinstance(value, dict):
        for name in names:
            yield {key: one for key, one in value.items() if key != name}


def _with_unknown(_: Any, value: Any) -> Candidates:
    if isinstance(value, dict):
        unknown: tuple[Any, ...] = ("text", None, {})
        for odd in unknown:
            yield {**value, "unexpectedField": odd}


def _badly_named(_: Any, value: Any) -> Candidates:
    if isinstance(value, dict):
        for name in ("%", "A B", "x" * 100, ""):
            yield {**value, name: next(iter(value.values()), "text")}


def _fewer(_: Any, value: Any) -> Candidates:
    if isinstance(value, dict):
        for name in value:
            yield {key: one for key, one in value.items() if key != name}
        yield {}


def _more(most: Any, value: Any) -> Candidates:
    if isinstance(value, dict) and most < 1_000:
        name, like = next(iter(value.items()), ("field", "text"))
        yield value | {f"{name}{number}": like for number in range(int(most) + 1 - len(value))}


def _dependent(rules: Any, value: Any) -> Candidates:
    if isinstance(value, dict):
        for name, needed in rules.items():
            if isinstance(needed, list) and name in value:
                yield from _without(needed, value)


def _forbidden(named: Any, value: Any) -> Candidates:
    if isinstance(value, dict):
        for name in (name for name, schema in named.items() if schema is False):
            yield {**value, name: "text"}


def _emptied(_: Any, value: Any) -> Candidates:
    if isinstance(value, list):
        yield []
        yield value[:-1]
        yield [*value, *value]


def _anything(*_: Any) -> Candidates:
    yield from ODD
    yield "no such value"


_BEYOND = {"minimum": -1, "exclusiveMinimum": -1, "maximum": 1, "exclusiveMaximum": 1}
_SPOILERS: dict[str, Callable[[Any, Any], Candidates]] = {
    "type": _of_other_types,
    "enum": _not_listed,
    "const": _not_listed,
    "multipleOf": _between,
    "minLength": _shorter,
    "maxLength": _longer,
    "minItems": _shorter,
    "maxItems": _longer,
    "pattern": _otherwise,
    "format": _misformatted,
    "uniqueItems": _repeated,
    "required": _without,
    "additionalProperties": _with_unknown,
    "unevaluatedProperties": _with_unknown,
    "propertyNames": _badly_named,
    "minProperties": _fewer,
    "maxProperties": _more,
    "dependentRequired": _dependent,
    "dependencies": _dependent,
    "properties": _forbidden,
    "contains": _emptied,
    "minContains": _emptied,
    "maxContains": _emptied,
    "anyOf": _anything,
    "oneOf": _anything,
}
