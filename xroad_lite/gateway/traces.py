"""The trace that a request belongs to (W3C Trace Context); does not record spans."""

from __future__ import annotations

import re

HEADER = "traceparent"
_VERSION_0 = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent(values: list[str]) -> str | None:
    """The one good ``traceparent`` among header values; a bad one starts no trace, by its rules."""
    found = [one.strip() for one in values]
    return found[0] if len(found) == 1 and _VERSION_0.fullmatch(found[0]) else None
