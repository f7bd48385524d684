"""Random bytes of the system, asked for many at once: a question is dearer than what it gives.

Does not make keys: those are drawn where they are made.
"""

from __future__ import annotations

import os

FRESH_BYTES = 32
_AT_ONCE = 128
_DRAWN: list[bytes] = []
os.register_at_fork(after_in_child=_DRAWN.clear)


def fresh_bytes() -> bytes:
    """32 random bytes that nobody has had yet. Safe for threads."""
    try:
        return _DRAWN.pop()
    except IndexError:
        data = os.urandom(_AT_ONCE * FRESH_BYTES)
        _DRAWN.extend(
            data[at : at + FRESH_BYTES] for at in range(FRESH_BYTES, len(data), FRESH_BYTES)
        )
        return data[:FRESH_BYTES]
