"""Members, services, schemas, vocabularies and agreements, published as numbered snapshots.

Does not decide: ``policy`` reads agreements, ``exchange`` asks who may sign.
"""

from __future__ import annotations

from xroad_lite.registry.client import RegistryClient, State, newest_root
from xroad_lite.registry.edition import Edition, Role
from xroad_lite.registry.folder import RegistryFolder
from xroad_lite.registry.known import KnownSnapshots
from xroad_lite.registry.models import Agreement, Instance, Member
from xroad_lite.registry.parties import Parties, Party
from xroad_lite.registry.pseudonyms import pseudonyms_of
from xroad_lite.registry.schemas import SchemaVersion
from xroad_lite.registry.snapshot import Snapshot
from xroad_lite.registry.source import read_source

__all__ = [
    "Agreement",
    "Edition",
    "Instance",
    "KnownSnapshots",
    "Member",
    "Parties",
    "Party",
    "RegistryClient",
    "RegistryFolder",
    "Role",
    "SchemaVersion",
    "Snapshot",
    "State",
    "newest_root",
    "pseudonyms_of",
    "read_source",
]
