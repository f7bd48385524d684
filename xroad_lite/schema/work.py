"""Counts the work that one body makes for a schema whose references multiply; does not validate.

How many schemas apply at each place of a body is counted, not tried: numbers are added and
multiplied where a validator would walk every way. So the count takes no longer than the body and
the schema are large, whatever it comes to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.schema.references import Place

MAX_WORK = 10_000_000
"""How many schemas may apply to one body, in all: about a second of a validator's time."""


@dataclass(slots=True)
class Node:
    """One schema, and the numbers of those that it applies: to the same value, to its parts."""

    place: Place
    in_place: list[int] = field(default_factory=list)
    dynamic: list[int] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    rest: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    patterns: list[int] = field(default_factory=list)
    contains: list[int] = field(default_factory=list)
    names: list[int] = field(default_factory=list)

    def multiplies(self) -> bool:
        """Whether more than one schema may apply to one value through this one."""
        others = (self.in_place, self.patterns, self.contains, self.names)
        return bool(self.dynamic) or sum(map(len, others)) > 1

    def for_field(self, name: str) -> Iterator[int]:
        """The schemas for a field, and those that might apply to it."""
        if name in self.named:
            yield self.named[name]
        else:
            yield from self.rest
        yield from self.patterns


@dataclass(frozen=True, slots=True)
class Work:
    """Counts for one schema; the root is number 0, in-place references form no cycle."""

    nodes: list[Node]
    _applied: dict[int, Counter[int]] = field(default_factory=dict)

    def is_too_much(self, body: Any) -> bool:
        """Whether checking this body takes more than a validator should be asked for."""
        total = 0
        pending: list[tuple[Any, Counter[int]]] = [(body, Counter((0,)))]
        while pending:
            value, asked = pending.pop()
            here: Counter[int] = Counter()
            for number, times in asked.items():
                for inner, count in self._all(number).items():
                    here[inner] += times * count
            total += here.total()
            if total > MAX_WORK:
                return True
            pending += [part for part in self._parts(value, here) if part[1]]
        return False

    def _all(self, number: int) -> Counter[int]:
        """A schema and all that it applies to the same value, each with how often."""
        if number not in self._applied:
            found = Counter((number,))
            node = self.nodes[number]
            steps = list(node.in_place)
            if node.dynamic:  # only one is meant at a time: the one that applies most
                steps.append(max(node.dynamic, key=lambda one: self._all(one).total()))
            for step in steps:
                found.update(self._all(step))
            self._applied[number] = found
        return self._applied[number]

    def _parts(self, value: Any, here: Counter[int]) -> Iterator[tuple[Any, Counter[int]]]:
        """The fields or items of a value, each with the schemas that apply to it."""
        if isinstance(value, dict):
            for name, inner in value.items():
                asked: Counter[int] = Counter()
                for number, times in here.items():
                    for below in self.nodes[number].for_field(name):
                        asked[below] += times
                yield inner, asked
        elif isinstance(value, list | tuple):
            asked = Counter()
            for number, times in here.items():
                node = self.nodes[number]
                for below in (*node.items, *node.contains):
                    asked[below] += times
            yield from ((inner, asked) for inner in value)
