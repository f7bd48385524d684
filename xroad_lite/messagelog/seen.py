"""What other logs have said of themselves, as this node saw it; does not judge what is seen.

A checkpoint is either *held*, proved to follow all that was held of its log before, or *told* by
another party and not yet proved. Two that cannot both be true are kept as a split view.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xroad_lite.messagelog import notes
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note
from xroad_lite.messagelog.store import Store

_TABLES = (
    "CREATE TABLE IF NOT EXISTS xl_seen (origin TEXT NOT NULL, size INTEGER NOT NULL,"
    " held INTEGER NOT NULL, at REAL NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL,"
    " PRIMARY KEY (origin, size, note)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS xl_views (origin TEXT NOT NULL, at REAL NOT NULL,"
    " one TEXT NOT NULL, other TEXT NOT NULL, PRIMARY KEY (one, other))"
    " WITHOUT ROWID",
)
_HELD_KEPT = 1000
"""So many of one log are kept; each newer one says all that they said."""
TOLD_KEPT = 16
"""So many that wait for a proof: whoever tells of more must wait."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint of another log: when it was seen first (Unix s), and who showed it."""

    at: float
    by: str
    note: Note

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return Checkpoint.read(self.note)


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two notes of one log, signed by it, of one size and with two roots: the proof."""

    origin: str
    at: float
    one: Note
    other: Note


class SeenTable:
    """The checkpoints of others in a store; in one that is read only and has none, nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self) -> None:
        """Make the tables, if they are not there."""
        self._store.make(_TABLES)

    def hold(self, seen: Seen) -> None:
        """Keep one that was proved to follow those held; what was told of it is settled."""
        checkpoint = seen.checkpoint
        with self._store.transaction():
            self._store.execute(
                "DELETE FROM xl_seen WHERE origin = ? AND size = ? AND note = ?",
                (checkpoint.origin, checkpoint.size, str(seen.note)),
            )
            self._insert(seen, held=True)
            self._store.execute(
                "DELETE FROM xl_seen WHERE origin = ? AND held = 1 AND size NOT IN (SELECT size"
                " FROM xl_seen WHERE origin = ? AND held = 1 ORDER BY size DESC LIMIT ?)",
                (checkpoint.origin, checkpoint.origin, _HELD_KEPT),
            )

    def tell(self, seen: Seen) -> bool:
        """Keep one that waits for a proof; False when too many of its log wait already."""
        if len(self.told(seen.checkpoint.origin)) >= TOLD_KEPT:
            return False
        with self._store.transaction():
            self._insert(seen, held=False)
        return True

    def proved(self, seen: Seen) -> None:
        """Forget one that waited: it belongs to what is held."""
        checkpoint = seen.checkpoint
        self._store.execute(
            "DELETE FROM xl_seen WHERE origin = ? AND size = ? AND note = ? AND held = 0",
            (checkpoint.origin, checkpoint.size, str(seen.note)),
        )

    def _insert(self, seen: Seen, *, held: bool) -> None:
        checkpoint = seen.checkpoint
        self._store.execute(
            "INSERT OR IGNORE INTO xl_seen VALUES (?, ?, ?, ?, ?, ?)",
            (checkpoint.origin, checkpoint.size, held, seen.at, seen.by, str(seen.note)),
        )

    def newest(self, origin: str) -> Seen | None:
        """The one held of a log over most entries."""
        which = "WHERE origin = ? AND held = 1 ORDER BY size DESC LIMIT 1"
        return next(self._read(which, origin), None)

    def held(self, origin: str) -> list[Seen]:
        """All that are held of a log, the smallest first."""
        return list(self._read("WHERE origin = ? AND held = 1 ORDER BY size", origin))

    def told(self, origin: str) -> list[Seen]:
        """Those of a log that wait for a proof, the smallest first."""
        return list(self._read("WHERE origin = ? AND held = 0 ORDER BY size", origin))

    def newest_of_all(self) -> list[Seen]:
        """Of every log the newest one held, by origin."""
        return [
            found
            for (origin,) in self._rows("SELECT DISTINCT origin FROM xl_seen ORDER BY origin")
            if (found := self.newest(origin)) is not None
        ]

    def origins(self) -> list[str]:
        """The logs of which anything is known."""
        return [row[0] for row in self._rows("SELECT DISTINCT origin FROM xl_seen ORDER BY origin")]

    def split(self, view: SplitView) -> bool:
        """Keep a split view; False when it was known."""
        with self._store.transaction():
            return bool(
                self._store.execute(
                    "INSERT OR IGNORE INTO xl_views VALUES (?, ?, ?, ?)",
                    (view.origin, view.at, str(view.one), str(view.other)),
                )
            )

    def views(self) -> list[SplitView]:
        """All split views, by time."""
        rows = self._rows("SELECT origin, at, one, other FROM xl_views ORDER BY at")
        return [
            SplitView(origin, at, notes.read(one.encode()), notes.read(other.encode()))
            for origin, at, one, other in rows
        ]

    def _read(self, which: str, *values: object) -> Iterator[Seen]:
        for at, by, note in self._rows(f"SELECT at, by, note FROM xl_seen {which}", *values):  # noqa: S608
            yield Seen(at, by, notes.read(note.encode()))

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'xl_views'"
        return self._store.query(sql, values) if self._store.query(there)[0][0] else []
