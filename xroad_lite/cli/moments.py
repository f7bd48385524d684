"""Times as people type them: a day, or a time in UTC; reads the clock for no time at all."""

from __future__ import annotations

import re
import time

from xroad_lite import times
from xroad_lite.errors import ConfigurationError

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY_SECONDS = 86_400.0


def moment(text: str) -> float:
    """Unix seconds of a time, or of the beginning of a day; now for an empty text."""
    if not text:
        return time.time()
    try:
        return times.to_unix(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError:
        raise ConfigurationError(
            "config.time",
            f"got {text!r:.80}: expected a day or a time in UTC, as 2026-01-31 or "
            "2026-01-31T12:00:00Z",
        ) from None


def end_of(text: str) -> float:
    """Unix seconds of a time, or of the end of a day."""
    return moment(text) + (_DAY_SECONDS if _DAY.fullmatch(text) else 0.0)
