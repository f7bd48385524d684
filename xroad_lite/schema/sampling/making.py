"""What makers of examples share: bounds, copies with one part replaced, texts; knows no schemas."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Protocol

Path = tuple[str | int, ...]
MAX_PARTS = 5_000
MAX_DEPTH = 40
DEEP = 4
"""From this depth on only what must be there is made."""
_WORDS = "alba bosque camino duna estero fuente glaciar huerto isla jardin lago monte".split()  # noqa: SIM905
ODD: tuple[Any, ...] = (None, True, 7, 1.5, "text", [], {}, "", -1)
"""Values of every type, to put where another type belongs."""


class StuckError(Exception):
    """No value can be made in this way; another attempt may choose otherwise."""


class Maker(Protocol):
    """Makes one value, and then spoilt copies of it."""

    def make(self) -> Any:
        """A value that should be valid."""

    def spoilt(self, value: Any) -> Iterator[Any]:
        """Copies of the value, each changed so that it may break one rule."""


def replaced(value: Any, path: Path, part: Any) -> Any:
    """A copy with another part at a path."""
    if not path:
        return part
    step, rest = path[0], path[1:]
    copied = value.copy()
    copied[step] = replaced(value[step], rest, part)
    return copied


def word(random: Random, shortest: int, longest: int | None) -> str:
    """A text of some words, of a length that is allowed."""
    text = " ".join(random.choice(_WORDS) for _ in range(random.randint(1, 2)))
    while len(text) < shortest:
        text += " " + random.choice(_WORDS)
    if longest is not None and len(text) > longest:
        text = text[:longest]
        text = text if text == text.strip() else text.rstrip().ljust(max(shortest, 1), "a")
    return text


def keep(random: Random, mode: str, depth: int) -> bool:
    """Whether a part that may be left out is made."""
    if mode == "full":
        return depth <= DEEP
    return mode == "some" and depth <= DEEP and random.random() < 0.6
