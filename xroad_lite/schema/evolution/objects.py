"""When no object can satisfy some statements; does not read schemas.

A statement about fields is settled by asking whether one value can satisfy several schemas at once:
for each field that is named somewhere, and for a field of any other name by which of the patterns
its name might match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from xroad_lite.schema.evolution.arrays import IsEmpty
from xroad_lite.schema.evolution.formulas import ANYTHING, Fields, Literal, Some
from xroad_lite.schema.evolution.texts import lengths, matches

_MANY_PATTERNS = 6
Made = Callable[[Any], int]
"""The number of a schema made up for a question."""
Possible = dict[tuple[tuple[int, ...], frozenset[int]], tuple[tuple[Fields, ...], set[str]]]
"""Names that may be there, by the identities of the statements, which are kept beside them."""


@dataclass(slots=True)
class _Object:
    """The statements, sorted; ``fewest`` and ``largest`` narrow while they are read."""

    is_empty: IsEmpty
    made: Made
    fewest: int
    largest: int | None
    present: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    groups: list[Fields] = field(default_factory=list)
    values: dict[str, set[int]] = field(default_factory=dict)
    somes: list[Some] = field(default_factory=list)
    names: set[int] = field(default_factory=set)

    def at(self, name: str) -> frozenset[int]:
        """All that the value of a field must fit."""
        found = set(self.values.get(name, ()))
        for group in self.groups:
            found.update(_applying(group, name))
        return frozenset(found)

    def may_be_called(self, name: str, *more: int) -> bool:
        """Whether a field may have this name."""
        wanted = self.names.union(more) - {ANYTHING}
        return not wanted or not self.is_empty(frozenset(wanted | {self.made({"const": name})}))

    def is_possible(self, name: str) -> bool:
        """Whether a field of this name may be there."""
        if name in self.absent or not self.may_be_called(name):
            return False
        return not self.is_empty(self.at(name))

    def is_full(self) -> bool:
        """Whether the fields that must be there are all that may be."""
        return self.largest is not None and self.largest <= len(self.present)

    def known(self) -> set[str]:
        """All names that some statement mentions."""
        return self.present.union(self.absent, *(group.named for group in self.groups))


def _applying(group: Fields, name: str) -> Iterator[int]:
    other = True
    if name in group.named:
        other = False
        yield group.named[name]
    for pattern, number in group.patterns:
        if matches(pattern, name):
            other = False
            yield number
    if other:
        yield group.rest


def contradictory(
    literals: Sequence[Literal], is_empty: IsEmpty, made: Made, possible: Possible
) -> bool:
    """Whether surely no object satisfies all of these.

    ``possible`` remembers which fields may be there by the same statements about fields: a proof
    asks again and again about the same object with one more statement.
    """
    found = _Object(is_empty, made, *lengths(literals))
    for li in literals:
        _sort(found, li)
    if not found.present.isdisjoint(found.absent):
        return True
    found.fewest = max(found.fewest, len(found.present))
    if found.largest is not None and found.largest < found.fewest:
        return True
    if any(is_empty(found.at(name)) for name in found.values):
        return True
    if any(not _somewhere(found, some) for some in found.somes):
        return True
    said = tuple(id(group) for group in found.groups), frozenset(found.names)
    known = possible.setdefault(said, (tuple(found.groups), set()))[1]
    for name in (found.present - known) | (found.present & found.values.keys()):
        if not found.is_possible(name):
            return True
        if name not in found.values:
            known.add(name)
    return found.fewest > len(found.present) and _too_few(found)


def _sort(found: _Object, li: Literal) -> None:
    if li.name == "has":
        found.present |= li.args[0]
    elif li.name == "lacks":
        found.absent.add(li.args[0])
    elif li.name == "fields":
        found.groups.append(li.args[0])
    elif li.name == "value":
        found.present.add(li.args[0])
        found.values.setdefault(li.args[0], set()).add(li.args[1])
    elif li.name == "some":
        found.somes.append(li.args[0])
    elif li.name == "names":
        found.names.add(li.args[0])


def _too_few(found: _Object) -> bool:
    """Whether there are not enough names for the fields that must be there."""
    possible = sum(found.is_possible(name) for name in found.known())
    return possible < found.fewest and not _fresh(found, Some(ANYTHING))


def _somewhere(found: _Object, some: Some) -> bool:
    """Whether the field that must be there can be anywhere."""
    for name in sorted(found.present if found.is_full() else found.known() - found.absent):
        if name in some.not_named or any(matches(p, name) for p in some.not_matching):
            continue
        if not all(matches(pattern, name) for pattern in some.matching):
            continue
        if not found.may_be_called(name, some.name):
            continue
        if not found.is_empty(found.at(name) | {some.value}):
            return True
    return not found.is_full() and _fresh(found, some)


def _fresh(found: _Object, some: Some) -> bool:
    """Whether a field may be there whose name no statement mentions."""
    used = {pattern for group in found.groups for pattern, _ in group.patterns}
    patterns = sorted(used.union(some.matching, some.not_matching))
    if len(patterns) > _MANY_PATTERNS:
        return True
    return any(
        _fresh_matching(found, some, set(matched), set(patterns).difference(matched))
        for size in range(len(patterns) + 1)
        for matched in combinations(patterns, size)
        if set(some.matching) <= set(matched) and not set(some.not_matching) & set(matched)
    )


def _fresh_matching(found: _Object, some: Some, matched: set[str], others: set[str]) -> bool:
    value = {some.value}
    for group in found.groups:
        applying = {number for pattern, number in group.patterns if pattern in matched}
        value |= applying or {group.rest}
    if found.is_empty(frozenset(value)):
        return False
    names = (found.names | {some.name}) - {ANYTHING}
    if not (matched or others or names):
        return True
    names |= {found.made({"pattern": pattern}) for pattern in matched}
    names |= {-found.made({"pattern": pattern}) for pattern in others}
    known = sorted(found.known() | some.not_named)
    names |= {found.made({"type": "string"}), *([-found.made({"enum": known})] if known else [])}
    return not found.is_empty(frozenset(names))
