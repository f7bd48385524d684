"""What each field of a schema means, by its path in bodies; does not look at messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xroad_lite.schema.pointers import escaped
from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import Binding, Field, Shape, bind


def meanings(document: Any) -> dict[str, Field]:
    """The field of the binding at each path, ``*`` for the items of an array.

    Terms count whether a vocabulary declares them or not. ``SemanticsError`` where the schema's
    contexts are wrong. A schema that is no object means nothing.
    """
    shown = json_schema_of(document)
    if not isinstance(shown, dict):
        return {}
    found: dict[str, Field] = {}
    binding = bind(shown, lambda _: None)
    for path, one in _walk(binding, binding.root, "", ()):
        found.setdefault(path, one)
    return found


def _walk(
    binding: Binding, shape: Shape, path: str, around: tuple[int, ...]
) -> Iterator[tuple[str, Field]]:
    for one in shape.fields:
        where = f"{path}/{escaped(one.key)}"
        yield where, one
        if one.shape is not None and one.shape not in around:
            inside = f"{where}/*" if one.array else where
            yield from _walk(binding, binding.inside(one), inside, (*around, one.shape))
