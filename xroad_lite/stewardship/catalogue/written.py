"""Pieces of HTML in several languages at once, each text escaped; knows no registry."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import quote

from xroad_lite.stewardship.catalogue.page_parts import WORDS

LANGUAGES: Final = ("en", "es", "pt")
"""The languages that a reader can choose; what is not said in one is shown as it is said."""
_NEXT: Final = {"en": "en", "es": "pt", "pt": "es"}


def escaped(text: str) -> str:
    """A text as it stands in HTML, also in an attribute."""
    return escape(text, quote=True)


def spoken(texts: Mapping[str, str]) -> str:
    """A text in the language that the reader chooses, else in the first in which it is said."""
    shown: dict[tuple[str, str], list[str]] = {}
    for tag in LANGUAGES:
        own = next((one for one in (tag, _NEXT[tag], *texts) if texts.get(one)), tag)
        shown.setdefault((own, texts.get(own, "")), []).append(tag)
    return "".join(
        f'<span class="l" data-l="{" ".join(tags)}" lang="{escaped(own)}">{escaped(said)}</span>'
        for (own, said), tags in shown.items()
    )


def word(name: str) -> str:
    """A word of the page itself."""
    return spoken(WORDS[name])


def badge(name: str) -> str:
    """A short mark."""
    return f'<span class="badge {name}">{word(name)}</span>'


def cell(name: str, content: str) -> str:
    """A cell that says on a narrow screen what it is."""
    return f'<td data-name="{escaped(name)}">{content}</td>'


def anchor(kind: str, name: str) -> str:
    """The id of an entry."""
    return f"{kind}-{quote(name, safe='.')}"


def link(iri: str) -> str:
    """An address: a link where it is one of the web, else text."""
    if iri.startswith(("https://", "http://")):
        return f'<a class="iri" rel="noreferrer" href="{escaped(iri)}">{escaped(iri)}</a>'
    return f'<code class="iri">{escaped(iri)}</code>'


def contact(text: str) -> str:
    """Whom to write to, visit or call."""
    text = text.strip()
    if text.startswith(("https://", "http://")):
        return link(text)
    plain = text.removeprefix("mailto:").removeprefix("tel:")
    if "@" in plain:
        return f'<a href="mailto:{quote(plain, safe="@+")}">{escaped(plain)}</a>'
    number = "".join(one for one in plain if one in "+0123456789")
    return f'<a href="tel:{number}">{escaped(plain)}</a>' if number else escaped(plain)
