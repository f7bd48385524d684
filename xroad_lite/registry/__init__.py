"""Members, services, schemas, vocabularies and agreements, published as numbered snapshots.

Does not decide: ``policy`` reads agreements, ``exchange`` asks who may sign.
"""

from __future__ import annotations

from xroad_lite.registry.folder import RegistryFolder, read_source
from xroad_lite.registry.known import KnownSnapshots
from xroad_lite.registry.models import Agreement, Instance, Member
from xroad_lite.registry.snapshot import Manifest, Party, SchemaVersion, Snapshot

__all__ = [
    "Agreement",
    "Instance",
    "KnownSnapshots",
    "Manifest",
    "Member",
    "Party",
    "RegistryFolder",
    "SchemaVersion",
    "Snapshot",
    "read_source",
]
