"""The words, the style and the script of the catalogue's page; nothing of the registry."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

_HERE: Final = files(__package__)


def _words(rows: str) -> dict[str, dict[str, str]]:
    found = {}
    for row in rows.strip().splitlines():
        name, *said = (one.strip() for one in row.split("|"))
        found[name] = dict(zip(("en", "es", "pt"), said, strict=True))
    return found


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


STYLE: Final = _file("page.css")
SCRIPT: Final = _file("page.js")
WORDS: Final = _words(_file("page_words.txt"))
"""What the page says itself, by language."""

TYPES: Final = {
    row["en"]: row
    for row in _words("""
1  | text | texto | texto
2  | number | número | número
3  | whole number | número entero | número inteiro
4  | true or false | sí o no | sim ou não
5  | object | objeto | objeto
6  | list | lista | lista
7  | date | fecha | data
8  | time | hora | hora
9  | date and time | fecha y hora | data e hora
10 | decimal number | número decimal | número decimal
""").values()
}
"""The forms of fields that have a short name in each language."""
