"""A registry being published: what is complete goes into a new snapshot, which nodes would take.

Does not check documents (``checking`` does) and does not read a source. A role is signed by
whoever holds its keys, one after the other and wherever they are (``staging``); the online keys
sign the snapshot and the time stamp.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xroad_lite import times
from xroad_lite.registry import Snapshot
from xroad_lite.registry.folder import TIMESTAMP
from xroad_lite.registry.lines import Roots
from xroad_lite.registry.metadata import (
    EXTENSION,
    INDEXES,
    Head,
    MetadataError,
    archive_path,
    load_snapshot,
    metadata_path,
    parse,
    read_target,
    verify,
)
from xroad_lite.registry.succession import check_succeeds
from xroad_lite.stewardship.roles import TOP
from xroad_lite.stewardship.staging import Staging

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of what was staged."""

    snapshot: Snapshot | None = None
    """The snapshot that was published; None if only a time stamp was, or nothing."""
    name: str = ""
    """The newest snapshot there is now."""
    staged: tuple[str, ...] = ()
    """Roles whose next version is not published yet."""
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Which of them lack signatures, and how many; the others wait for the online keys."""
    stamped: bool = False
    """Whether the online keys were at hand."""


class Repository(Staging):
    """The roles of one registry, and how they are published; see ``Staging`` for changes."""

    def commit(self, *, afresh: bool = False) -> Outcome:
        """Publish what is complete, under a new snapshot if anything changed, and a new time stamp.

        ``afresh`` asks for a new snapshot even if nothing changed.
        Without the online keys everything stays staged. ``RegistryError`` if nodes would refuse it.
        """
        self.folder.flush(self._written)  # before anything is signed over to nodes
        self._written.clear()
        self._pending = self._waiting()
        ready = {
            name: one.to_bytes() for name, one in self._staged.items() if name not in self._pending
        }
        snapshot, online = None, self._online()
        if online:
            if afresh or ready or self._head is None or self._due("snapshot"):
                snapshot = self._publish(ready)
            self._stamp()
        self.save()
        name = "" if self._head is None else self._head.name
        return Outcome(snapshot, name, self.staged, self._pending, online)

    def would_be(self) -> dict[str, bytes]:
        """The documents as they will be when everything staged is published."""
        documents: dict[str, bytes] = {}
        for name in ("targets", *self._delegated()):
            for part in (name, *self._bins(name)):
                for path, found in self.role(part).signed.targets.items():
                    if not path.startswith(INDEXES):
                        documents[path] = read_target(found, self.folder.read)
        return documents

    def _waiting(self) -> dict[str, str]:
        """What is staged and lacks signatures, and how many.

        The lead agency's role waits for a new one that documents move to: none is lost meanwhile.
        """
        self._pending = {}
        moving = [
            name
            for name, one in self._staged.items()
            if name not in self._roles and name in self._delegated() and one.signed.targets
        ]
        for name in moving:
            reason = self._unsigned(name, self._staged.get("targets"))
            if reason and "targets" in self._roles:
                self._pending |= {name: reason, "targets": f"waits for {name}"}
        for name in sorted(self._staged, key=lambda one: TOP.index(one) if one in TOP else 9):
            if name not in self._pending:
                reason = self._unsigned(name, self._in_force(self._delegator_name(name)))
                if reason:
                    self._pending[name] = reason
        return self._pending

    def _unsigned(self, name: str, delegator: Metadata[Any] | None) -> str:
        """Why a staged role is not valid under its delegator; empty if it is."""
        found = self._staged[name]
        if delegator is None:
            return f"waits for {self._delegator_name(name)}"
        try:
            verify(delegator.signed, name, found)
            if name == "root" and "root" in self._roles:  # old keys vouch for the new ones
                verify(self._roles["root"].signed, "root", found)
        except MetadataError as error:
            return error.message
        return ""

    def _in_force(self, name: str) -> Metadata[Any] | None:
        """A role as it is published when all that is complete now has been."""
        if name in self._staged and name not in self._pending:
            return self._staged[name]
        return self._roles.get(name)

    def _online(self) -> bool:
        root = self._in_force("root")
        return root is not None and all(
            self._keys.holds(role.keyids, role.threshold)
            for role in (root.signed.roles[name] for name in ("snapshot", "timestamp"))
        )

    def _publish(self, ready: Mapping[str, bytes]) -> Snapshot:
        """Sign the next snapshot.json, which binds every role, and write all that is new."""
        from tuf.api.metadata import MetaFile
        from tuf.api.metadata import Snapshot as SnapshotMetadata

        before = self._head
        said = {
            "published": times.to_text(self._now),
            "previous": None if before is None else before.name,
        }
        meta = {} if before is None else dict(before.metadata.signed.meta)
        for name, data in ready.items():
            version = self._staged[name].signed.version
            meta[f"{name}.json"] = MetaFile.from_data(version, data, ["sha256"])
        version = 1 if before is None else before.version + 1
        expires = self._expiry("snapshot")
        signed = SnapshotMetadata(version, None, expires, meta, {EXTENSION: said})
        head = Head.read(self._signed_online("snapshot", signed))
        snapshot = self._as_a_node_reads(head, ready)
        for name, data in ready.items():
            found = self._roles[name] = self._staged.pop(name)
            self.folder.write(metadata_path(name, found.signed.version), data)
        self.folder.write(metadata_path("snapshot", version), head.data)
        self._head, self._roles["snapshot"] = head, head.metadata
        return snapshot

    def _stamp(self) -> None:
        from tuf.api.metadata import MetaFile, Timestamp

        before, head = self._roles.get("timestamp"), self._head
        assert head is not None
        version = 1 if before is None else before.signed.version + 1
        meta = MetaFile.from_data(head.version, head.data, ["sha256"])
        signed = Timestamp(version, None, self._expiry("timestamp"), meta)
        data = self._signed_online("timestamp", signed)
        self._roles["timestamp"] = parse(Timestamp, data, "timestamp")
        self.folder.write(TIMESTAMP, data)

    def _signed_online(self, name: str, signed: Any) -> bytes:
        from tuf.api.metadata import Metadata

        metadata: Metadata[Any] = Metadata(signed)
        root = self._in_force("root")
        assert root is not None
        self._keys.sign(metadata, root.signed.roles[name].keyids)
        return metadata.to_bytes()

    def _as_a_node_reads(self, head: Head, ready: Mapping[str, bytes]) -> Snapshot:
        """Verify what is about to be published exactly as nodes will."""
        fresh = {archive_path(hashlib.sha256(data).hexdigest()): data for data in ready.values()}
        if "root" in ready:
            fresh[metadata_path("root", head.root)] = ready["root"]

        def read(path: str, limit: int, sha256: str | None) -> bytes:
            return fresh[path] if path in fresh else self.folder.read(path, limit, sha256)

        root = self._roles.get("root")
        anchor = ready["root"] if root is None else self.folder.roots.newest()[0]
        snapshot = load_snapshot(head, Roots(anchor, read), read)
        if snapshot.paths:  # a registry that was just made has no documents
            snapshot.read()
        if self._head is not None:
            known = snapshot.by_digest

            def shared(path: str, limit: int, sha256: str | None) -> bytes:
                data = known.get(sha256 or "")
                return self.folder.read(path, limit, sha256) if data is None else data

            before = load_snapshot(self._head, Roots(anchor, shared), shared, like=snapshot)
            check_succeeds(snapshot, before)
        return snapshot
