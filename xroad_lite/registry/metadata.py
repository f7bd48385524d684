"""Signed metadata (The Update Framework 1.0): heads, and a snapshot verified whole.

Does no input or output and asks no clock: bytes come in by ``Read``, expiry is told and not judged.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xroad_lite import times
from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import limit_of
from xroad_lite.registry.edition import Edition, Role
from xroad_lite.registry.snapshot import Snapshot

if TYPE_CHECKING:
    from tuf.api.metadata import DelegatedRole, Metadata, Root, TargetFile, Targets
    from tuf.api.metadata import Snapshot as SnapshotMetadata

    from xroad_lite.registry.lines import Roots

MAX_METADATA_BYTES = 5_000_000
"""Of one metadata file: what TUF's own client takes for targets."""
MAX_FILES = 100_000
EXTENSION = "xroad_lite"
"""Where, in the signed part of snapshot.json, this project says what TUF has no field for."""
INDEXES = "indexes/"

_ROLE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NAME = re.compile(r"[1-9][0-9]{0,9}:[A-Za-z0-9_-]{43}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_METADATA_SHARE = 8
"""One of so many bytes may be metadata: read, they take far more memory than documents."""

Read = Callable[[str, int, str | None], bytes]
"""Path in the repository, most bytes, SHA-256 (hex) if known: the bytes, length and digest checked.

``RegistryError`` ``registry.out_of_reach`` or ``registry.file_changed``."""


class MetadataError(RegistryError):
    """Metadata that whoever signed it had no right to sign, or signed wrongly."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What one snapshot.json says: its name, the one before, every metadata file by digest."""

    version: int
    name: str
    """``VERSION:DIGEST``, the digest base64url of SHA-256 over the bytes of snapshot.json."""
    published: float
    expires: float
    previous: str | None
    data: bytes
    metadata: Metadata[SnapshotMetadata]

    @classmethod
    def read(cls, data: bytes) -> Head:
        """Read the bytes of snapshot.json; ``MetadataError`` if they are none of this profile."""
        from tuf.api.metadata import Snapshot as SnapshotMetadata

        metadata = parse(SnapshotMetadata, data, "snapshot")
        signed = metadata.signed
        said = signed.unrecognized_fields.get(EXTENSION)
        try:
            published = times.to_unix(said["published"])
            previous = said["previous"]
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise MetadataError("registry.metadata", f"snapshot.json: {error!r:.200}") from None
        if previous is not None and not (isinstance(previous, str) and _NAME.fullmatch(previous)):
            raise MetadataError("registry.metadata", f"snapshot.json: previous: {previous!r:.80}")
        digest = urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        name = f"{signed.version}:{digest}"
        expires = signed.expires.timestamp()
        return cls(signed.version, name, published, expires, previous, data, metadata)

    def get(self, role: str, read: Read) -> bytes:
        """The metadata file of a role as this snapshot binds it, by version, length and SHA-256."""
        found = self.metadata.signed.meta.get(f"{role}.json")
        sha256 = found.hashes.get("sha256") if found is not None and found.hashes else None
        if found is None or sha256 is None or found.length is None:
            raise MetadataError(
                "registry.unbound", f"snapshot {self.version} does not bind {role}.json by digest"
            )
        return read(archive_path(sha256), min(found.length, MAX_METADATA_BYTES), sha256)

    @property
    def root(self) -> int:
        """Which root it was signed under."""
        found = self.metadata.signed.meta.get("root.json")
        if found is None:
            raise MetadataError("registry.unbound", f"snapshot {self.version} binds no root.json")
        return int(found.version)


def load_snapshot(
    head: Head, roots: Roots, read: Read, like: Snapshot | None = None, most: int | None = None
) -> Snapshot:
    """Verify every role and file that ``head`` binds, and give the snapshot.

    What is the same in ``like`` is not parsed anew. It must be of the same registry.
    ``registry.too_large`` when all together would have more than ``most`` bytes: lengths are told
    before anything is read.
    A domain's role that is not signed as delegated, or claims another's files, stops that domain
    alone: the snapshot says so in ``edition.roles``. Anything else raises ``RegistryError``.
    """
    metadata = sum(one.length or 0 for one in head.metadata.signed.meta.values())
    if most is not None:
        _check_total(head, metadata, most // _METADATA_SHARE, "metadata")
    root_data, root = roots.get(head.root)
    if head.get("root", read) != root_data:
        raise MetadataError("registry.metadata", f"snapshot {head.version} names another root")
    verify(root, "snapshot", head.metadata)
    targets = _role(head, "targets", root, read)
    files = dict(_own(targets))
    expires, roles = min(head.expires, targets.expires.timestamp()), []
    for delegated in _delegations(targets):
        paths = tuple(delegated.paths or ())
        try:
            found, ends = _delegated(head, delegated, targets, read)
        except MetadataError as error:
            if not _apart(paths):
                raise
            roles.append(Role(delegated.name, paths, 0.0, error.message))
            continue
        files = found | files  # as in TUF, the delegating role and earlier ones go first
        if _apart(paths):
            roles.append(Role(delegated.name, paths, ends))
        else:
            expires = min(expires, ends)
    if len(files) > MAX_FILES:
        raise RegistryError("registry.too_large", f"{len(files)} files: at most {MAX_FILES}")
    if most is not None:
        listed = sum(one.length for one in files.values())
        _check_total(head, metadata + listed, most, "metadata and documents")
    documents = {path: read_target(one, read) for path, one in files.items()}
    edition = Edition(
        version=head.version,
        published=head.published,
        expires=expires,
        name=head.name,
        root=head.root,
        previous=head.previous,
        roles=tuple(roles),
    )
    return Snapshot(edition, documents, like)


def _check_total(head: Head, size: int, most: int, what: str) -> None:
    if size > most:
        raise RegistryError(
            "registry.too_large",
            f"snapshot {head.version} has {size} bytes of {what}: at most {most} are taken",
            hint="if that much is right, raise instance_bytes in node.yaml",
        )


def read_target(target: TargetFile, read: Read) -> bytes:
    """A document's bytes, as the metadata binds them."""
    if target.length > limit_of(target.path):
        raise RegistryError("registry.too_large", f"{target.path} has {target.length} bytes")
    return read(target_path(target.path, _sha256(target)), target.length, _sha256(target))


def metadata_path(role: str, version: int | None) -> str:
    """Where a role's metadata lies; without a version only the time stamp has a place."""
    if not _ROLE.fullmatch(role):
        raise MetadataError("registry.metadata", f"{role!r:.80} is no name of a role")
    return f"metadata/{role}.json" if version is None else f"metadata/{version}.{role}.json"


def digest_of(name: str) -> str:
    """The SHA-256 (hex) in a snapshot's name."""
    if not _NAME.fullmatch(name):
        raise MetadataError("registry.metadata", f"{name!r:.80} is no name of a snapshot")
    return urlsafe_b64decode(name.partition(":")[2] + "=").hex()


def archive_path(sha256: str) -> str:
    """Where each metadata file lies by its digest (hex), for ever."""
    if not _SHA256.fullmatch(sha256):
        raise MetadataError("registry.metadata", f"{sha256!r:.80} is no SHA-256")
    return f"archive/{sha256}.json"


def target_path(path: str, sha256: str) -> str:
    """Where a document lies: TUF's consistent snapshots put its digest before its name."""
    folder, slash, name = path.rpartition("/")
    return f"targets/{folder}{slash}{sha256}.{name}"


def parse(kind: type[Any], data: bytes, role: str) -> Metadata[Any]:
    """Read metadata of a kind; ``MetadataError`` if it is not of that kind."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata

    try:
        found: Metadata[Any] = Metadata.from_bytes(data)
    except RepositoryError as error:
        raise MetadataError("registry.metadata", f"{role}.json: {error!s:.200}") from None
    if not isinstance(found.signed, kind):
        raise MetadataError(
            "registry.metadata", f"{role}.json: got {found.signed.type}, expected {kind.type}"
        )
    return found


def verify(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> None:
    """Refuse metadata that fewer keys signed than its delegator asks (``registry.threshold``)."""
    try:
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except ValueError as error:
        raise MetadataError("registry.threshold", f"{role}: {error}") from None
    if not result:
        raise MetadataError(
            "registry.threshold",
            f"{role}.json: {len(result.signed)} of its keys signed, expected {result.threshold}",
        )


def _role(head: Head, name: str, delegator: Root | Targets, read: Read) -> Targets:
    from tuf.api.metadata import Targets

    metadata = parse(Targets, head.get(name, read), name)
    verify(delegator, name, metadata)
    bound = head.metadata.signed.meta[f"{name}.json"].version
    if metadata.signed.version != bound:
        raise MetadataError(
            "registry.metadata",
            f"{name}.json is version {metadata.signed.version}, the snapshot names {bound}",
        )
    signed: Targets = metadata.signed
    return signed


def _delegated(
    head: Head, role: DelegatedRole, delegator: Targets, read: Read, depth: int = 1
) -> tuple[dict[str, TargetFile], float]:
    """The files of a delegated role and of its bins, and until when they hold."""
    signed = _role(head, role.name, delegator, read)
    found, expires = dict(_own(signed, role)), signed.expires.timestamp()
    for each in _delegations(signed) if depth else ():  # bins have no bins: no endless circles
        more, ends = _delegated(head, each, signed, read, depth - 1)
        foreign = [path for path in more if not role.is_delegated_path(path)]
        if foreign:
            raise _foreign(each.name, foreign[0])
        found, expires = more | found, min(expires, ends)
    return found, expires


def _delegations(targets: Targets) -> Iterable[DelegatedRole]:
    if targets.delegations is None or targets.delegations.roles is None:
        return ()
    return targets.delegations.roles.values()


def _own(targets: Targets, role: DelegatedRole | None = None) -> Iterator[tuple[str, TargetFile]]:
    """The documents that a role lists; ``registry.foreign_path`` for what is not its own."""
    for path, found in targets.targets.items():
        if role is not None and not role.is_delegated_path(path):
            raise _foreign(role.name, path)
        if not path.startswith(INDEXES):
            check_path(path)
            yield path, found


def check_path(path: str) -> None:
    """Refuse a path that could leave the folder it is written to."""
    steps = path.split("/")
    if (
        any(step in ("", ".", "..") for step in steps)
        or not path.isprintable()
        or "\\" in path
        or len(path) > 255
    ):
        raise MetadataError("registry.path", f"{path!r:.120} is no path of a document")


def _foreign(role: str, path: str) -> MetadataError:
    return MetadataError(
        "registry.foreign_path", f"the role {role} lists {path!r:.120}, which is not its own"
    )


def _apart(paths: tuple[str, ...]) -> bool:
    """Whether a role is a domain's: who takes part, and under which agreements, concerns all."""
    return bool(paths) and all(
        path.startswith(("schemas/", "vocabularies/", INDEXES)) for path in paths
    )


def _sha256(target: TargetFile) -> str:
    digest = target.hashes.get("sha256", "")
    if not _SHA256.fullmatch(digest):
        raise MetadataError("registry.unbound", f"{target.path} has no SHA-256")
    return digest
