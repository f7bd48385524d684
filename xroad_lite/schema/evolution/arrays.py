"""When no array can satisfy some statements; does not read schemas.

A statement about items is settled by asking whether one item can satisfy several schemas at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xroad_lite.schema.evolution.formulas import Items, Literal
from xroad_lite.schema.evolution.texts import lengths

IsEmpty = Callable[[frozenset[int]], bool]
"""Whether surely no value fits all of the schemas with these numbers."""
_MANY = 200


@dataclass(slots=True)
class _Array:
    """The statements, sorted; ``shortest`` and ``longest`` narrow while they are read."""

    is_empty: IsEmpty
    shortest: int
    longest: int | None
    groups: list[Items] = field(default_factory=list)
    items: dict[int, set[int]] = field(default_factory=dict)
    somewhere: list[tuple[int, int]] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)
    fewer: list[tuple[int, int]] = field(default_factory=list)

    def at(self, position: int) -> frozenset[int]:
        """All that the item at a position must fit."""
        own = self.items.get(position, ())
        return frozenset(group.at(position) for group in self.groups).union(own)

    def told_apart(self) -> int:
        """The first position from which on all items are alike."""
        ends = [len(group.first) for group in self.groups]
        return max([*ends, *(position + 1 for position in self.items)], default=0)

    def allows(self, position: int) -> bool:
        """Whether an array may be long enough to have an item at a position."""
        return self.longest is None or position < self.longest

    def clear(self) -> bool:
        """Whether the length, now, leaves nothing."""
        return self.longest is not None and self.longest < self.shortest


def contradictory(literals: Sequence[Literal], is_empty: IsEmpty) -> bool:
    """Whether surely no array satisfies all of these."""
    array = _Array(is_empty, *lengths(literals))
    unique = {li.positive for li in literals if li.name == "unique"}
    if len(unique) == 2:
        return True
    if False in unique:
        array.shortest = max(array.shortest, 2)
    for li in literals:
        _sort(array, li)
    if array.clear() or _items_impossible(array):
        return True
    return _nowhere(array) or _counts_conflict(array)


def _sort(array: _Array, li: Literal) -> None:
    if li.name == "items":
        array.groups.append(li.args[0])
    elif li.name == "item":
        position, number = li.args
        array.items.setdefault(position, set()).add(number)
        array.shortest = max(array.shortest, position + 1)
    elif li.name == "item_from":
        array.somewhere.append(li.args)
        array.shortest = max(array.shortest, li.args[0] + 1)
    elif li.name == "count" and li.positive:
        array.counts.append(li.args)
        array.somewhere.append((0, li.args[0]))
        array.shortest = max(array.shortest, li.args[1])
    elif li.name == "count" and li.args[1] == 1:  # none fits: all fit the complement
        array.groups.append(Items((), -li.args[0]))
    elif li.name == "count":
        array.fewer.append(li.args)


def _items_impossible(array: _Array) -> bool:
    """Whether an item that must be there cannot be; shortens what may not have one."""
    if any(array.is_empty(array.at(position)) for position in array.items):
        return True
    for position in range(array.told_apart() + 1):
        if not array.allows(position):
            break
        if array.is_empty(array.at(position)):
            array.longest = position
            break
    return array.clear()


def _nowhere(array: _Array) -> bool:
    """Whether an item that must be somewhere can be nowhere."""
    end = array.told_apart()
    for start, number in array.somewhere:
        positions = [*range(start, end), max(start, end)]
        if all(not array.allows(at) or array.is_empty(array.at(at) | {number}) for at in positions):
            return True
    return False


def _counts_conflict(array: _Array) -> bool:
    """Whether more items surely fit a schema than may."""
    for wanted, number in ((limit, number) for number, limit in array.fewer):
        if wanted <= 0:
            return True
        for other, fewest in array.counts:
            if fewest >= wanted and array.is_empty(frozenset((other, -number))):
                return True
        if min(array.shortest, array.told_apart()) <= _MANY and _sure(array, number) >= wanted:
            return True
    return False


def _sure(array: _Array, number: int) -> int:
    """How many of the items that must be there surely fit a schema."""
    end = array.told_apart()
    told = min(array.shortest, end)
    found = sum(array.is_empty(array.at(position) | {-number}) for position in range(told))
    if array.shortest > end and array.is_empty(array.at(end) | {-number}):
        found += array.shortest - end
    return found
