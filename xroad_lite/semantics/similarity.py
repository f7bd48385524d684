"""How alike two names are, whatever their case, accents and order of words. Knows no terms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import cache
from typing import Final

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FILLERS: Final = re.compile(
    "(a|an|and|as|at|by|da|das|de|del|do|dos|e|el|en|for|in|la|las|lo|los|na|no|o|of|on|or|os"
    "|para|por|the|to|u|um|uma|un|una|y)"
)
"""Words of English, Spanish and Portuguese that carry no meaning in a label."""


@cache
def words(text: str) -> tuple[str, ...]:
    """The words that carry meaning: camel case split, no accents, no case, singular."""
    plain = unicodedata.normalize("NFKD", _HUMP.sub(" ", text))
    plain = "".join(one for one in plain if not unicodedata.combining(one)).casefold()
    found = [word for word in re.split(r"[\W_]+", plain) if word and not _FILLERS.fullmatch(word)]
    return tuple(map(_singular, found))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@cache
def alike(left: str, right: str) -> float:
    """From 0 to 1: half by words in common, half by letters in order.

    Words in common are measured against both names (Dice) and against the shorter one: who says
    more of a thing may still mean it.
    """
    ours, theirs = words(left), words(right)
    if not ours or not theirs:
        return 0.0
    if sorted(ours) == sorted(theirs):
        return 1.0
    common = len(set(ours) & set(theirs))
    dice = 2 * common / (len(set(ours)) + len(set(theirs)))
    within = common / min(len(set(ours)), len(set(theirs)))
    letters = SequenceMatcher(None, " ".join(sorted(ours)), " ".join(sorted(theirs)))
    if not common and letters.quick_ratio() < 0.7:
        return 0.0
    return 0.25 * dice + 0.25 * within + 0.5 * letters.ratio()


def best(left: Iterable[str], right: Iterable[str]) -> tuple[float, str, str]:
    """The likeness of the two names that are most alike, and these names."""
    others = list(right)
    pairs = [(alike(one, other), one, other) for one in left for other in others]
    return max(pairs, default=(0.0, "", ""))


def overlap(left: Iterable[str], right: Iterable[str]) -> float:
    """The share of values that both sets have (Jaccard)."""
    ours, theirs = set(left), set(right)
    return len(ours & theirs) / len(ours | theirs) if ours or theirs else 0.0
