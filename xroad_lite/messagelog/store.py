"""A node's one durable store (sqlite3): the log with its tree, and what must commit with it.

Does not decide anything: entries come in ready. Everything that belongs together (an entry, its
body, its outbox or inbox row, a handler's own SQL) is written in one transaction.

An attacker who owns this file can delete or withhold it, and rewrite what only this node signed;
she cannot forge other parties' seals, nor, once a checkpoint is signed elsewhere, change history
unseen.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from xroad_lite.envelope import Seal, certificate_digests
from xroad_lite.errors import LogError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import entries, guests, merkle
from xroad_lite.messagelog.tables import TABLES

_FORMAT = "1"
_BUSY_SECONDS = 30.0
_REMEMBERED_CERTIFICATES = 1000
_COUNT = (
    "INSERT INTO xl_counters VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)


class Store:
    """The open store. Safe for threads; ``transaction`` nests and joins the outer one."""

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        if readonly and not path.is_file():
            raise LogError("log.missing", f"there is no log at {path}", hint="start the node once")
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._owner: int | None = None
        """The thread that is inside the outermost transaction."""
        self._connection = self._open(readonly)
        self._size = self._count()
        self._scope, self._light_scope = _Scope(self, True), _Scope(self, False)
        self._durable = True
        self._pending: dict[str, tuple[str, list[Sequence[object]]]] = {}
        self._edge: dict[int, bytes] | None = None
        self._sequences: dict[tuple[str, str], int] = {}
        self._advanced: set[tuple[str, str]] = set()
        self._counted: dict[str, int] = {}
        self._certificates: set[bytes] = set()
        """Some that are in the table, or wait to be."""

    def _open(self, readonly: bool) -> sqlite3.Connection:
        mode = "ro" if readonly else "rwc"
        try:
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            if not readonly:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.executescript(TABLES)
                connection.execute("INSERT OR IGNORE INTO xl_meta VALUES ('format', ?)", (_FORMAT,))
            row = connection.execute("SELECT value FROM xl_meta WHERE name = 'format'").fetchone()
        except sqlite3.Error as error:
            raise LogError("log.store", f"cannot open the log {self.path}: {error}") from None
        if row is None or row[0] != _FORMAT:
            raise LogError("log.format", f"the log {self.path} is of format {row and row[0]}")
        return connection

    def _count(self) -> int:
        return int(self.peek("SELECT coalesce(max(idx) + 1, 0) FROM xl_entries")[0][0])

    @property
    def size(self) -> int:
        """How many entries the log has, those of the open transaction included."""
        return self._size

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """All or nothing; returning from the outermost one means it is on disk.

        ``LogError`` ``log.store`` when the disk refuses: then nothing of it is kept. Where losing
        it to a power cut (not to the death of the process) would only mean work done again, the
        outermost one may be not ``durable``, and does not wait for the disk.
        """
        return self._scope if durable else self._light_scope

    def _begin(self, *, durable: bool) -> None:
        """Open the outermost transaction, the lock being held."""
        try:
            self._synchronize(durable=durable)
            self._command("BEGIN IMMEDIATE")
            size = self._count()
            if size != self._size:  # an operator's command has appended
                self._size, self._edge = size, None
                self._sequences.clear()
        except BaseException:
            self._roll_back()
            raise

    def _synchronize(self, *, durable: bool) -> None:
        if durable is not self._durable:
            self._command(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _finish(self, *, commit: bool) -> None:
        try:
            if commit:
                self._flush()
                self._command("COMMIT")
                return
        except LogError:
            self._roll_back()
            raise
        self._roll_back()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread's caller is inside ``transaction``."""
        return self._owner == threading.get_ident()

    def _roll_back(self) -> None:
        self._pending.clear()
        self._certificates.clear()
        self._counted.clear()
        self._sequences.clear()
        self._advanced.clear()
        self._edge = None
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
            self._size = self._count()

    def insert(self, table: str, *row: object, verb: str = "INSERT") -> None:
        """Add a row, in the open transaction; rows of one table are written together."""
        pending = self._pending.get(table)
        if pending is None or not pending[0].startswith(verb + " INTO"):
            if pending is not None:
                self._flush()
            marks = ",".join("?" * len(row))
            pending = self._pending[table] = (f"{verb} INTO {table} VALUES ({marks})", [])
        pending[1].append(row)

    def waits(self, table: str) -> bool:
        """Whether rows of a table wait to be written in this transaction."""
        return table in self._pending

    def peek(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows, leaving aside what waits to be written: the caller knows of that itself."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise LogError("log.store", f"{self.path}: {error}") from None

    def _flush(self) -> None:
        """Write what waits, so that statements which follow see it."""
        if not (self._pending or self._counted or self._advanced):
            return
        pending, self._pending = self._pending, {}
        for sql, rows in pending.values():
            self._write(sql, rows)
        counted, self._counted = self._counted, {}
        if counted:
            self._write(_COUNT, list(counted.items()))
        advanced, self._advanced = self._advanced, set()
        if advanced:
            rows = [(*key, self._sequences[key]) for key in advanced]
            self._write("INSERT OR REPLACE INTO xl_sequences VALUES (?, ?, ?)", rows)

    def append(self, leaf: bytes) -> int:
        """Add an entry and its tree hashes; gives its index."""
        with self._scope:
            index = self._size
            edge = self._right_edge()
            one, level = merkle.leaf_hash(leaf), 0
            place = merkle.position(0, index)
            self.insert("xl_entries", index, leaf)
            self.insert("xl_hashes", place, one)
            while index >> level & 1:
                one = merkle.node_hash(edge[level], one)
                level += 1
                self.insert("xl_hashes", place + level, one)
            edge[level] = one
            self._size = index + 1
        return index

    def _right_edge(self) -> dict[int, bytes]:
        """The roots of the complete subtrees that the log now consists of, by level."""
        if self._edge is None:
            size = self._size
            self._edge = {
                level: self.read_hash(merkle.position(level, (size >> level) - 1))
                for level in range(size.bit_length())
                if size >> level & 1
            }
        return self._edge

    def append_message(
        self,
        leaf: bytes,
        opened: Seal,
        *,
        direction: str,
        salt: bytes,
        body: bytes,
        result: str | None = None,
        keep_until: float | None = None,
    ) -> int:
        """Add a message's entry with its certificates, its body, and the search columns."""
        attributes = opened.attributes
        with self._scope:
            index = self.append(leaf)
            for der in opened.chain:
                if der not in self._certificates:
                    self.insert("xl_certificates", thumbprint(der), der, verb="INSERT OR IGNORE")
                    if len(self._certificates) < _REMEMBERED_CERTIFICATES:
                        self._certificates.add(der)
            self.insert("xl_bodies", index, salt, body, keep_until)
            self.insert(
                "xl_messages",
                index,
                direction,
                attributes.id,
                attributes.source,
                attributes.recipient,
                attributes.type,
                attributes.subject,
                result,
            )
        return index

    def leaf(self, index: int) -> bytes:
        """The bytes of entry ``index``."""
        rows = self.query("SELECT leaf FROM xl_entries WHERE idx = ?", (index,))
        if not rows:
            raise LogError("log.no_entry", f"there is no entry {index}: the log has {self._size}")
        return bytes(rows[0][0])

    def entry(self, index: int) -> entries.Entry:
        """Entry ``index``, read."""
        return entries.read(self.leaf(index))

    def entries(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of every entry from ``first`` on, as of now."""
        end = self._count()
        for start in range(first, end, 1000):
            rows = self.query(
                "SELECT idx, leaf FROM xl_entries WHERE idx >= ? AND idx < ? ORDER BY idx",
                (start, min(start + 1000, end)),
            )
            yield from ((row[0], bytes(row[1])) for row in rows)

    def seal(self, index: int) -> bytes:
        """The seal of the message at ``index``, as it travelled."""
        entry = self.entry(index)
        if not entry.proven:
            raise LogError(
                "log.no_seal", f"entry {index} holds no seal, only a digest of what came"
            )
        return entry.seal(self.certificates(certificate_digests(entry.fields["header"])))

    def certificates(self, digests: Sequence[str] = ()) -> dict[str, bytes]:
        """Certificates that entries name, by digest; all of them when none is asked for."""
        if not digests:
            return dict(self.query("SELECT digest, der FROM xl_certificates"))
        found = "SELECT digest, der FROM xl_certificates WHERE digest = ?"
        return dict(row for one in digests for row in self.query(found, (one,)))

    def body(self, index: int) -> tuple[bytes, bytes] | None:
        """Salt and body of the message at ``index``; None when erased or never kept."""
        rows = self.query("SELECT salt, body FROM xl_bodies WHERE idx = ?", (index,))
        return (bytes(rows[0][0]), bytes(rows[0][1])) if rows else None

    def erase_expired(self, now: float, rule: str) -> int:
        """Erase the bodies whose time has come, and log that; gives how many."""
        with self._scope:
            due = "keep_until IS NOT NULL AND keep_until <= ? ORDER BY idx LIMIT 1000"
            rows = self.query(f"SELECT idx FROM xl_bodies WHERE {due}", (now,))  # noqa: S608
            indexes = [row[0] for row in rows]
            if indexes:
                self.many("DELETE FROM xl_bodies WHERE idx = ?", [(one,) for one in indexes])
                self.append(entries.erasure(now, indexes, rule))
        return len(indexes)

    def read_hash(self, position: int) -> bytes:
        """The tree hash at a position of ``merkle.position``."""
        rows = self.query("SELECT hash FROM xl_hashes WHERE position = ?", (position,))
        if not rows:
            raise LogError("log.tree", f"the tree hash {position} is missing")
        return bytes(rows[0][0])

    def root(self) -> bytes:
        """The tree's root over all entries."""
        return merkle.root(self._size, self.read_hash)

    def next_sequence(self, direction: str, peer: str) -> int:
        """The next number, from 1, for a peer."""
        key = (direction, peer)
        with self._scope:
            last = self._sequences.get(key)
            if last is None:
                last = self._last_sequence(key)
            self._sequences[key] = last + 1
            self._advanced.add(key)
        return last + 1

    def note_sequence(self, direction: str, peer: str, number: int) -> int:
        """Keep the highest number seen of a peer; gives how many are missing before this one.

        Negative when it fills a gap. The first of a peer has none before it.
        """
        key = (direction, peer)
        with self._scope:
            last = self._sequences.get(key) or self._last_sequence(key) or number - 1
            self._sequences[key] = max(last, number)
            self._advanced.add(key)
        return number - last - 1 if number > last else -1

    def _last_sequence(self, key: tuple[str, str]) -> int:
        sql = "SELECT last FROM xl_sequences WHERE direction = ? AND peer = ?"
        rows = self.query(sql, key, table="xl_sequences")
        return int(rows[0][0]) if rows else 0

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._scope:
            self._counted[name] = self._counted.get(name, 0) + by

    def counters(self) -> dict[str, int]:
        """All counters by name."""
        return dict(self.query("SELECT name, value FROM xl_counters"))

    def meta(self, name: str) -> str | None:
        """A small text kept under ``name``."""
        rows = self.query("SELECT value FROM xl_meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def set_meta(self, name: str, value: str) -> None:
        """Keep a small text."""
        self.execute("INSERT OR REPLACE INTO xl_meta VALUES (?, ?)", (name, value))

    def guest(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run an adapter's own statement in the open transaction; see ``guests.run``."""
        with self._lock:
            if not self._depth:
                raise RuntimeError("SQL runs inside a message's handler or node.transaction()")
            self._flush()
            try:
                return guests.run(self._connection, sql, values)
            except guests.DiskError as error:
                raise LogError("log.store", f"{self.path}: {error}") from None

    def query(
        self, sql: str, values: Sequence[object] = (), *, table: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows; ``LogError`` when the store cannot be read.

        What waits to be written is written first; where the statement reads one ``table`` alone,
        only if rows of that table wait.
        """
        with self._lock:
            if table is None or table in self._pending:
                self._flush()
            return self.peek(sql, values)

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """One writing statement; gives how many rows it changed."""
        with self._scope:
            self._flush()
            try:
                return self._connection.execute(sql, values).rowcount
            except sqlite3.Error as error:
                raise LogError("log.store", f"{self.path}: {error}") from None

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """One writing statement for many rows, in the open transaction."""
        self._flush()
        self._write(sql, rows)

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise LogError("log.store", f"{self.path}: {error}") from None

    def _command(self, sql: str) -> None:
        try:
            self._connection.execute(sql)
        except sqlite3.Error as error:
            raise LogError("log.store", f"{self.path}: {error}") from None

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._connection.close()


class _Scope:
    """A transaction as a block; one object serves all, since the store counts the depth."""

    __slots__ = ("_durable", "_store")

    def __init__(self, store: Store, durable: bool) -> None:
        self._store = store
        self._durable = durable

    def __enter__(self) -> None:
        store = self._store
        store._lock.acquire()
        if not store._depth:
            try:
                store._begin(durable=self._durable)
            except BaseException:
                store._lock.release()
                raise
            store._owner = threading.get_ident()
        store._depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        store = self._store
        try:
            if store._depth == 1:
                store._owner = None
                store._finish(commit=kind is None)
        finally:
            store._depth -= 1
            store._lock.release()
