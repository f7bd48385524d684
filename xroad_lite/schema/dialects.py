"""Which draft of JSON Schema a document is written in; does not check it against its metaschema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xroad_lite.errors import SchemaError

NAMES = {
    "https://json-schema.org/draft/2020-12/schema": 2020,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft-07/schema": 7,
}
URIS = {
    2020: "https://json-schema.org/draft/2020-12/schema",
    7: "http://json-schema.org/draft-07/schema#",
}
_HOPS = 8
_VALUES = ("enum", "const", "default", "examples")
"""Keywords below which stand values, and no schemas."""


def draft_of(document: Any, find: Callable[[str], Any], otherwise: int = 2020) -> int:
    """7 or 2020, by ``$schema``; a metaschema that is found counts as its own draft.

    Without ``$schema`` it is ``otherwise``, the draft of the file that refers to it, unless
    ``items`` is a list: only draft-07 can mean that.
    """
    for _ in range(_HOPS):
        name = document.get("$schema") if isinstance(document, dict) else None
        if name is None:
            return 7 if _lists_items(document) else otherwise
        if isinstance(name, str) and name.removesuffix("#") in NAMES:
            return NAMES[name.removesuffix("#")]
        document = find(name) if isinstance(name, str) else None
        if document is None:
            break
    raise SchemaError(
        "schema.unknown_dialect",
        f"$schema is {str(name)[:120]!r}: expected JSON Schema 2020-12 or draft-07",
        hint='write "$schema": "https://json-schema.org/draft/2020-12/schema"',
    )


def _lists_items(document: Any) -> bool:
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            if isinstance(value.get("items"), list):
                return True
            for name, inner in value.items():
                if name == "properties" and isinstance(inner, dict):
                    pending.extend(inner.values())
                elif isinstance(inner, dict | list) and name not in _VALUES:
                    pending.append(inner)
    return False
