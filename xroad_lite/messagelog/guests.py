"""Runs an adapter's own SQL in a node's store; does not open a transaction.

Its tables live beside ours and commit with them; ours (``xl_…``), transactions, PRAGMA and ATTACH
are out of its reach.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Any

_ROLLBACK = re.compile(r"\brollback\b", re.IGNORECASE)
_HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_DISK = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CORRUPT,
}
"""What the disk does, and no statement is to blame for."""
_FORBIDDEN = {
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
}


class DiskError(Exception):
    """The disk failed, and no statement is to blame."""


def run(
    connection: sqlite3.Connection, sql: str, values: Sequence[object]
) -> list[tuple[Any, ...]]:
    """Rows of one statement. ``RuntimeError`` for what is out of reach, ``sqlite3.Error`` for what
    is the statement's own, ``DiskError`` for the disk's."""
    if _ROLLBACK.search(sql):  # as a conflict clause or in a trigger: no authorizer sees it
        raise RuntimeError(f"ROLLBACK would undo more than the adapter's own: {sql:.200}")
    connection.set_authorizer(_may)
    try:
        return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _DISK:
            raise DiskError(str(error)) from None
        raise
    except sqlite3.DatabaseError as error:
        if "prohibited" in str(error) or "not authorized" in str(error):
            raise RuntimeError(
                f"this statement reaches beyond the adapter's own tables: {sql:.200}"
            ) from None
        raise
    finally:
        connection.set_authorizer(None)


def _may(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action in _FORBIDDEN:
        return sqlite3.SQLITE_DENY
    if action not in _HARMLESS and any(_ours(name) for name in (first, second)):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _ours(name: str | None) -> bool:
    return name is not None and name.lower().startswith("xl_")
