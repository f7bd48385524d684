"""The formulas in which the proofs of compatibility are written; does not read schemas.

For values of one type a schema is a combination, by "and" and "or", of plain statements about the
value. What a statement says of values inside the value it says by the number of a schema; the
negative number is that schema's complement. Every statement has a complement of its own.

    number   least/most (limit, whether the limit is left out), multiple (of), among (values)
    string   least/most (length), pattern, format, among (values)
    array    least/most (length), unique, items (Items: all positions),
             item (position, number: that item is there and fits),
             item_from (position, number: some item from there on fits), count (number, how many)
    object   least/most (fields), has (names), lacks (name), fields (Fields: all fields),
             names (number: all names fit), some (Some: a field is there),
             value (name, number: that field is there and fits)
    boolean  among (values)
    any      opaque (a text): nothing is known but that it is the same wherever the text is
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

TYPES = ("object", "string", "number", "array", "boolean", "null")
ANYTHING = 1
"""The number of the schema that accepts everything; its complement accepts nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """One statement about a value; ``positive`` is False where it is denied."""

    name: str
    args: tuple[Any, ...] = ()
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class And:
    """All of these hold; nothing to hold is true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Or:
    """One of these holds; no alternative is false."""

    parts: tuple[Formula, ...]


Formula = Literal | And | Or
TRUE, FALSE = And(()), Or(())


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """What every field of an object must fit: those named, those by pattern, all others."""

    named: dict[str, int]
    patterns: tuple[tuple[str, int], ...]
    rest: int


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """A field is there whose name fits and whose value fits."""

    value: int
    name: int = ANYTHING
    matching: tuple[str, ...] = ()
    not_matching: tuple[str, ...] = ()
    not_named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """What every item of an array must fit: the first ones each, all others alike."""

    first: tuple[int, ...]
    rest: int

    def at(self, position: int) -> int:
        """The schema for one position."""
        return self.first[position] if position < len(self.first) else self.rest


def negated(formula: Formula) -> Formula:
    """The formula that holds exactly where this one does not."""
    if isinstance(formula, And):
        return Or(tuple(negated(part) for part in formula.parts))
    if isinstance(formula, Or):
        return And(tuple(negated(part) for part in formula.parts))
    turn = _TURNED.get(formula.name)
    if turn is None or not formula.positive:
        return replace(formula, positive=not formula.positive)
    return turn(*formula.args)


def least(limit: Any, left_out: bool = False) -> Literal:
    """The value, its length or its number of fields is at least this."""
    return Literal("least", (limit, left_out))


def most(limit: Any, left_out: bool = False) -> Literal:
    """The value, its length or its number of fields is at most this."""
    return Literal("most", (limit, left_out))


def _not_has(names: frozenset[str]) -> Formula:
    return Or(tuple(Literal("lacks", (name,)) for name in sorted(names)))


def _not_lacks(name: str) -> Formula:
    return Literal("has", (frozenset((name,)),))


def _not_items(items: Items) -> Formula:
    wrong = [Literal("item", (at, -number)) for at, number in enumerate(items.first)]
    return Or((*wrong, Literal("item_from", (len(items.first), -items.rest))))


def _not_item(position: int, number: int) -> Formula:
    return Literal("items", (Items((ANYTHING,) * position + (-number,), ANYTHING),))


def _not_item_from(position: int, number: int) -> Formula:
    return Literal("items", (Items((ANYTHING,) * position, -number),))


def _not_fields(fields: Fields) -> Formula:
    checked = [(name, number) for name, number in fields.named.items() if number != ANYTHING]
    wrong = [Literal("value", (name, -number)) for name, number in checked]
    wrong += [Literal("some", (Some(-n, matching=(p,)),)) for p, n in fields.patterns]
    if fields.rest != ANYTHING:
        patterns = tuple(pattern for pattern, _ in fields.patterns)
        other = Some(-fields.rest, not_matching=patterns, not_named=frozenset(fields.named))
        wrong.append(Literal("some", (other,)))
    return Or(tuple(wrong))


def _not_value(name: str, number: int) -> Formula:
    return Literal("fields", (Fields({name: -number}, (), ANYTHING),))


def _not_some(some: Some) -> Formula:
    if some.name != ANYTHING:
        return Literal("names", (-some.name,))
    if some.matching:
        return Literal("fields", (Fields({}, ((some.matching[0], -some.value),), ANYTHING),))
    named = dict.fromkeys(some.not_named, ANYTHING)
    patterns = tuple((pattern, ANYTHING) for pattern in some.not_matching)
    return Literal("fields", (Fields(named, patterns, -some.value),))


def _not_names(number: int) -> Formula:
    return Literal("some", (Some(ANYTHING, name=-number),))


_TURNED: dict[str, Callable[..., Formula]] = {
    "least": lambda limit, left_out: most(limit, not left_out),
    "most": lambda limit, left_out: least(limit, not left_out),
    "has": _not_has,
    "lacks": _not_lacks,
    "items": _not_items,
    "item": _not_item,
    "item_from": _not_item_from,
    "fields": _not_fields,
    "value": _not_value,
    "some": _not_some,
    "names": _not_names,
}
