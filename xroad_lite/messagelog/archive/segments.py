"""Segments: where a log is cut, and what the log remembers of those that it moved; moves none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from xroad_lite.messagelog.database import Database


@dataclass(frozen=True, slots=True)
class Segment:
    """Entries ``first`` up to ``end`` (not included), in a file of their own."""

    first: int
    end: int
    file: str
    """Where it lies, from the folder of the log."""
    sha256: str
    """Of the whole file, hexadecimal: it never changes."""
    checkpoint: str
    """The signed note that seals it: over ``end`` entries or more."""
    at: float
    """When it was moved, Unix seconds."""

    @property
    def name(self) -> str:
        """In words."""
        return f"entries {self.first} to {self.end - 1}"


def segments(database: Database) -> list[Segment]:
    """Those that the log has moved, oldest first."""
    has = "SELECT 1 FROM sqlite_master WHERE name = 'xl_segments'"
    if not database.query(has):  # a log of before, opened for reading
        return []
    rows = database.query(
        "SELECT first, end, file, sha256, checkpoint, at FROM xl_segments ORDER BY first"
    )
    return [Segment(*row) for row in rows]


def ends_by_entries(first: int, size: int, count: int) -> list[int]:
    """Where full segments of ``count`` entries end, from ``first`` on."""
    return list(range(first + count, size + 1, count))


def ends_by_bytes(first: int, sizes: Iterable[int], limit: int) -> list[int]:
    """Where segments end that hold just ``limit`` bytes or more; ``sizes`` begin at ``first``."""
    ends, held = [], 0
    for end, size in enumerate(sizes, first + 1):
        held += size
        if held >= limit:
            ends.append(end)
            held = 0
    return ends


def ends_by_month(first: int, size: int, time_of: Callable[[int], float]) -> list[int]:
    """Where each month (UTC) ends that is over; ``time_of`` gives an entry's Unix seconds.

    Looks at few entries: where a clock was set back, a boundary is one of those it could be.
    """
    ends: list[int] = []
    last = _month(time_of(size - 1)) if first < size else (0, 0)
    while first < size and (month := _month(time_of(first))) < last:
        first = _first_after(month, first, size, time_of)
        ends.append(first)
    return ends


def _first_after(
    month: tuple[int, int], first: int, size: int, time_of: Callable[[int], float]
) -> int:
    def is_after(index: int) -> bool:
        return _month(time_of(index)) > month

    return bisect_left(range(size), True, lo=first + 1, key=is_after)


def _month(at: float) -> tuple[int, int]:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.year, moment.month
