"""The checkpoints that a log has signed of itself, kept in its store; does not sign or prove them.

To read them from a log: ``CheckpointTable(store).newest()``, ``.at(size)`` or ``.all()`` give
``Kept`` values whose ``note`` is a C2SP signed note, with the witnesses' cosignatures in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xroad_lite.messagelog import notes
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note, Signature
from xroad_lite.messagelog.store import Store

_TABLES = (
    "CREATE TABLE IF NOT EXISTS xl_checkpoints (size INTEGER PRIMARY KEY, at REAL NOT NULL,"
    " note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS xl_cosignatures (size INTEGER NOT NULL, line TEXT NOT NULL,"
    " PRIMARY KEY (size, line)) WITHOUT ROWID",
)
_KEPT_SECONDS = 7 * 86_400.0
"""Those that no witness cosigned are forgotten after this: each newer one says all they said."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One checkpoint: Unix time at which it was signed, and the note."""

    at: float
    note: Note

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says, unverified."""
        return Checkpoint.read(self.note)


class CheckpointTable:
    """The checkpoints of an open store; of one that is read only and has none, nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self) -> None:
        """Make the tables, if they are not there."""
        self._store.make(_TABLES)

    def add(self, note: Note, at: float) -> None:
        """Keep a checkpoint, and forget old ones that nobody cosigned.

        Losing it to a power cut loses nothing: the trusted store has the last one.
        """
        with self._store.transaction(durable=False):
            size = Checkpoint.read(note).size
            self._store.execute(
                "INSERT OR REPLACE INTO xl_checkpoints VALUES (?, ?, ?)", (size, at, str(note))
            )
            self._store.execute(
                "DELETE FROM xl_checkpoints WHERE at < ? AND size <> ?"
                " AND size NOT IN (SELECT size FROM xl_cosignatures)",
                (at - _KEPT_SECONDS, size),
            )

    def cosign(self, size: int, lines: Iterable[Signature]) -> None:
        """Keep what witnesses added to the checkpoint of a size."""
        with self._store.transaction():
            for one in lines:
                self._store.execute(
                    "INSERT OR IGNORE INTO xl_cosignatures VALUES (?, ?)", (size, str(one))
                )

    def last_by(self, witness: str) -> tuple[int, Signature] | None:
        """The largest size that a witness cosigned, and its line."""
        start = f"— {witness} "
        rows = self._store.query(
            "SELECT size, line FROM xl_cosignatures WHERE substr(line, 1, ?) = ?"
            " ORDER BY size DESC LIMIT 1",
            (len(start), start),
        )
        return (rows[0][0], notes.read_line(rows[0][1])) if rows else None

    def forget_beyond(self, size: int) -> None:
        """Forget those of more entries, of a log that has lost them."""
        with self._store.transaction():
            self._store.execute("DELETE FROM xl_checkpoints WHERE size > ?", (size,))
            self._store.execute("DELETE FROM xl_cosignatures WHERE size > ?", (size,))

    def newest(self) -> Kept | None:
        """The one over most entries."""
        return next(self._read("ORDER BY size DESC LIMIT 1"), None)

    def newest_ones(self, count: int) -> list[Kept]:
        """So many of those over most entries, the smallest first."""
        return list(self._read("ORDER BY size DESC LIMIT ?", count))[::-1]

    def at(self, size: int) -> Kept | None:
        """The one of exactly this size."""
        return next(self._read("WHERE size = ?", size), None)

    def all(self) -> Iterator[Kept]:
        """All of them, the smallest first."""
        return self._read("ORDER BY size")

    def _read(self, which: str, *values: object) -> Iterator[Kept]:
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'xl_checkpoints'"
        if not self._store.query(there)[0][0]:
            return
        sql = f"SELECT size, at, note FROM xl_checkpoints {which}"  # noqa: S608
        for size, at, text in self._store.query(sql, values):
            lines = self._store.query("SELECT line FROM xl_cosignatures WHERE size = ?", (size,))
            whole = str(text) + "".join(str(line) for (line,) in lines)
            yield Kept(float(at), notes.read(whole.encode()))
