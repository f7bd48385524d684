"""A registry being signed: the next version of each role, staged until enough keys have signed it.

Does not check documents (``cross_checks`` do) and does not read a source. A role is signed by
whoever holds its keys, one after the other and wherever they are; what is complete goes into a new
snapshot, which the online keys sign; and it is published only if a node would take it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xroad_lite import strict_json, times
from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryFolder, Snapshot
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.edition import covers
from xroad_lite.registry.folder import TIMESTAMP
from xroad_lite.registry.metadata import (
    EXTENSION,
    INDEXES,
    MAX_METADATA_BYTES,
    Head,
    MetadataError,
    Roots,
    archive_path,
    load_snapshot,
    metadata_path,
    parse,
    read_target,
    target_path,
    verify,
)
from xroad_lite.registry.models import Instance, Lives
from xroad_lite.stewardship.signing import RoleKeys

if TYPE_CHECKING:
    from securesystemslib.signer import Key
    from tuf.api.metadata import Metadata, Root, Targets

INSTANCE = "instance.yaml"
TOP = ("root", "targets", "snapshot", "timestamp")
PARTIES = {"members": ("members/*", "groups/*"), "agreements": ("agreements/*",)}
"""The lead agency's own delegated roles: they grow, so they have roles, and bins, of their own."""
_DOMAIN = ("schemas/{0}/*/*", "vocabularies/{0}.ttl", "vocabularies/mappings/{0}--*")
BIN_FILES = 1000
"""How many files one metadata file should list: beyond it a role is divided into bins."""
_STAGED = "staged"


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


class Repository:
    """The roles of one registry, for whoever holds some of its keys; ``now`` is Unix seconds."""

    def __init__(
        self,
        folder: RegistryFolder,
        keys: RoleKeys,
        *,
        now: float,
        lives: Lives | None = None,
    ) -> None:
        self.folder = folder
        self._keys = keys
        self._now = now
        self._roles: dict[str, Metadata[Any]] = {}
        self._head: Head | None = None
        self._staged: dict[str, Metadata[Any]] = {}
        self._pending: dict[str, str] = {}
        self._written: list[str] = []
        self._read_published()
        self._read_staged()
        self.lives = lives or self._declared_lives()
        """How long what is signed holds; as the published instance.yaml says, unless given."""

    # what there is

    def role(self, name: str) -> Metadata[Any]:
        """A role as it is staged, or else as it is published."""
        found = self._staged.get(name) or self._roles.get(name)
        if found is None:
            raise RegistryError(
                "registry.unknown_role",
                f"there is no role {name}: there are {', '.join(sorted(self.names()))}",
            )
        return found

    def names(self) -> set[str]:
        """All roles, without bins."""
        return {*TOP, *self._delegated()} & (self._roles.keys() | self._staged.keys())

    def keys(self, name: str) -> tuple[list[str], int]:
        """Key ids and threshold of a role, as its delegator says now."""
        role = self._delegator(name).signed.get_delegated_role(name)
        return list(role.keyids), role.threshold

    def paths(self, name: str) -> tuple[str, ...]:
        """The patterns of a delegated role."""
        return self._delegated().get(name, ())

    def owner(self, path: str) -> str:
        """Which role signs the document of a path."""
        roles = self._delegated().items()
        return next((name for name, paths in roles if covers(paths, path)), "targets")

    def published(self, name: str) -> Any:
        """The signed part of a role as it is published; None before."""
        found = self._roles.get(name)
        return None if found is None else found.signed

    @property
    def staged(self) -> tuple[str, ...]:
        """Roles whose next version is not published yet."""
        return tuple(self._staged)

    # changes: each stages the next version of a role, signed by the keys at hand

    def create(
        self,
        *,
        root: Sequence[Key],
        targets: Sequence[Key],
        snapshot: Sequence[Key],
        timestamp: Sequence[Key],
        threshold: int = 1,
    ) -> None:
        """The first root, and the lead agency's roles with nothing in them."""
        from tuf.api.metadata import Metadata, Root, Targets

        if self._roles or self._staged:
            raise RegistryError(
                "registry.exists", f"there is a registry at {self.folder.path} already"
            )
        first = Root(expires=self._expiry("root"), consistent_snapshot=True)
        for name, keys in zip(TOP, (root, targets, snapshot, timestamp), strict=True):
            for key in keys:
                first.add_key(key, name)
        _set_threshold(first.roles["root"], threshold)
        self._staged["root"] = Metadata(first)
        self._staged["targets"] = Metadata(Targets(expires=self._expiry("targets")))
        for name, paths in PARTIES.items():
            self.delegate(name, targets, paths)
        self._sign("root")

    def delegate(
        self, name: str, keys: Sequence[Key], paths: Sequence[str] | None = None, threshold: int = 1
    ) -> None:
        """Give paths to a role, or give a role that there is other keys."""
        from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Targets

        top: Targets = self._next("targets").signed
        if top.delegations is None:
            top.delegations = Delegations({}, {})
        roles = top.delegations.roles
        assert roles is not None
        if paths is None and name not in roles:
            raise RegistryError("registry.unknown_role", f"there is no delegated role {name}")
        known = roles.pop(name, None)
        patterns = list(known.paths or () if paths is None and known else paths or ())
        if f"{INDEXES}{name}.json" not in patterns:
            patterns.append(f"{INDEXES}{name}.json")
        role = DelegatedRole(name, [one.keyid for one in keys], 1, True, patterns)
        _set_threshold(role, threshold)
        roles[name] = role
        used = {key_id for one in roles.values() for key_id in one.keyids}
        top.delegations.keys = {
            key_id: key
            for key_id, key in {**top.delegations.keys, **{one.keyid: one for one in keys}}.items()
            if key_id in used
        }
        if name in self._roles:
            self._sign("targets")
            self._renew_if_invalid(name)
            return
        moved = {path: one for path, one in top.targets.items() if role.is_delegated_path(path)}
        for path in moved:
            del top.targets[path]
        self._staged[name] = Metadata(Targets(expires=self._expiry(name), targets=moved))
        self._sign("targets")
        self._sign(name)

    def rotate(
        self,
        name: str,
        *,
        add: Sequence[Key] = (),
        remove: Sequence[str] = (),
        threshold: int | None = None,
    ) -> None:
        """Change the keys of a role; ``remove`` are key ids, or their beginnings."""
        keyids, old = self.keys(name)
        gone = {one for one in keyids if any(one.startswith(each) for each in remove)}
        for each in remove:
            if not any(one.startswith(each) for one in keyids):
                raise RegistryError(
                    "registry.unknown_key",
                    f"{each} is no key of {name}: its keys are {', '.join(k[:16] for k in keyids)}",
                )
        signed = self._delegator(name).signed
        kept = [signed.get_key(one) for one in keyids if one not in gone]
        keys = list({one.keyid: one for one in [*kept, *add]}.values())
        threshold = old if threshold is None else threshold
        if name not in TOP:
            self.delegate(name, keys, None, threshold)
            return
        root: Root = self._next("root").signed
        for one in gone:
            root.revoke_key(one, name)
        for key in add:
            root.add_key(key, name)
        _set_threshold(root.roles[name], threshold)
        self._sign("root")
        if name == "targets":
            self.renew("targets")

    def renew(self, name: str, seconds: float | None = None) -> None:
        """Sign what a role says again, with a new end; in ``seconds`` from now, if given."""
        self._next(name, seconds)
        self._sign(name)

    def put(self, name: str, documents: Mapping[str, bytes]) -> bool:
        """Make these the documents of a role; False if they are already, and only it is renewed."""
        from tuf.api.metadata import TargetFile

        bins = self._divide(name, len(documents))
        index = strict_json.canonical({"role": name, "paths": sorted(documents)})
        parts: dict[str, dict[str, bytes]] = {one: {} for one in (name, *bins)}
        parts[name][f"{INDEXES}{name}.json"] = index
        for path, data in documents.items():
            parts[_bin(path, bins) if bins else name][path] = data
        changed = False
        for part, files in parts.items():
            listed = {
                path: TargetFile.from_data(path, data, ["sha256"]) for path, data in files.items()
            }
            differs = self.role(part).signed.targets != listed
            changed |= differs
            if differs or (self._due(part) and self._keys.holds(self._all_keys(part))):
                for path, data in files.items():
                    where = target_path(path, listed[path].hashes["sha256"])
                    self.folder.write(where, data, durable=False)
                    self._written.append(where)
                self._next(part).signed.targets = listed
                self._sign(part)
            elif part in self._staged:
                self._sign(part, afresh=False)
        return changed

    def sign(self) -> None:
        """Add the signatures of the keys at hand to everything that is staged."""
        for name in list(self._staged):
            self._sign(name, afresh=False)

    # publishing

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

    # the rest

    def _read_published(self) -> None:
        from tuf.api.metadata import Root, Targets, Timestamp

        try:
            data = self.folder.read(TIMESTAMP, MAX_METADATA_BYTES)
        except RegistryError as error:
            if error.code != "registry.out_of_reach":
                raise
            return
        self._roles["timestamp"] = parse(Timestamp, data, "timestamp")
        self._roles["root"] = parse(Root, self.folder.roots.newest()[0], "root")
        self._head = self.folder.head()
        self._roles["snapshot"] = self._head.metadata
        for file in self._head.metadata.signed.meta:
            name = file.removesuffix(".json")
            if name != "root":
                self._roles[name] = parse(Targets, self._head.get(name, self.folder.read), name)

    def _read_staged(self) -> None:
        from tuf.api.metadata import Root, Targets

        for file in sorted((self.folder.path / _STAGED).glob("*.json")):
            kind = Root if file.stem == "root" else Targets
            self._staged[file.stem] = parse(kind, file.read_bytes(), file.stem)

    def save(self) -> None:
        """Keep what is staged, for the next who signs."""
        present = {one.stem for one in (self.folder.path / _STAGED).glob("*.json")}
        for name, one in self._staged.items():
            self.folder.write(f"{_STAGED}/{name}.json", one.to_bytes())
        for name in present - self._staged.keys():
            (self.folder.path / _STAGED / f"{name}.json").unlink()

    def _delegated(self) -> dict[str, tuple[str, ...]]:
        top = self._staged.get("targets") or self._roles.get("targets")
        if top is None or top.signed.delegations is None:
            return {}
        return {name: tuple(one.paths or ()) for name, one in top.signed.delegations.roles.items()}

    def _delegator(self, name: str) -> Metadata[Any]:
        return self.role(self._delegator_name(name))

    def _expiry(self, name: str, seconds: float | None = None) -> datetime:
        life = self.life(name)
        return datetime.fromtimestamp(self._now + (life if seconds is None else seconds), UTC)

    def _due(self, name: str) -> bool:
        """Whether less than half of its life is left of what is published."""
        found = self._roles.get(name)
        ends = self._now + self.life(name) / 2
        return found is not None and found.signed.expires.timestamp() < ends

    def life(self, name: str) -> float:
        """For how many seconds what is signed of a role holds, as instance.yaml declares."""
        declared = self.lives.model_dump()
        return times.duration(declared.get(name, self.lives.roles))

    def _declared_lives(self) -> Lives:
        """As the published instance.yaml says."""
        top = self._roles.get("targets")
        found = top.signed.targets.get(INSTANCE) if top is not None else None
        if found is None:
            return Lives()
        data = read_target(found, self.folder.read)
        return read_document(Instance, INSTANCE, data).lives

    def _next(self, name: str, seconds: float | None = None) -> Metadata[Any]:
        """The next version of a role, staged to be changed; what had signed it is gone."""
        from tuf.api.metadata import Metadata

        if name not in self._staged:
            copied: Metadata[Any] = Metadata.from_bytes(self.role(name).to_bytes())
            copied.signed.version += 1
            self._staged[name] = copied
        found = self._staged[name]
        found.signed.expires = self._expiry(name, seconds)
        found.signatures.clear()
        return found

    def _sign(self, name: str, *, afresh: bool = True) -> None:
        found = self._staged[name]
        if afresh:
            found.signatures.clear()
        self._keys.sign(found, self._all_keys(name))

    def _all_keys(self, name: str) -> list[str]:
        """Who may sign a role: by what its delegator says now, and by what it will say."""
        delegator = self._delegator_name(name)
        found: dict[str, None] = {}
        for one in (self._staged.get(delegator), self._roles.get(delegator)):
            try:
                found |= dict.fromkeys(one.signed.get_delegated_role(name).keyids) if one else {}
            except ValueError:
                continue  # not delegated yet
        return list(found)

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

    def _delegator_name(self, name: str) -> str:
        if name in TOP:
            return "root"
        return "targets" if name in self._delegated() else name.rpartition("-")[0]

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

            before = load_snapshot(self._head, Roots(anchor, shared), shared)
            snapshot.check_succeeds(before)
        return snapshot

    def _renew_if_invalid(self, name: str) -> None:
        """Stage a role and its bins again, if its keys have changed so that it does not hold."""
        try:
            verify(self._delegator(name).signed, name, self._roles[name])
            if not self._bins(name):
                return
        except MetadataError:
            pass
        self._next(name)
        bins = self._bins(name)
        if bins:
            self._delegate_bins(name, bins)
        for one in (name, *bins):
            self.renew(one)

    def _bins(self, name: str) -> tuple[str, ...]:
        delegations = self.role(name).signed.delegations
        return tuple(delegations.roles) if delegations is not None and name != "targets" else ()

    def _divide(self, name: str, files: int) -> tuple[str, ...]:
        """The bins that so many files need: 16, 256, …; never fewer than there are."""
        from tuf.api.metadata import Metadata, Targets

        bins = self._bins(name)
        count = max(1, len(bins))
        while name != "targets" and files > BIN_FILES * count:
            count *= 16
        if count == max(1, len(bins)):
            return bins
        digits = len(f"{count - 1:x}")
        bins = tuple(f"{name}-{number:0{digits}x}" for number in range(count))
        self._next(name)
        self._delegate_bins(name, bins)
        for one in bins:
            self._staged[one] = Metadata(Targets(expires=self._expiry(name)))
        return bins

    def _delegate_bins(self, name: str, bins: Iterable[str]) -> None:
        from tuf.api.metadata import DelegatedRole, Delegations

        keyids, threshold = self.keys(name)
        signed = self._delegator(name).signed
        roles = {
            one: DelegatedRole(one, keyids, threshold, True, None, [one.rpartition("-")[2]])
            for one in bins
        }
        keys = {one: signed.get_key(one) for one in keyids}
        self._staged[name].signed.delegations = Delegations(keys, roles)


def domain_paths(domain: str) -> tuple[str, ...]:
    """What the steward of a domain signs."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", domain) or domain in (*TOP, *PARTIES):
        raise RegistryError("registry.role", f"{domain!r} is no name of a domain")
    return tuple(one.format(domain) for one in _DOMAIN)


def _bin(path: str, bins: Sequence[str]) -> str:
    prefix, _, digits = bins[0].rpartition("-")
    return f"{prefix}-{hashlib.sha256(path.encode()).hexdigest()[: len(digits)]}"


def _set_threshold(role: Any, threshold: int) -> None:
    if not 1 <= threshold <= len(role.keyids):
        raise RegistryError(
            "registry.threshold",
            f"got a threshold of {threshold} with {len(role.keyids)} keys: "
            "expected at least 1, and as many keys",
        )
    role.threshold = threshold
