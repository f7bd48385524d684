"""A durable transport for several processes on one machine, in one sqlite3 file.

Does not authenticate anybody: whoever can write the file can write any message, as on a hostile
broker. What is believed is sealed, so tests and the demo can attack here.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from xroad_lite.envelope import MAX_SEAL_BYTES, SALT_BYTES
from xroad_lite.errors import TransportError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.contract import Delivery, Outcome, Parcel

_TABLES = """
CREATE TABLE IF NOT EXISTS queues (
    recipient TEXT NOT NULL, lane TEXT NOT NULL, PRIMARY KEY (recipient, lane)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, lane TEXT NOT NULL,
    seal BLOB NOT NULL, salt BLOB NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_queue ON messages (recipient, lane, number);
"""
_SEND = "INSERT INTO messages (recipient, lane, seal, salt, body) VALUES (?, ?, ?, ?, ?)"
# What is too large is cut off just beyond the limit: check 1 sees that it is, memory does not.
# Of an empty blob, substr makes NULL. The rows are found before they are read: sorting copies none.
_RECEIVE = """
SELECT number, lane, ifnull(CAST(substr(seal, 1, ?) AS BLOB), x''),
       ifnull(CAST(substr(salt, 1, ?) AS BLOB), x''), ifnull(CAST(substr(body, 1, ?) AS BLOB), x'')
FROM messages WHERE number IN (
    SELECT number FROM messages WHERE recipient = ? AND lane IN ({marks}) AND number > ?
    ORDER BY number LIMIT ?)
ORDER BY number
"""
_ACKNOWLEDGE = "DELETE FROM messages WHERE number IN (SELECT value FROM json_each(?))"
_PAGE_BYTES = 16_384
"""A seal of 2 to 3 KB leaves little of these empty: a quarter less is written than with 4096."""
_BUSY_SECONDS = 30.0
_POLL_SECONDS = 0.01


class EmbeddedTransport:
    """The bus file as one subsystem sees it. ``TransportError`` when the file cannot be used."""

    def __init__(
        self,
        path: Path,
        me: SubsystemId | str,
        *,
        max_body: int,
        max_seal: int = MAX_SEAL_BYTES,
    ) -> None:
        self._me = str(me)
        self._max_body = max_body
        self._max_seal = max_seal
        self._lanes: list[str] = []
        self._given = 0
        self._outcomes: list[tuple[int, Outcome]] = []
        self._woken = threading.Event()
        self._path = path
        self._lock = threading.RLock()
        """One thread at a time: closing under another's statement would end the process."""
        self._connection = self._open()
        self._seen_version = -1

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new file
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise TransportError(
                "transport.unreachable",
                f"cannot use the bus file {self._path}: {error}",
                hint="give a file in a folder that all nodes may write",
            ) from None
        return connection

    def listen(self, lanes: Iterable[str]) -> None:
        """Declare this subsystem's queues; from now on messages for them are accepted."""
        self._lanes = sorted(set(lanes))
        rows = [(self._me, lane) for lane in self._lanes]
        with self._transaction() as bus:
            bus.executemany("INSERT OR IGNORE INTO queues VALUES (?, ?)", rows)
        self._given = 0
        self._seen_version = -1

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Write all parcels that have a queue in one durable transaction."""
        outcomes: list[tuple[int, Outcome]] = []
        rows: list[tuple[object, ...]] = []
        known: dict[tuple[str, str | None], list[str]] = {}
        with self._transaction() as bus:
            for parcel in parcels:
                route = (parcel.lane, parcel.recipient)
                if route not in known:
                    known[route] = self._queues(bus, *route)
                content = (parcel.lane, parcel.seal, parcel.salt, parcel.body)
                rows += [(queue, *content) for queue in known[route]]
                routed = known[route] or parcel.recipient is None
                outcomes.append((parcel.tag, Outcome.CONFIRMED if routed else Outcome.UNROUTABLE))
            bus.executemany(_SEND, rows)
        self._outcomes += outcomes

    @staticmethod
    def _queues(bus: sqlite3.Connection, lane: str, recipient: str | None) -> list[str]:
        where, values = "lane = ?", [lane]
        if recipient is not None:
            where, values = "lane = ? AND recipient = ?", [lane, recipient]
        rows = bus.execute(f"SELECT recipient FROM queues WHERE {where}", values)  # noqa: S608
        return [row[0] for row in rows]

    def outcomes(self) -> list[tuple[int, Outcome]]:
        """Outcomes are known as soon as ``send`` has committed."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def receive(self, limit: int) -> list[Delivery]:
        """The next messages of this subsystem's queues, in the order they were sent."""
        if not self._lanes:
            return []
        rows = self._execute(
            _RECEIVE.format(marks=",".join("?" * len(self._lanes))),
            (
                self._max_seal + 1,
                SALT_BYTES + 1,
                self._max_body + 1,
                self._me,
                *self._lanes,
                self._given,
                limit,
            ),
        )
        deliveries = [*map(Delivery._make, rows)]
        if deliveries:
            self._given = deliveries[-1].tag
        return deliveries

    def acknowledge(self, tags: Sequence[int]) -> None:
        """Remove these messages from the file.

        What a power cut brings back is received again, and known as a duplicate.
        """
        with self._transaction(durable=False) as bus:
            bus.execute(_ACKNOWLEDGE, (json.dumps(list(tags)),))

    def wait(self, timeout: float) -> None:
        """Poll until another connection has written to the file."""
        ends = time.monotonic() + timeout
        while time.monotonic() < ends and not self._woken.is_set():
            (version,) = self._execute("PRAGMA data_version")[0]
            if version != self._seen_version:
                self._seen_version = version
                break
            self._woken.wait(min(_POLL_SECONDS, max(0.0, ends - time.monotonic())))
        self._woken.clear()

    def wake(self) -> None:
        """End a ``wait`` in another thread."""
        if not self._woken.is_set():  # as for most of those who come at the same time
            self._woken.set()

    def status(self) -> dict[str, object]:
        """How many messages lie in this subsystem's queues."""
        rows = self._execute(
            "SELECT lane, count(*) FROM messages WHERE recipient = ? GROUP BY lane", (self._me,)
        )
        return {"connected": True, "detail": str(self._path), "queued": dict(rows)}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise TransportError("transport.unreachable", f"{self._path}: {error}") from None

    def _transaction(self, *, durable: bool = True) -> _Transaction:
        return _Transaction(self._connection, self._path, self._lock, durable)


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, with our errors; if it is not durable, not waiting for the disk."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, lock: threading.RLock, durable: bool
    ) -> None:
        self._connection = connection
        self._path = path
        self._lock = lock
        self._synchronous = "FULL" if durable else "NORMAL"

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._connection.execute(f"PRAGMA synchronous={self._synchronous}")
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._lock.release()
            raise TransportError("transport.unreachable", f"{self._path}: {error}") from None
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._end("COMMIT" if error is None else "ROLLBACK")
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise TransportError("transport.unreachable", f"{self._path}: {error}") from None

    def _end(self, command: str) -> None:
        try:
            self._connection.execute(command)
        except sqlite3.Error as failure:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise TransportError("transport.unreachable", f"{self._path}: {failure}") from None
