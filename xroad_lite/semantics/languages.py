"""Texts by language: objects of a tag and a text each. Does not translate between languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

NONE: Final = "@none"
"""The key of a text without a language (JSON-LD 1.1, section 4.6.5)."""


def _spoken(value: Any) -> dict[str, str]:
    """Tag in lower case and text; a list of one text is that text, anything else says nothing."""
    if not isinstance(value, Mapping):
        raise TypeError("texts by language were expected")
    found = {}
    for tag, text in value.items():
        if isinstance(text, list) and len(text) == 1:
            text = text[0]
        if isinstance(text, str):
            found[tag.lower()] = text
    return found


def text_in(language: str) -> Callable[[Any], str | None]:
    """The text of ``language``; of the empty language: the one without a tag, or the only one."""

    def choose(value: Any) -> str | None:
        found = _spoken(value)
        if language:
            return found.get(language)
        only = next(iter(found.values())) if len(found) == 1 else None
        return found.get(NONE, only)

    return choose


def texts(value: Any) -> list[str] | None:
    """All texts, each once, in the order of their tags."""
    found = _spoken(value)
    return list(dict.fromkeys(found[tag] for tag in sorted(found))) or None


def admitted(only: str) -> Callable[[Any], dict[str, str] | None]:
    """The texts in the languages of a list with commas; in all when it is empty."""
    names = {tag.lower(): tag for tag in only.split(",") if tag}

    def keep(value: Any) -> dict[str, str] | None:
        found = _spoken(value)
        if not names:
            return found or None
        return {names[tag]: text for tag, text in found.items() if tag in names} or None

    return keep


def together(values: Sequence[Mapping[str, str]] | None) -> dict[str, str] | None:
    """Several as one; where two have a language, the first stands."""
    found: dict[str, str] = {}
    for value in values or ():
        for tag, text in value.items():
            found.setdefault(tag, text)
    return found or None
