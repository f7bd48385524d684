"""Reads JSON so that no two readers can disagree about it; does not validate against schemas.

Sealed and published bytes are read by many programs. A repeated key, a NaN or half a surrogate
pair is read differently by different parsers, so all of them are refused (RFC 8259, section 4;
RFC 7493).
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

MAX_DEPTH = 200
"""How deep arrays and objects may nest: far beyond real documents, far below any stack."""
_SCALARS = frozenset((str, int, float, bool, type(None)))


class StrictJSONError(ValueError):
    """The bytes are not JSON that every reader understands alike."""


def loads(data: bytes) -> Any:
    """Parse UTF-8 bytes; integers stay exact, ``StrictJSONError`` says what is wrong.

    Bytes that orjson would write itself cannot hold a repeated key or an odd number, and are taken
    on its word; all others go through the slower reader that looks.
    """
    try:
        value = orjson.loads(data)
        if orjson.dumps(value) != data:
            value = _loads_slowly(data)
    except (orjson.JSONDecodeError, TypeError, RecursionError):
        value = _loads_slowly(data)
    if not _flat(value) and data.count(b"[") + data.count(b"{") > MAX_DEPTH and _too_deep(value):
        raise StrictJSONError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def dumps(value: Any) -> bytes:
    """The compact UTF-8 form, keys in the order given."""
    try:
        return orjson.dumps(value)
    except (TypeError, RecursionError):  # integers beyond 64 bits are legal JSON all the same
        pass
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StrictJSONError(f"cannot be written as JSON: {error}") from None


def canonical(value: Any) -> bytes:
    """The compact UTF-8 form with sorted keys: for documents of our own that are digested."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _loads_slowly(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if "\\u" in text:  # an escape can write half a surrogate pair, which no UTF-8 can hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except StrictJSONError:
        raise
    except UnicodeDecodeError:
        raise StrictJSONError("not UTF-8 text") from None
    except UnicodeEncodeError:
        raise StrictJSONError("an escape writes half a surrogate pair, no character") from None
    except RecursionError:
        raise StrictJSONError(f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"not JSON: {error}") from None
    except ValueError:
        raise StrictJSONError("a number has more digits than any reader takes") from None
    return value


def _flat(value: Any) -> bool:
    """Whether it is an object of which no member nests: most that are signed and logged are."""
    return type(value) is dict and _SCALARS.issuperset(map(type, value.values()))


def _too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise StrictJSONError(f"the key {key!r} stands twice in one object")
            seen.add(key)
    return value


def _no_constant(name: str) -> Any:
    raise StrictJSONError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise StrictJSONError(f"the number {text[:40]} is beyond what a 64-bit float can hold")
    return value
