"""JSON Pointers (RFC 6901) as tuples of segments; does not look into values.

Segments of a path that was found are names and positions; those of a path that was written by a
person are texts.
"""

from __future__ import annotations

from collections.abc import Iterable

from xroad_lite.errors import SchemaError


def pointer(segments: Iterable[str | int]) -> str:
    """The text form: ``("name", 0)`` is ``/name/0``, nothing at all is the empty text."""
    return "".join(f"/{escaped(str(segment))}" for segment in segments)


def escaped(segment: str) -> str:
    """One segment as RFC 6901 writes it."""
    return segment.replace("~", "~0").replace("/", "~1")


def parsed(text: str) -> tuple[str, ...]:
    """The segments of a text; ``SchemaError`` where it is no JSON Pointer."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise SchemaError(
            "schema.pointer",
            f"{text[:80]!r} is no JSON Pointer: expected it to be empty or to begin with '/'",
            hint=f"write {'/' + text[:80]!r}",
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
