"""Whether no text matches some patterns, fails others and has a fitting length; matches no texts.

Every pattern becomes a nondeterministic automaton, and their states are walked together: exact for
what ``schema.regular`` reads. Answers yes only where it is certain; gives up where it is too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from xroad_lite.schema.regular import LAST, Anchor, Chars, Choice, Node, Ranges, Repeat, read
from xroad_lite.schema.regular import Sequence as InOrder

MAX_STATES = 3_000
"""How many states one pattern's automaton may have."""
MAX_WORK = 100_000
"""How many single states are stepped from before a comparison is given up: some 50 ms."""
_ANY: Ranges = ((0, LAST),)
_FREE, _AT_START, _AT_END = 0, 1, 2


class _TooLargeError(Exception):
    """The automaton has too many states."""


@dataclass(slots=True)
class _Automaton:
    """``moves`` take a character, ``jumps`` none, some only at the start or the end of a text.

    State 0 is the first, state 1 the last. A pattern is looked for anywhere, so both go on with any
    character.
    """

    moves: list[list[tuple[Ranges, int]]] = field(
        default_factory=lambda: [[(_ANY, 0)], [(_ANY, 1)]]
    )
    jumps: list[list[tuple[int, int]]] = field(default_factory=lambda: [[], []])

    def state(self) -> int:
        if len(self.moves) >= MAX_STATES:
            raise _TooLargeError
        self.moves.append([])
        self.jumps.append([])
        return len(self.moves) - 1

    def add(self, node: Node, start: int, end: int) -> None:
        """Lead from one state to another over the texts of a node."""
        match node:
            case Chars(ranges):
                self.moves[start].append((ranges, end))
            case Anchor(at_start):
                self.jumps[start].append((_AT_START if at_start else _AT_END, end))
            case InOrder(parts):
                for part in parts:
                    after = self.state()
                    self.add(part, start, after)
                    start = after
                self.jumps[start].append((_FREE, end))
            case Choice(parts):
                for part in parts:
                    self.add(part, start, end)
            case Repeat(part, fewest, most):
                self.repeat(part, fewest, most, start, end)

    def repeat(self, part: Node, fewest: int, most: int | None, start: int, end: int) -> None:
        for _ in range(fewest):
            after = self.state()
            self.add(part, start, after)
            start = after
        if most is None:
            loop = self.state()
            self.jumps[start].append((_FREE, loop))
            self.add(part, loop, loop)
            self.jumps[loop].append((_FREE, end))
            return
        self.jumps[start].append((_FREE, end))
        for _ in range(most - fewest):
            after = self.state()
            self.add(part, start, after)
            self.jumps[after].append((_FREE, end))
            start = after

    def closure(self, states: Iterable[int], allowed: tuple[int, ...]) -> frozenset[int]:
        """The states reached without a character."""
        found = set(states)
        pending = list(found)
        while pending:
            for kind, to in self.jumps[pending.pop()]:
                if kind in allowed and to not in found:
                    found.add(to)
                    pending.append(to)
        return frozenset(found)

    def step(self, states: Iterable[int], character: int) -> frozenset[int]:
        """The states after one character."""
        reached = {
            to
            for state in states
            for ranges, to in self.moves[state]
            if any(low <= character <= high for low, high in ranges)
        }
        return frozenset((1,)) if 1 in reached else self.closure(reached, (_FREE,))

    def accepts(self, states: frozenset[int], *, at_start: bool) -> bool:
        """Whether a text that ends here matches."""
        allowed = (_FREE, _AT_START, _AT_END) if at_start else (_FREE, _AT_END)
        return 1 in states or 1 in self.closure(states, allowed)


@lru_cache(maxsize=500)
def _automaton(pattern: str) -> _Automaton | None:
    """The automaton of a pattern that is looked for; None where it is not read, or too large."""
    node = read(pattern)
    if node is None:
        return None
    made = _Automaton()
    try:
        made.add(node, 0, 1)
    except _TooLargeError:
        return None
    return made


@lru_cache(maxsize=5_000)
def impossible(
    wanted: tuple[str, ...], denied: tuple[str, ...], shortest: int, longest: int | None
) -> bool:
    """Whether surely no text matches all wanted patterns, none denied, and has such a length."""
    if any(pattern in wanted for pattern in denied):
        return True
    kept = [(a, True) for p in wanted if (a := _automaton(p)) is not None]
    # a denied pattern that is not read is left out: what the others leave may still be nothing
    kept += [(a, False) for p in denied if (a := _automaton(p)) is not None]
    if not kept:
        return False
    limit = shortest if longest is None else max(shortest, longest)
    return limit <= MAX_STATES and _nothing_accepted(kept, shortest, longest)


_States = tuple[frozenset[int], ...]


def _nothing_accepted(
    automata: Sequence[tuple[_Automaton, bool]], shortest: int, longest: int | None
) -> bool:
    characters = _samples(one for one, _ in automata)
    begin = tuple(one.closure((0,), (_FREE, _AT_START)) for one, _ in automata)
    level: set[_States] = {begin}
    seen: set[_States] = set()
    length = work = 0
    while level:
        if length >= shortest:
            if any(_accepted(automata, states, at_start=length == 0) for states in level):
                return False
            if longest is None:  # lengths no longer matter: each combination is walked once
                level -= seen
                seen |= level
        if longest is not None and length >= longest:
            return True
        work += len(characters) * sum(len(one) for states in level for one in states)
        if work > MAX_WORK:
            return False
        level = {
            tuple(a.step(s, c) for (a, _), s in zip(automata, states, strict=True))
            for states in level
            for c in characters
        }
        level = {states for states in level if _alive(automata, states)}
        length += 1
    return True


def _accepted(
    automata: Sequence[tuple[_Automaton, bool]], states: _States, *, at_start: bool
) -> bool:
    return all(
        a.accepts(s, at_start=at_start) is wanted
        for (a, wanted), s in zip(automata, states, strict=True)
    )


def _alive(automata: Sequence[tuple[_Automaton, bool]], states: _States) -> bool:
    """Whether a longer text may still be accepted: what is denied has not been found for good."""
    return not any(1 in s and not wanted for (_, wanted), s in zip(automata, states, strict=True))


def _samples(automata: Iterable[_Automaton]) -> list[int]:
    """One character of each kind that the automata tell apart."""
    borders = {0}
    for one in automata:
        for moves in one.moves:
            for ranges, _ in moves:
                for low, high in ranges:
                    borders |= {low, high + 1}
    return sorted(border for border in borders if border <= LAST)
