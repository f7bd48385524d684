"""RFC 3339 texts and Unix seconds, one to the other; does not read the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_DURATION = re.compile(
    r"P(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.ASCII
)


@lru_cache(maxsize=1024)
def to_text(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds, ``2026-01-31T12:00:00.000Z``."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=256)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).isoformat()[:19]


@lru_cache(maxsize=4096)
def to_unix(text: str) -> float:
    """Unix seconds of an RFC 3339 text in UTC that ends in Z; ``ValueError`` if it is none."""
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass  # the 30th of February
    raise ValueError(f"{text!r:.80} is not a time in UTC, as 2026-01-31T12:00:00Z") from None


@lru_cache(maxsize=256)
def duration(text: str) -> float:
    """Seconds of an ISO 8601 duration of days, hours, minutes, seconds; ``ValueError`` if none."""
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r:.80} is not a duration, as P30D or PT24H")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
