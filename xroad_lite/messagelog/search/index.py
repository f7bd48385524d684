"""The search index of a log, a file beside it: made of the entries, behind them by what came since.

Costs an append nothing: whoever searches brings it up to date first. It may be removed at any time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.store import Store

FORMAT = "1"
SENT = "sent"
"""The verdict of what went out; of what came in it is the checks'."""
_AT_ONCE = 20_000
_MANY = 50_000
"""New entries beyond which the indexes are made anew instead of grown."""
_BUSY_SECONDS = 60.0
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS kinds (
    month TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (month, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    idx INTEGER PRIMARY KEY, at REAL NOT NULL, direction TEXT NOT NULL, id TEXT, type INTEGER,
    source INTEGER, recipient INTEGER, peer INTEGER, subject TEXT, verdict TEXT NOT NULL,
    code TEXT, ended TEXT);
"""
_INDEXES = {
    "by_id": "(id) WHERE id IS NOT NULL",
    "by_time": "(at)",
    "by_type": "(type, at)",
    "by_peer": "(peer, at)",
    "by_subject": "(subject, at) WHERE subject IS NOT NULL",
    "by_verdict": "(verdict, at)",
    "by_code": "(code, at) WHERE code IS NOT NULL",
    "by_end": "(ended, at) WHERE ended IS NOT NULL",
}
_MESSAGE = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COUNT = (
    "INSERT INTO kinds VALUES (?, ?, ?, ?) ON CONFLICT (month, kind)"
    " DO UPDATE SET count = count + excluded.count, bytes = bytes + excluded.bytes"
)

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _Batch:
    """What some entries add to the index."""

    messages: list[tuple[object, ...]] = field(default_factory=list)
    ended: list[tuple[str, int]] = field(default_factory=list)
    kinds: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def count(self, entry_time: str, kind: str, size: int) -> None:
        """One entry more of its month and kind."""
        counted = self.kinds.setdefault((entry_time[:7], kind), [0, 0])
        counted[0] += 1
        counted[1] += size


class Index:
    """An open index that is up to date with its log."""

    def __init__(self, store: Store, progress: Progress | None = None) -> None:
        self._store = store
        self._names: dict[str, int] = {}
        self._connection, self._file = _opened(store.path)
        try:
            self._catch_up(progress or (lambda *_: None))
        except sqlite3.DatabaseError:  # it is only derived: make it anew
            self._remove()
            self._connection, self._file = _opened(store.path)
            self._catch_up(progress or (lambda *_: None))

    @classmethod
    def of(cls, store: Store, progress: Progress | None = None) -> Self:
        """The index of a log; ``LogError`` if it cannot be made."""
        try:
            return cls(store, progress)
        except sqlite3.Error as error:
            raise LogError("log.search", f"cannot make a search index: {error}") from None

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of the index."""
        return self._connection.execute(sql, values).fetchall()

    def meta(self, name: str) -> str | None:
        """A text kept under a name."""
        rows = self.query("SELECT value FROM meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _remove(self) -> None:
        self._connection.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        self._names.clear()

    def _catch_up(self, progress: Progress) -> None:
        size = self._store.size
        while (end := self._step(size)) is not None:
            progress(end, size)

    def _step(self, size: int) -> int | None:
        """Take in some entries in one transaction, or end with the indexes; None when done."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")  # another search may be at it
        first = self._indexed()
        if first >= size:
            for name, columns in _INDEXES.items():
                execute(f"CREATE INDEX IF NOT EXISTS {name} ON messages {columns}")
            execute("COMMIT")
            return None
        if size - first > _MANY:
            for name in _INDEXES:
                execute(f"DROP INDEX IF EXISTS {name}")
        self._names = dict(self.query("SELECT name, number FROM names"))
        end = min(first + _AT_ONCE, size)
        self._write(self._batch(first, end), end)
        execute("PRAGMA analysis_limit=1000")
        execute("ANALYZE")
        execute("COMMIT")
        return end

    def _indexed(self) -> int:
        """How many entries are in it; none, and it is emptied, if it is not of this log."""
        size, root = int(self.meta("size") or 0), self.meta("root")
        good = self.meta("format") == FORMAT and size <= self._store.size
        if good and merkle.root(size, self._store.read_hash).hex() == root:
            return size
        for table in ("meta", "names", "kinds", "messages"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
        self._connection.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
        return 0

    def _write(self, batch: _Batch, size: int) -> None:
        write = self._connection.executemany
        write(_MESSAGE, batch.messages)
        write("UPDATE messages SET ended = ? WHERE idx = ?", batch.ended)
        write(_COUNT, [(*key, *counted) for key, counted in batch.kinds.items()])
        root = merkle.root(size, self._store.read_hash).hex()
        told = {"size": str(size), "root": root}
        write("INSERT OR REPLACE INTO meta VALUES (?, ?)", told.items())

    def _batch(self, first: int, end: int) -> _Batch:
        batch = _Batch()
        for start in range(first, end, 1000):
            for index, leaf in self._store.leaves(start, min(start + 1000, end)):
                try:
                    self._take(index, entries.read(leaf), len(leaf), batch)
                except XRoadError:  # what cannot be read is for fsck to name
                    batch.count("?", "?", len(leaf))
        return batch

    def _take(self, index: int, entry: entries.Entry, size: int, batch: _Batch) -> None:
        fields = entry.fields
        batch.count(fields["time"], entry.kind, size)
        if entry.kind == "outcome":
            batch.ended.append((fields["outcome"], fields["entry"]))
        elif entry.kind == "message":
            batch.messages.append(self._row(index, entry))

    def _row(self, index: int, entry: entries.Entry) -> tuple[object, ...]:
        sealed, direction = entry.attributes(), entry.fields["direction"]
        source, recipient = sealed.get("source"), sealed.get("recipient")
        peer, me = (source, recipient) if direction == entries.IN else (recipient, source)
        verdict = entry.fields.get("verdict") or {"outcome": SENT}
        if me is not None and "me" not in self._names:
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('me', ?)", (me,))
            self._names["me"] = 0  # no identifier is so short
        return (
            index,
            entry.at,
            direction,
            sealed.get("id"),
            self._name(sealed.get("type")),
            self._name(source),
            self._name(recipient),
            self._name(peer),
            sealed.get("subject"),
            verdict["outcome"],
            verdict.get("code"),
            None,
        )

    def _name(self, name: str | None) -> int | None:
        if name is None:
            return None
        number = self._names.get(name)
        if number is None:
            sql = "INSERT INTO names (name) VALUES (?) RETURNING number"
            number = self._names[name] = int(self._connection.execute(sql, (name,)).fetchone()[0])
        return number


def _opened(log: Path) -> tuple[sqlite3.Connection, Path | None]:
    """The file beside the log; where none can be written, one that is gone when closed."""
    file = log.with_name(f"{log.name}-search")
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, log.stat().st_mode & 0o777))
        return _prepared(_connected(file)), file
    except OSError:
        return _prepared(_connected("")), None
    except sqlite3.DatabaseError:
        file.unlink(missing_ok=True)
        return _prepared(_connected(file)), file


def _connected(file: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA synchronous=OFF")
    connection.executescript(_TABLES)
    return connection
