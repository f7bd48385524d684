"""Publishes what no careful hand would: for tests of what nodes then refuse. Holds no test."""

from __future__ import annotations

from pathlib import Path

from xroad_lite.registry import RegistryFolder, Snapshot
from xroad_lite.stewardship import Repository, RoleKeys


class CarelessRepository(Repository):
    """Signs with the keys that it has, and looks at nothing before it publishes."""

    def _as_a_node_reads(self, head, ready):
        return Snapshot.draft({})


def publish_unchecked(folder: Path, keys: RoleKeys, documents: dict[str, bytes], now: float):
    """Publish documents as they are, whatever they hold."""
    repository = CarelessRepository(RegistryFolder(folder), keys, now=now)
    for name in repository.names() - {"root", "snapshot", "timestamp"}:
        own = {path: data for path, data in documents.items() if repository.owner(path) == name}
        repository.put(name, own)
    return repository.commit(afresh=True)
