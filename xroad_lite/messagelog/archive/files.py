"""A segment's file (sqlite3): written once, then only read; does not know the log it came from.

A leaf lies there as it is, a body encrypted under a key made of its salt and its leaf. The salt
stays in the log: when it is erased there, the body is gone, in every copy of the file.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from xroad_lite.errors import LogError

_TABLES = """
CREATE TABLE segment (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL);
CREATE TABLE hashes (idx INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE bodies (idx INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE certificates (digest TEXT PRIMARY KEY, der BLOB NOT NULL) WITHOUT ROWID;
"""
_LABEL = b"xroad-lite archived body v1"
_NONCE = bytes(12)  # each key is used once
_CHUNK = 1 << 20


def sealed(salt: bytes, leaf: bytes, body: bytes) -> bytes:
    """A body as the archive keeps it (AES-256-GCM)."""
    return AESGCM(_key(salt, leaf)).encrypt(_NONCE, body, None)


def opened(salt: bytes, leaf: bytes, kept: bytes) -> bytes:
    """A body as it was; ``LogError`` if these are not its salt and leaf, or it was changed."""
    try:
        return AESGCM(_key(salt, leaf)).decrypt(_NONCE, kept, None)
    except InvalidTag:
        raise LogError("log.body", "an archived body does not open with its salt") from None


def _key(salt: bytes, leaf: bytes) -> bytes:
    return hashlib.sha256(_LABEL + salt + leaf).digest()


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A new file; at the end it is whole, on the disk and at its place, or there is none."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise LogError("log.archive", f"cannot write {path}: {error}") from None
    finally:
        connection.close()
    settle(part)
    part.replace(path)
    settle(path.parent)


def settle(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            found.update(part)
    return found.hexdigest()


class SegmentFile:
    """One file, open for reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise LogError(
                "log.archive_missing",
                f"there is no {path}, where a part of the log was moved",
                hint="bring the file back to its place: its SHA-256 is in: xroad-lite log archive",
            )
        self._connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def leaves(self, first: int, end: int) -> list[tuple[int, bytes]]:
        """Index and leaf of the entries from ``first`` up to ``end``."""
        return self._rows("SELECT idx, leaf FROM entries", first, end)

    def bodies(self, first: int, end: int) -> dict[int, bytes]:
        """The bodies of these entries as ``sealed`` made them, by index."""
        return dict(self._rows("SELECT idx, sealed FROM bodies", first, end))

    def _rows(self, sql: str, first: int, end: int) -> list[tuple[int, bytes]]:
        try:
            where = f"{sql} WHERE idx >= ? AND idx < ? ORDER BY idx"
            return self._connection.execute(where, (first, end)).fetchall()
        except sqlite3.Error as error:
            raise LogError("log.archive", f"{self.path}: {error}") from None

    def close(self) -> None:
        """Close it."""
        self._connection.close()
