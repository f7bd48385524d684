"""Which files of a registry stand behind its snapshots: those that verifying them reads.

Does not sign or choose snapshots. The files are a TUF repository again, with no more in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xroad_lite import strict_json
from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryFolder
from xroad_lite.registry.lines import History, Roots
from xroad_lite.registry.metadata import (
    MAX_METADATA_BYTES,
    Head,
    archive_path,
    digest_of,
    load_snapshot,
)

ANCHOR = "root.json"
"""Beside the repository's own files: the root that the node trusted."""


@dataclass(slots=True)
class RegistryFiles:
    """The files found so far, by path in the repository; and what of it could not be had."""

    folder: RegistryFolder
    anchor: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def read(self, path: str, limit: int, sha256: str | None = None) -> bytes:
        """As the folder reads, and remembered (see ``metadata.Read``)."""
        data = self.folder.read(path, limit, sha256)
        self.files[path] = data
        return data

    def add(self, adopted: Iterable[str], named: Iterable[str]) -> None:
        """Add the snapshots that a log adopted and that its messages name.

        All heads between the newest and the oldest are taken too: each vouches for the one before.
        """
        self.files[ANCHOR] = self.anchor
        roots = Roots(self.anchor, self.read)
        histories = [self._history(name) for name in reversed(list(dict.fromkeys(adopted)))]
        for name in dict.fromkeys(named):
            try:
                head = self._find(name, [one for one in histories if one is not None])
                load_snapshot(head, roots, self.read)
            except RegistryError as error:
                self.missing.append(f"snapshot {name}: {error.message}")
        self._add_timestamps()

    def _history(self, name: str) -> History | None:
        try:
            return History(self._head(name), self.read)
        except RegistryError as error:
            self.missing.append(f"snapshot {name}: {error.message}")
            return None

    def _find(self, name: str, histories: list[History]) -> Head:
        for one in histories:
            found = one.find(name)
            if found is not None:
                return found
        return self._head(name)

    def _head(self, name: str) -> Head:
        sha256 = digest_of(name)
        return Head.read(self.read(archive_path(sha256), MAX_METADATA_BYTES, sha256))

    def _add_timestamps(self) -> None:
        """The time stamps of TUF that name one of the snapshots, from the archive."""
        heads = {hashlib.sha256(data).hexdigest() for data in self.files.values()}
        for file in sorted((self.folder.path / "archive").glob("*.json")):
            path = f"archive/{file.name}"
            if path not in self.files and set(_stamped(file.read_bytes())) & heads:
                self.read(path, MAX_METADATA_BYTES, file.stem)


def _stamped(data: bytes) -> Iterator[str]:
    """The SHA-256 of the snapshot in a timestamp.json; nothing of other metadata."""
    if b'"timestamp"' not in data or len(data) > 65_536:
        return
    try:
        signed = strict_json.loads(data)["signed"]
        if signed["_type"] == "timestamp":
            yield signed["meta"]["snapshot.json"]["hashes"]["sha256"]
    except (strict_json.StrictJSONError, KeyError, TypeError):
        return
