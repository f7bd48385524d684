"""Reads the common part of regular expressions into a tree; matches no texts itself.

What is read means the same to the validator of bodies: literals, classes, groups, alternatives,
repetition, ``^`` and ``$``. Anything else (word borders, Unicode properties, flags) is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

Ranges = tuple[tuple[int, int], ...]
"""Code points, as sorted ranges that do not touch; both ends count."""
LAST = 0x10FFFF
_MOST = 2_000
_MAX_DEPTH = 50


class UnreadableError(Exception):
    """The pattern holds something that is not read here."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of these."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after another."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """So many times; ``most`` is None without a bound."""

    part: Node
    fewest: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The beginning of the text, or its end."""

    at_start: bool


Node = Chars | Sequence | Choice | Repeat | Anchor


def union(*several: Ranges) -> Ranges:
    """All code points of these."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(one for ranges in several for one in ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def complement(ranges: Ranges) -> Ranges:
    """All other code points."""
    found, at = [], 0
    for low, high in ranges:
        if at < low:
            found.append((at, low - 1))
        at = high + 1
    return tuple([*found, (at, LAST)] if at <= LAST else found)


@lru_cache(maxsize=2_000)
def read(pattern: str) -> Node | None:
    """The tree of a pattern; None where it holds something that is not read here."""
    reader = _Reader(pattern)
    try:
        found = reader.choice(0)
    except (UnreadableError, IndexError):
        return None
    return found if reader.at == len(pattern) else None


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def choice(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise UnreadableError
        parts = [self.sequence(depth)]
        while self.peek() == "|":
            self.take()
            parts.append(self.sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, atom: Node) -> Node:
        sign = self.peek()
        if sign not in tuple("*+?{"):
            return atom
        if isinstance(atom, Anchor):
            raise UnreadableError
        self.take()
        if sign == "{":
            fewest, most = self.bounds()
        else:
            fewest, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        if self.peek() == "?":  # as few as possible: the same texts
            self.take()
        if self.peek() in tuple("*+?{"):
            raise UnreadableError
        return Repeat(atom, fewest, most)

    def bounds(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at : end].partition(",")
        if end < 0 or not low.isascii() or not low.isdigit() or (high and not high.isdigit()):
            raise UnreadableError
        self.at = end + 1
        fewest = int(low)
        most = (int(high) if high else None) if comma else fewest
        if fewest > _MOST or (most is not None and not fewest <= most <= _MOST):
            raise UnreadableError
        return fewest, most

    def atom(self, depth: int) -> Node:
        sign = self.take()
        if sign == "(":
            return self.group(depth)
        if sign == "[":
            return Chars(self.bracket())
        if sign in "^$":
            return Anchor(sign == "^")
        if sign == ".":
            return Chars(complement(_NEWLINES))
        if sign == "\\":
            return Chars(self.escape())
        if sign in "*+?{}]":
            raise UnreadableError
        return Chars(((ord(sign), ord(sign)),))

    def group(self, depth: int) -> Node:
        if self.peek() == "?":
            self.take()
            sign = self.take()
            if sign in "P<":
                name = self.text[self.at :].partition(">")[0].lstrip("<")
                if not name.isidentifier():
                    raise UnreadableError  # look-behind, among others
                self.at = self.text.index(">", self.at) + 1
            elif sign != ":":
                raise UnreadableError
        found = self.choice(depth + 1)
        if self.peek() != ")":
            raise UnreadableError
        self.take()
        return found

    def escape(self) -> Ranges:
        sign = self.take()
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign.lower() in _CLASSES:
            return complement(_CLASSES[sign.lower()])
        if sign in _CONTROLS:
            return ((_CONTROLS[sign], _CONTROLS[sign]),)
        if sign.isalnum() or not sign.isascii():
            raise UnreadableError
        return ((ord(sign), ord(sign)),)

    def bracket(self) -> Ranges:
        negative = self.peek() == "^"
        if negative:
            self.take()
        found: list[Ranges] = []
        while (sign := self.take()) != "]":
            if sign == "[" or (sign in "&-~" and self.peek() == sign):
                raise UnreadableError  # sets of sets are read differently by others
            low = self.escape() if sign == "\\" else ((ord(sign), ord(sign)),)
            if self.peek() == "-" and self.text[self.at + 1] != "]":
                self.take()
                last = self.take()
                high = self.escape() if last == "\\" else ((ord(last), ord(last)),)
                if last == "[" or not _one(low) or not _one(high) or high[0][0] < low[0][0]:
                    raise UnreadableError
                low = ((low[0][0], high[0][0]),)
            found.append(low)
        if not found:
            raise UnreadableError
        ranges = union(*found)
        return complement(ranges) if negative else ranges


def _one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


_NEWLINES: Ranges = ((10, 10),)
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_CLASSES: dict[str, Ranges] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32), (160, 160), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
          (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
}  # fmt: skip
"""As the validator of bodies reads them: the tests ask it about every character."""
