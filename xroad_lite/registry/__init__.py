"""Members, services, schemas, vocabularies and agreements, published as numbered snapshots.

Does not decide: ``policy`` reads agreements, ``exchange`` asks who may sign.
"""

from __future__ import annotations

from xroad_lite.registry.folder import RegistryFolder
from xroad_lite.registry.known import KnownSnapshots
from xroad_lite.registry.models import Agreement, Instance, Member
from xroad_lite.registry.parties import Parties, Party
from xroad_lite.registry.snapshot import Manifest, SchemaVersion, Snapshot
from xroad_lite.registry.source import read_source

__all__ = [
    "Agreement",
    "Instance",
    "KnownSnapshots",
    "Manifest",
    "Member",
    "Parties",
    "Party",
    "RegistryFolder",
    "SchemaVersion",
    "Snapshot",
    "read_source",
]
