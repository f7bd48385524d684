"""One sqlite3 file, opened: transactions that nest, and rows that are written together.

Does not know what the rows mean; ``Store`` does. Every failure of the disk is a ``LogError``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from threading import get_ident
from typing import Any, ClassVar

from xroad_lite.errors import LogError

_BUSY_SECONDS = 30.0
_PAGE_BYTES = 8192
"""Messages of 1 KB fill these well: the file is a sixth smaller than with 4096."""

_TOGETHER = 32
"""Rows of one statement: sqlite opens table and indexes once for all of them."""

_LONG_BYTES = 16_384

_Rows = list[Sequence[Any]]


class Database:
    """The open file. Safe for threads; ``transaction`` nests and joins the outer one."""

    _large: ClassVar[Mapping[str, int]] = {}
    """By table the column that may be long: many long rows are too much to be held twice."""

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._owner: int | None = None
        """The thread that is inside the outermost transaction."""
        self._scope, self._light_scope = _Scope(self, True), _Scope(self, False)
        self._durable = True
        self._pending: dict[str, tuple[str, _Rows]] = {}
        """What waits to be written, by table."""
        self._listeners: list[Callable[[bool], None]] = []
        """Who is told how the open transaction ended."""
        self._connection = self._open(readonly)

    def _open(self, readonly: bool) -> sqlite3.Connection:
        try:
            return self._connect("ro" if readonly else "rwc", readonly=readonly)
        except sqlite3.Error as error:
            if readonly and self._stands_still():
                with suppress(sqlite3.Error):
                    return self._connect("ro&immutable=1", readonly=True)
            raise LogError("log.store", f"cannot open the log {self.path}: {error}") from None

    def _stands_still(self) -> bool:
        """Whether nobody can be writing: on a disk that cannot be written, nothing left to read."""
        rest = self.path.with_name(f"{self.path.name}-wal")
        writable = os.access(self.path.parent, os.W_OK)
        return not writable and not (rest.exists() and rest.stat().st_size)

    def _connect(self, mode: str, *, readonly: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        if not readonly:
            connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new file
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")  # what is erased leaves no bytes
        self._prepare(connection, readonly=readonly)
        return connection

    def _prepare(self, connection: sqlite3.Connection, *, readonly: bool) -> None:
        """Make what is missing in the file, and look whether it is one of ours."""

    # transactions

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """All or nothing; returning from the outermost one means it is on disk.

        ``LogError`` ``log.store`` when the disk refuses: then nothing of it is kept. Where losing
        it to a power cut (not to the death of the process) would only mean work done again, the
        outermost one may be not ``durable``, and does not wait for the disk.
        """
        return self._scope if durable else self._light_scope

    @property
    def in_transaction(self) -> bool:
        """Whether this thread's caller is inside ``transaction``."""
        return self._owner == get_ident()

    def then(self, tell: Callable[[bool], None]) -> None:
        """Have ``tell`` called at the end of the open transaction, with whether it is kept.

        It is the first to know, whoever waits for the store, and must not use the store itself.
        """
        self._listeners.append(tell)

    def _begin(self, *, durable: bool) -> None:
        """Open the outermost transaction, the lock being held."""
        try:
            self._synchronize(durable=durable)
            self._command("BEGIN IMMEDIATE")
            self._begun()
        except BaseException:
            self._roll_back()
            raise

    def _finish(self, *, commit: bool) -> None:
        if not commit:
            self._roll_back()
            return
        try:
            self.flush()
            self._command("COMMIT")
        except LogError:
            self._roll_back()
            raise
        self._tell(kept=True)

    def _tell(self, *, kept: bool) -> None:
        listeners, self._listeners = self._listeners, []
        for tell in listeners:
            tell(kept)

    def _roll_back(self) -> None:
        self._pending.clear()
        self._forget()
        self._tell(kept=False)
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _begun(self) -> None:
        """A transaction is open: another process may have written since the last one."""

    def _forget(self) -> None:
        """A transaction was rolled back: what is remembered of it did not happen."""

    def _synchronize(self, *, durable: bool) -> None:
        if durable is not self._durable:
            self._command(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    # writing

    def insert(self, table: str, *row: object, verb: str = "INSERT") -> None:
        """Add a row, in the caller's transaction; rows of one table are written together."""
        if self._owner != get_ident():
            raise RuntimeError("rows are written in a transaction")
        pending = self._pending.get(table)
        if pending is None or pending[0] != verb:
            if pending is not None:
                self.flush()
            pending = self._pending[table] = (verb, [])
        pending[1].append(row)

    def flush(self) -> None:
        """Write what waits, so that statements which follow see it."""
        pending, self._pending = self._pending, {}
        for table, (verb, rows) in pending.items():
            long = table in self._large and _any_long(rows, self._large[table])
            end = 0 if long else len(rows) // _TOGETHER * _TOGETHER
            blocks = [
                [*chain.from_iterable(rows[at : at + _TOGETHER])] for at in range(0, end, _TOGETHER)
            ]
            if blocks:
                self._write(_insertion(verb, table, len(rows[0]), _TOGETHER), blocks)
            if end < len(rows):
                self._write(_insertion(verb, table, len(rows[0]), 1), rows[end:])

    def make(self, statements: Iterable[str]) -> None:
        """Make tables and indexes, all or none; each statement leaves alone what is there."""
        with self._scope:
            for sql in statements:
                self.execute(sql)

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """One writing statement; gives how many rows it changed."""
        with self._scope:
            self.flush()
            try:
                return self._connection.execute(sql, values).rowcount
            except sqlite3.Error as error:
                raise self._failed(error) from None

    def delete(self, table: str, indexes: Sequence[int]) -> None:
        """Take the rows with these ``idx`` away, by one statement."""
        rows = f"DELETE FROM {table} WHERE idx IN (SELECT value FROM json_each(?))"  # noqa: S608
        self.execute(rows, (json.dumps(indexes),))

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """One writing statement for many rows, in the open transaction."""
        self.flush()
        self._write(sql, rows)

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def _command(self, sql: str) -> None:
        try:
            self._connection.execute(sql)
        except sqlite3.Error as error:
            raise self._failed(error) from None

    # reading

    def query(
        self, sql: str, values: Sequence[object] = (), *, table: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows; ``LogError`` when the store cannot be read.

        What waits to be written is written first; where the statement reads one ``table`` alone,
        only if rows of that table wait.
        """
        with self._lock:
            if table is None or table in self._pending:
                self.flush()
            return self.peek(sql, values)

    def peek(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows, leaving aside what waits to be written: the caller knows of that itself."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from None

    @contextmanager
    def moment(self) -> Iterator[None]:
        """A block in which all reads see the file as it is at its beginning, whoever writes."""
        with self._lock:
            self._command("BEGIN")
            try:
                yield
            finally:
                self._command("ROLLBACK")

    def settle(self) -> None:
        """Move what was committed from the write-ahead log to the file, as far as readers let."""
        self.peek("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._connection.close()

    def _failed(self, error: Exception) -> LogError:
        return LogError("log.store", f"{self.path}: {error}")


def _any_long(rows: _Rows, column: int) -> bool:
    return any(type(row[column]) is bytes and len(row[column]) > _LONG_BYTES for row in rows)


@lru_cache(maxsize=256)
def _insertion(verb: str, table: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"{verb} INTO {table} VALUES {','.join([row] * rows)}"


class _Scope:
    """A transaction as a block; one object serves all, since the database counts the depth."""

    __slots__ = ("_database", "_durable")

    def __init__(self, database: Database, durable: bool) -> None:
        self._database = database
        self._durable = durable

    def __enter__(self) -> None:
        database, me = self._database, get_ident()
        if database._owner != me:
            database._lock.acquire()
            try:
                database._begin(durable=self._durable)
            except BaseException:
                database._lock.release()
                raise
            database._owner = me
        database._depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        database = self._database
        database._depth -= 1
        if not database._depth:
            database._owner = None
            try:
                database._finish(commit=kind is None)
            finally:
                database._lock.release()
