"""Whether every text that matches one pattern matches another; does not match texts.

Answers yes only where it is certain.
"""

from __future__ import annotations


def includes(wide: str, narrow: str | None) -> bool:
    """Whether surely each text that matches ``narrow`` (None: each text) matches ``wide``."""
    return wide in ("", "^", "$", "^.*", ".*", "^[\\s\\S]*$") or wide == narrow
