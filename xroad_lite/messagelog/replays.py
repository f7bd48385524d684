"""Which entries of a log its running node is asked to show again; shows none itself.

A row is there only while somebody waits for what becomes of it: what is not taken in time is
forgotten, so that no message is shown again to a handler that was written later.
"""

from __future__ import annotations

from collections.abc import Iterable

from xroad_lite.messagelog.store import Store

_TABLE = (
    "CREATE TABLE IF NOT EXISTS xl_replays"
    " (idx INTEGER PRIMARY KEY, until REAL NOT NULL, result TEXT)"
)
SHOWN = "shown"
"""The result where the handler did not fail."""


class ReplayTable:
    """The entries asked for, each with the time until which somebody waits (Unix seconds)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self) -> None:
        """Make the table, if it is not there."""
        self._store.execute(_TABLE)

    def ask(self, entries: Iterable[int], now: float, until: float) -> bool:
        """Ask for these; False while others are waited for."""
        with self._store.transaction():
            if self._store.query("SELECT 1 FROM xl_replays WHERE until >= ? LIMIT 1", (now,)):
                return False
            self._store.execute("DELETE FROM xl_replays")
            rows = [(index, until) for index in entries]
            self._store.many("INSERT INTO xl_replays VALUES (?, ?, NULL)", rows)
        return True

    def wait(self, until: float) -> None:
        """Wait longer for what has no result yet."""
        self._store.execute("UPDATE xl_replays SET until = ?", (until,))

    def due(self, now: float, limit: int) -> list[int]:
        """The next entries to be shown, in the log's order."""
        sql = "SELECT idx FROM xl_replays WHERE result IS NULL AND until >= ? ORDER BY idx LIMIT ?"
        return [row[0] for row in self._store.query(sql, (now, limit))]

    def became(self, index: int, result: str) -> None:
        """Say what became of one: ``SHOWN``, or why not."""
        self._store.execute("UPDATE xl_replays SET result = ? WHERE idx = ?", (result, index))

    def results(self) -> dict[int, str]:
        """What became of those that were shown."""
        sql = "SELECT idx, result FROM xl_replays WHERE result IS NOT NULL"
        return dict(self._store.query(sql))

    def clear(self) -> None:
        """Nobody waits any more."""
        self._store.execute("DELETE FROM xl_replays")
