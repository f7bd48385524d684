"""The small store that is trusted, apart from the log: the last checkpoint, by compare-and-swap.

Whoever owns the log's file can rewrite it; whoever owns this one can only set it back, which the
other parties' checkpoints show. Does not sign or verify what it keeps.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xroad_lite.errors import LogError
from xroad_lite.messagelog.notes import MAX_NOTE_BYTES


class TrustedStore:
    """One file, of which every change names what it replaces."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._attempted: bytes | None = None
        """What a change that failed may have written all the same."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    def read(self) -> bytes | None:
        """What is kept, None if nothing was yet; ``LogError`` if it cannot be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_NOTE_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from None

    def swap(self, expected: bytes | None, new: bytes) -> None:
        """Replace ``expected`` by ``new``, durable on return.

        ``LogError`` ``log.forked`` if something else is kept: another process keeps a log under
        this identity. After ``log.trusted_store`` it is unknown which of the two is kept; the next
        change replaces either.
        """
        try:
            with self._alone():
                held = self.read()
                if held != expected and (held is None or held != self._attempted):
                    raise LogError(
                        "log.forked",
                        f"{self._path} was {'removed' if held is None else 'written by another'}: "
                        "two processes with one identity would make two logs",
                        hint="end the other one; a standby takes over the same storage, alone",
                    )
                self._attempted = new
                self._replace(new)
                self._attempted = None
        except OSError as error:
            raise self._failed("write", error) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            self._path.with_name(f".{self._path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, data: bytes) -> None:
        temporary = self._path.with_name(f".{self._path.name}.new")
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name, too, survives a power cut
        finally:
            os.close(folder)

    def _failed(self, what: str, error: OSError) -> LogError:
        return LogError(
            "log.trusted_store",
            f"cannot {what} the trusted store {self._path}: {error.strerror or error}",
            hint="give the node's user the right to it, and room on its disk",
        )
