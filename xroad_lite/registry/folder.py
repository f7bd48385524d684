"""A published registry in a folder: every snapshot ever, by content; does not sign or trust.

``snapshots/<version>.json`` are the manifests, ``objects/<sha256>`` the files. Nothing is ever
overwritten, so an auditor finds the registry of any day. Signing (TUF) comes with its own issue;
here the file system's owner is trusted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import limit_of
from xroad_lite.registry.snapshot import MAX_MANIFEST_BYTES, Manifest, Snapshot


class RegistryFolder:
    """Reads and writes one published registry."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def versions(self) -> list[int]:
        """All versions that were published, ascending."""
        try:
            names = [one.stem for one in (self._path / "snapshots").iterdir()]
        except OSError as error:
            raise RegistryError(
                "registry.out_of_reach",
                f"cannot read the registry at {self._path}: {error.strerror}",
                hint="publish one with: xroad-lite registry publish SOURCE FOLDER",
            ) from None
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def manifest(self, version: int) -> Manifest:
        """The manifest of one version."""
        return Manifest.read(self._read(self._manifest_path(version), MAX_MANIFEST_BYTES))

    def load(self, version: int) -> Snapshot:
        """The snapshot of one version, every file verified."""
        manifest = self.manifest(version)
        files = {
            path: self._read(self._object_path(sha256), limit_of(path))
            for path, (_, sha256) in manifest.files.items()
        }
        return Snapshot(manifest, files)

    def newest(self) -> Snapshot:
        """The newest snapshot; ``RegistryError`` if none was published."""
        versions = self.versions()
        if not versions:
            raise RegistryError(
                "registry.empty",
                f"nothing is published at {self._path}",
                hint="publish with: xroad-lite registry publish SOURCE FOLDER",
            )
        return self.load(versions[-1])

    def publish(self, files: Mapping[str, bytes], *, published: float, expires: float) -> Snapshot:
        """Publish ``files`` as the next version, which must be fit to follow the last."""
        (self._path / "snapshots").mkdir(parents=True, exist_ok=True)
        (self._path / "objects").mkdir(exist_ok=True)
        versions = self.versions()
        version = versions[-1] + 1 if versions else 1
        data = Manifest.write(version, published, expires, files)
        snapshot = Snapshot(Manifest.read(data), files)
        if versions:
            snapshot.check_succeeds(self.load(versions[-1]))
        for content in files.values():
            _write_once(self._object_path(hashlib.sha256(content).hexdigest()), content)
        _write_once(self._manifest_path(version), data)
        return snapshot

    def _manifest_path(self, version: int) -> Path:
        return self._path / "snapshots" / f"{version}.json"

    def _object_path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise RegistryError("registry.manifest", f"{sha256!r:.80} is no SHA-256")
        return self._path / "objects" / sha256

    @staticmethod
    def _read(path: Path, limit: int) -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise RegistryError(
                "registry.out_of_reach", f"cannot read {path}: {error.strerror}"
            ) from None
        if len(data) > limit:
            raise RegistryError("registry.too_large", f"{path} has more than {limit} bytes")
        return data


def _write_once(path: Path, data: bytes) -> None:
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
