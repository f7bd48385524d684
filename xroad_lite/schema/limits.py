"""Bounds on schema documents, checked before anything recursive sees them; does not read keywords.

A schema comes from another institution. Compilers and parsers recurse and copy, so a document that
is too deep or too large is refused first, by a walk that does neither.
"""

from __future__ import annotations

import math
from typing import Any

from xroad_lite.errors import SchemaError

MAX_DEPTH = 128
"""How deep a schema may nest: real ones stay under 30."""
MAX_VALUES = 200_000
"""How many objects, arrays, texts and numbers a schema and what it refers to may hold."""
MAX_CHARACTERS = 4_000_000
"""How many characters its names and texts may hold together."""


def check_size(document: Any) -> int:
    """Refuse what is too deep or large, or holds what no JSON can; return the number of values."""
    values = characters = 0
    level: list[Any] = [document]
    depth = 0
    while level:
        depth += 1
        values += len(level)
        if depth > MAX_DEPTH:
            raise _too("deep", f"nests deeper than {MAX_DEPTH} levels")
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, str):
                characters += len(value)
                continue
            characters += _characters(value)
            if isinstance(value, dict):
                deeper.extend(value.values())
            elif isinstance(value, list | tuple):
                deeper.extend(value)
            if values + len(deeper) > MAX_VALUES:
                raise _too("large", f"holds more than {MAX_VALUES:,} values")
        if characters > MAX_CHARACTERS:
            raise _too("large", f"holds more than {MAX_CHARACTERS:,} characters")
        level = deeper
    return values


def deeper_than(value: Any, limit: int) -> bool:
    """Whether arrays and objects nest deeper than the limit; does not recurse."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list | tuple)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(value, dict | list | tuple) for value in level)


def _characters(value: Any) -> int:
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise SchemaError("schema.invalid", "the schema has a name that is not text")
        return sum(map(len, value))
    if isinstance(value, float) and not math.isfinite(value):
        raise SchemaError("schema.invalid", f"the schema holds {value}: JSON has no such number")
    if value is None or isinstance(value, bool | int | float | list | tuple):
        return 1
    raise SchemaError(
        "schema.invalid",
        f"the schema holds a {type(value).__name__}: expected what JSON can hold",
        hint="put dates and other special values in quotes",
    )


def _too(what: str, message: str) -> SchemaError:
    return SchemaError(
        f"schema.too_{what}",
        f"the schema {message}",
        hint="split it into files that refer to each other",
    )
