"""Makes any text harmless in HTML and SVG. Does not change what honest texts say."""

from __future__ import annotations

import html
import re
from typing import Final

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Control characters, and those that turn the direction of a text around."""


def safe(text: str) -> str:
    """The text as content or attribute; characters that nobody sees become a visible mark."""
    return html.escape(_UNSEEN.sub("\ufffd", text), quote=True)


def cut(text: str, length: int) -> str:
    """The text, its end replaced by a dot-dot-dot where it has more characters."""
    return text if len(text) <= length else text[: max(1, length - 1)] + "…"
