"""A registry in a folder, as a TUF repository lies on a disk: a published one, or a node's mirror.

Does not sign. What is written is never overwritten but for ``metadata/timestamp.json``, and every
metadata file lies in ``archive/`` by its SHA-256 too, so an auditor finds the registry of any day.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from xroad_lite.errors import RegistryError
from xroad_lite.registry.lines import History, Roots
from xroad_lite.registry.metadata import (
    MAX_METADATA_BYTES,
    Head,
    archive_path,
    digest_of,
    load_snapshot,
    metadata_path,
    parse,
    verify,
)
from xroad_lite.registry.snapshot import Snapshot

TIMESTAMP = metadata_path("timestamp", None)


class RegistryFolder:
    """Reads and writes one repository; ``anchor`` is the root that is trusted, bytes of root.json.

    Without an anchor the folder's own first root is trusted: for whoever owns the folder.
    """

    def __init__(self, path: Path, anchor: bytes | None = None) -> None:
        self.path = path
        self._anchor = anchor

    def read(self, path: str, limit: int, sha256: str | None = None) -> bytes:
        """A file's bytes, at most ``limit``, of this SHA-256 (see ``metadata.Read``)."""
        try:
            with (self.path / path).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise RegistryError(
                "registry.out_of_reach",
                f"cannot read {self.path / path}: {error.strerror}",
                hint="make a registry with: xroad-lite registry init REGISTRY",
            ) from None
        check_bytes(path, data, limit, sha256)
        return data

    def write(self, path: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file whole, with its copy in the archive if it is metadata."""
        if path.startswith("metadata/"):
            self.write(archive_path(hashlib.sha256(data).hexdigest()), data, durable=durable)
        if path == TIMESTAMP or not self._has(path, data):
            _write(self.path / path, data, durable)

    def flush(self, paths: Iterable[str]) -> None:
        """Make files durable that were written without: many together cost little more than one."""
        for path in paths:
            descriptor = os.open(self.path / path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _has(self, path: str, data: bytes) -> bool:
        try:
            return (self.path / path).read_bytes() == data
        except OSError:
            return False

    @property
    def roots(self) -> Roots:
        """The line of roots from the anchor."""
        anchor = self._anchor
        if anchor is None:
            anchor = self.read(metadata_path("root", 1), MAX_METADATA_BYTES)
        return Roots(anchor, self.read)

    def timestamp(self) -> tuple[bytes, str, float]:
        """Bytes of the newest time stamp, the snapshot's SHA-256 (hex) in it, and its expiry."""
        from tuf.api.metadata import Timestamp

        data = self.read(TIMESTAMP, MAX_METADATA_BYTES)
        found = parse(Timestamp, data, "timestamp")
        root = self.roots.newest()[1]
        verify(root, "timestamp", found)
        sha256 = (found.signed.snapshot_meta.hashes or {}).get("sha256", "")
        expires = min(found.signed.expires, root.expires).timestamp()
        return data, sha256, expires

    def head(self, name: str | None = None) -> Head:
        """A snapshot.json by its name ``VERSION:DIGEST``; the newest, if none is named."""
        sha256 = self.timestamp()[1] if name is None else digest_of(name)
        return Head.read(self.read(archive_path(sha256), MAX_METADATA_BYTES, sha256))

    def newest(self) -> Snapshot:
        """The newest snapshot, verified; ``RegistryError`` if none was published."""
        return load_snapshot(self.head(), self.roots, self.read)

    def history(self, name: str | None = None) -> History:
        """A snapshot (the newest, if none is named) with all before it."""
        return History(self.head(name), self.read)

    def load(self, head: Head) -> Snapshot:
        """The snapshot of a head, verified."""
        return load_snapshot(head, self.roots, self.read)


def check_bytes(path: str, data: bytes | bytearray, limit: int, sha256: str | None) -> None:
    """Refuse a file that is longer than it may be, or not the one that was named."""
    if len(data) > limit:
        raise RegistryError("registry.endless_data", f"{path} has more than {limit} bytes")
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise RegistryError(
            "registry.file_changed", f"{path} is not the file whose SHA-256 is {sha256}"
        )


def _write(path: Path, data: bytes, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[-64:]}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)
