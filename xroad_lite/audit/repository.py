"""A registry inside evidence, as others read a registry from a folder; does not write to it."""

from __future__ import annotations

from pathlib import Path

from xroad_lite.audit.opening import Registry
from xroad_lite.registry import RegistryFolder


class EvidenceRepository(RegistryFolder):
    """The registry files of a bundle."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(Path(), registry.anchor)
        self._registry = registry

    def read(self, path: str, limit: int, sha256: str | None = None) -> bytes:
        """See ``RegistryFolder``."""
        return self._registry.read(path, limit, sha256)
