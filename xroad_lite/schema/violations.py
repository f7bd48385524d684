"""What a body breaks, in words for an adapter developer; does not decide validity.

Values are shown shortened, and never where the schema marks them as personal: what is shown ends up
in logs and in screens of other institutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MAX_VIOLATIONS = 20
"""How many violations are reported for one body."""
MASK = "(personal data)"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a body breaks.

    ``path`` is a JSON Pointer into the body, ``rule`` the keyword of the schema (or, for Avro, the
    kind of type), ``message`` a sentence with what was got and what was expected.
    """

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the body'}: {self.message}"


def shown(value: Any) -> str:
    """A value for people: its kind and, if it is short and simple, the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {shortened(_number(value))}"
    if isinstance(value, str):
        return f'the text "{shortened(value)}"'
    if isinstance(value, dict):
        return f"an object with {counted(len(value), 'field')}"
    if isinstance(value, list | tuple):
        return f"an array with {counted(len(value), 'item')}"
    if isinstance(value, bytes):
        return counted(len(value), "byte")
    if isinstance(value, Decimal):
        return f"the number {shortened(format(value, 'f'))}"
    return f"the {type(value).__name__} {shortened(str(value))}"


def counted(number: Any, noun: str) -> str:
    """``1 item``, ``2 items``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shortened(text: str) -> str:
    """At most 60 characters of a text, without line breaks and other invisible ones."""
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return f"of about {value.bit_length() * 3 // 10} digits"
    return str(value)
