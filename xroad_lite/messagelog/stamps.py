"""What time stamps prove of a log's entries: no later than when, and no earlier; does not verify.

A token over a checkpoint proves that every entry in it existed; and since the token is an entry
itself, every entry after it is younger. So each entry lies in a window between two stamps, and the
time that it states must fit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xroad_lite import times
from xroad_lite.messagelog.store import Store

SKEW_SECONDS = 300.0
"""By how much a clock may be wrong, unless the instance's ``clock_skew`` says otherwise."""
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Stamped:
    """One token in a log: its entry, what its checkpoint covers, and what it proves (Unix s)."""

    index: int
    size: int
    """The entries before this number existed at ``time``."""
    time: float
    accuracy: float = 0.0


class Proved:
    """What all verified tokens of a log prove together."""

    def __init__(self, stamps: Iterable[Stamped]) -> None:
        by_size = sorted(stamps, key=lambda one: (one.size, one.time))
        self._sizes = [one.size for one in by_size]
        self._latest = _running_least([one.time + one.accuracy for one in reversed(by_size)])[::-1]
        by_index = sorted(by_size, key=lambda one: one.index)
        self._indexes = [one.index for one in by_index]
        floors = [-(one.time - one.accuracy) for one in by_index]
        self._earliest = [-one for one in _running_least(floors)]

    @property
    def covered(self) -> int:
        """How many entries some token covers."""
        return self._sizes[-1] if self._sizes else 0

    def proved_at(self, index: int) -> float | None:
        """By when entry ``index`` existed, Unix seconds; None when no token covers it."""
        place = bisect_right(self._sizes, index)
        return self._latest[place] if place < len(self._latest) else None

    def not_before(self, index: int) -> float | None:
        """After when entry ``index`` was written: the time of the newest token before it."""
        place = bisect_left(self._indexes, index)
        return self._earliest[place - 1] if place else None

    def misfit(self, index: int, at: float, skew: float = SKEW_SECONDS) -> str | None:
        """Why the time ``at`` that entry ``index`` states cannot be; None when it fits."""
        until, since = self.proved_at(index), self.not_before(index)
        if until is not None and at > until + skew:
            return (
                f"it says {times.to_text(at)}, and a time stamp proves that it existed at "
                f"{times.to_text(until)} already"
            )
        if since is not None and at < since - skew:
            return (
                f"it says {times.to_text(at)}, and it stands after a time stamp of "
                f"{times.to_text(since)}"
            )
        return None


def _running_least(values: Iterable[float]) -> list[float]:
    least, found = _NEVER, []
    for one in values:
        least = min(least, one)
        found.append(least)
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """A token of the log's own, as the table of tokens remembers it."""

    index: int
    size: int
    time: float
    accuracy: float
    ends: float
    """When the first of its certificates ends, Unix seconds: renew it before."""
    authority: str
    """The address that was asked."""


class StampTable:
    """Which entries are tokens, so that nobody need search for them; the entries are the proof."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self) -> None:
        """Make the table, if it is not there."""
        self._store.execute(
            "CREATE TABLE IF NOT EXISTS xl_stamps (idx INTEGER PRIMARY KEY, size INTEGER NOT NULL,"
            " time REAL NOT NULL, accuracy REAL NOT NULL, ends REAL NOT NULL,"
            " authority TEXT NOT NULL)"
        )

    def add(self, stamp: Kept) -> None:
        """Remember a token, in the transaction that appends it."""
        self._store.execute(
            "INSERT OR REPLACE INTO xl_stamps VALUES (?, ?, ?, ?, ?, ?)",
            (stamp.index, stamp.size, stamp.time, stamp.accuracy, stamp.ends, stamp.authority),
        )

    def newest(self) -> Kept | None:
        """The one over most entries."""
        return next(self._read("ORDER BY size DESC, idx DESC LIMIT 1"), None)

    def all(self) -> list[Kept]:
        """All of them, in the log's order."""
        return list(self._read("ORDER BY idx"))

    def _read(self, which: str) -> Iterator[Kept]:
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'xl_stamps'"
        if self._store.query(there)[0][0]:
            sql = f"SELECT idx, size, time, accuracy, ends, authority FROM xl_stamps {which}"  # noqa: S608
            yield from (Kept(*row) for row in self._store.query(sql))


def oldest_unstamped(store: Store, first: int) -> tuple[int, float] | None:
    """The first entry from ``first`` on that is no token, and its Unix time; None if all are."""
    for index in range(first, store.size):
        entry = store.entry(index)
        if entry.kind != "token":
            return index, entry.at
    return None
