"""Numbers for schema versions that follow from their content; does not know who has which.

Confluent's clients put a number of 4 bytes before each body. Here it is derived, so that it is the
same on every machine and after every publication, and nobody has to hand numbers out. Two contents
that come to one number are refused when a registry is checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from xroad_lite.registry.models import Reference

_LARGEST = 2**31 - 1


def fingerprint(kind: str, document: Any, references: Sequence[Reference]) -> bytes:
    """SHA-256 of what makes a schema what it is; the order of keys and references does not count.

    Of the JSON text ``{"kind", "references": [[name, type, version], …], "schema"}`` with sorted
    keys and without spaces, in UTF-8. ``document`` is as it was registered, not linked.
    """
    content = {
        "kind": kind,
        "references": sorted([one.name, one.type, one.version] for one in references),
        "schema": document,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def schema_id(content: bytes) -> int:
    """The number, from 1 to 2^31 - 1, of a fingerprint."""
    return int.from_bytes(content[:8]) % _LARGEST + 1


def schema_guid(content: bytes) -> str:
    """The UUID (version 8, RFC 9562, section 5.8) of a fingerprint."""
    number = int.from_bytes(content[:16])
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(UUID(int=number))
