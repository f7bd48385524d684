"""A node's one durable store (sqlite3): the log with its tree, and what must commit with it.

Does not decide anything: entries come in ready. Everything that belongs together (an entry, its
body, its outbox or inbox row, a handler's own SQL) is written in one transaction.

An attacker who owns this file can delete or withhold it, and rewrite what only this node signed;
she cannot forge other parties' seals, nor, once a checkpoint is signed elsewhere, change history
unseen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from xroad_lite.envelope import Seal, certificate_digests
from xroad_lite.errors import LogError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import entries, guests, merkle
from xroad_lite.messagelog.archive.reading import Archive
from xroad_lite.messagelog.archive.segments import segments
from xroad_lite.messagelog.database import Database
from xroad_lite.messagelog.tables import TABLES

_FORMAT = "2"
_REMEMBERED_CERTIFICATES = 1000
_AT_ONCE = 1000
"""Entries that are read together."""
_SIZE = (  # the hashes alone when all entries lie in the archive
    "SELECT max(coalesce((SELECT max(idx) FROM xl_entries), -1),"
    " coalesce((SELECT max(idx) FROM xl_hashes), -1)) + 1"
)
_HASH = "SELECT substr(hashes, ?, 32) FROM xl_hashes WHERE idx = ?"
_COUNT = (
    "INSERT INTO xl_counters VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)


class Store(Database):
    """The open store. Safe for threads; ``transaction`` nests and joins the outer one."""

    _large: ClassVar = {"xl_bodies": 2, "xl_undecided": 5}

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        if readonly and not path.is_file():
            raise LogError("log.missing", f"there is no log at {path}", hint="start the node once")
        self._edge: merkle.Edge | None = None
        self._sequences: dict[tuple[str, str], int] = {}
        self._advanced: set[tuple[str, str]] = set()
        self._counted: dict[str, int] = {}
        self._certificates: set[bytes] = set()
        """Some that are in the table, or wait to be."""
        self._archive = Archive(path.parent, lambda: segments(self))
        super().__init__(path, readonly=readonly)
        self._size = self._count()

    def _prepare(self, connection: sqlite3.Connection, *, readonly: bool) -> None:
        if not readonly:
            connection.executescript(TABLES)
            connection.execute("INSERT OR IGNORE INTO xl_meta VALUES ('format', ?)", (_FORMAT,))
        row = connection.execute("SELECT value FROM xl_meta WHERE name = 'format'").fetchone()
        if row is None or row[0] != _FORMAT:
            raise LogError(
                "log.format",
                f"the log {self.path} is of format {row and row[0]}: this version has {_FORMAT}",
                hint="read it with the version that wrote it; let the node begin a log of its own",
            )

    def _count(self) -> int:
        return int(self.peek(_SIZE)[0][0])

    @property
    def size(self) -> int:
        """How many entries the log has, those of the open transaction included."""
        return self._size

    def _begun(self) -> None:
        size = self._count()
        if size != self._size:  # an operator's command has appended
            self._size, self._edge = size, None
            self._sequences.clear()

    def _forget(self) -> None:
        self._certificates.clear()
        self._counted.clear()
        self._sequences.clear()
        self._advanced.clear()
        self._edge = None

    def _roll_back(self) -> None:
        super()._roll_back()
        with suppress(LogError):  # what cannot be read now is counted when the next one begins
            self._size = self._count()

    def flush(self) -> None:
        """Write what waits, so that statements which follow see it."""
        super().flush()
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
            return self._add(leaf)

    def _add(self, leaf: bytes) -> int:
        index = self._size
        if self._edge is None:
            self._edge = merkle.Edge.read(index, self.read_hash)
        self.insert("xl_entries", index, leaf)
        self.insert("xl_hashes", index, b"".join(self._edge.add(merkle.leaf_hash(leaf))))
        self._size = index + 1
        return index

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
        sealed = opened.attributes
        with self._scope:
            index = self._add(leaf)
            self._keep_certificates(opened.chain)
            self.insert("xl_bodies", index, salt, body, keep_until)
            self.insert(
                "xl_messages",
                index,
                direction,
                sealed.id,
                sealed.source,
                sealed.recipient,
                sealed.type,
                sealed.subject,
                sealed.inreplyto,
                result,
            )
        return index

    def _keep_certificates(self, chain: Sequence[bytes]) -> None:
        for der in chain:
            if der not in self._certificates:
                self.insert("xl_certificates", thumbprint(der), der, verb="INSERT OR IGNORE")
                if len(self._certificates) < _REMEMBERED_CERTIFICATES:
                    self._certificates.add(der)

    def leaf(self, index: int) -> bytes:
        """The bytes of entry ``index``."""
        found = self.leaves(index, index + 1)
        if not found:
            raise LogError("log.no_entry", f"there is no entry {index}: the log has {self._size}")
        return found[0][1]

    def leaves(self, first: int, end: int) -> list[tuple[int, bytes]]:
        """Index and bytes of the entries from ``first`` up to ``end``, wherever they lie."""
        rows = self.query(
            "SELECT idx, leaf FROM xl_entries WHERE idx >= ? AND idx < ? ORDER BY idx", (first, end)
        )
        if len(rows) == end - first:
            return rows
        return sorted({**dict(self._archive.leaves(first, end)), **dict(rows)}.items())

    def entry(self, index: int) -> entries.Entry:
        """Entry ``index``, read."""
        return entries.read(self.leaf(index))

    def entries(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of every entry from ``first`` on, as of now."""
        end = self._count()
        for start in range(first, end, _AT_ONCE):
            yield from self.leaves(start, min(start + _AT_ONCE, end))

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
        """Salt and body of the message at ``index``; None when erased or never kept.

        Whoever empties its row in ``xl_bodies`` erases it (``Retention``), from the archive too.
        """
        rows = self.query("SELECT salt, body FROM xl_bodies WHERE idx = ?", (index,))
        if not rows or not rows[0][0]:
            return None
        salt, body = rows[0]
        archived = None if body or self._is_here(index) else self._archive.body(index, salt)
        return salt, body if archived is None else archived

    def _is_here(self, index: int) -> bool:
        return bool(self.query("SELECT 1 FROM xl_entries WHERE idx = ?", (index,)))

    def read_hash(self, position: int) -> bytes:
        """The tree hash at a position of ``merkle.position``."""
        index, level = merkle.completing(position)
        rows = self.query(_HASH, (32 * level + 1, index), table="xl_hashes")
        if not rows or len(rows[0][0]) != 32:
            raise LogError("log.tree", f"the tree hash {position} is missing")
        return bytes(rows[0][0])

    def hashes(self, index: int) -> list[bytes]:
        """The hash of entry ``index``, then those of the subtrees that it completes, if stored."""
        rows = self.query("SELECT hashes FROM xl_hashes WHERE idx = ?", (index,))
        return split_hashes(rows[0][0]) if rows else []

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

    def unused_sequence(self, direction: str, peer: str, number: int) -> None:
        """Give back the last number that ``next_sequence`` gave: nothing was sealed with it."""
        with self._scope:
            self._sequences[(direction, peer)] = number - 1

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
            self.flush()
            try:
                return guests.run(self._connection, sql, values)
            except guests.DiskError as error:
                raise LogError("log.store", f"{self.path}: {error}") from None

    def close(self) -> None:
        """Close the files; what was committed stays."""
        self._archive.close()
        super().close()


def split_hashes(row: bytes) -> list[bytes]:
    """The hashes that one row of ``xl_hashes`` holds."""
    return [row[at : at + 32] for at in range(0, len(row), 32)]
