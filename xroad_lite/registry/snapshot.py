"""One published state of the registry, indexed for questions; does no input or output.

Does not verify what it is given: ``metadata`` does that before a snapshot is made.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, TypeVar

from xroad_lite import strict_json, times
from xroad_lite.errors import KeysError, RegistryError
from xroad_lite.keys import RevocationList, Trust, read_certificates, read_revocation_list
from xroad_lite.registry.agreements import ENDED, Agreements, Approval, Force
from xroad_lite.registry.agreements import FOLDER as AGREEMENTS
from xroad_lite.registry.documents import read_document, read_json
from xroad_lite.registry.edition import Edition, Role
from xroad_lite.registry.linking import linked
from xroad_lite.registry.models import (
    Agreement,
    CertificateEntry,
    Document,
    Ending,
    Group,
    Instance,
    Member,
    Reference,
    Subject,
)
from xroad_lite.registry.parties import Parties, Party
from xroad_lite.registry.purposes import PATH as PURPOSES_PATH
from xroad_lite.registry.purposes import Purposes
from xroad_lite.registry.resources import SchemaResources
from xroad_lite.registry.schema_ids import fingerprint, schema_guid, schema_id
from xroad_lite.registry.trusted import FOLDER as TRUSTED
from xroad_lite.registry.trusted import TrustedInstance, read_trusted

_D = TypeVar("_D", bound=Document)
_ENDINGS = {"json": ".json", "avro": ".avsc"}
_SUBJECT = re.compile(r"schemas/([a-z0-9-]+)/([a-z0-9-]+)/subject\.yaml")
_SCHEMA = re.compile(r"schemas/[^/]+/[^/]+/\d+\.(json|avsc)")


@dataclass(frozen=True, slots=True, eq=False)
class SchemaVersion:
    """One version of one schema: its IRI, the message type it is of, and its document.

    ``document`` is linked: what the file refers to by a name of ``references`` is in place.
    ``written`` is as the file says.
    """

    iri: str
    type: str
    version: int
    kind: str
    status: str
    document: Any = field(repr=False)
    sha256: str
    written: Any = field(repr=False)
    references: tuple[Reference, ...]
    content: bytes = field(repr=False)
    """What its number is derived from: see ``schema_ids``."""

    @property
    def id(self) -> int:
        """The number that follows from its content, as Confluent's clients put before bodies."""
        return schema_id(self.content)

    @property
    def guid(self) -> str:
        """The UUID that follows from its content."""
        return schema_guid(self.content)


class Snapshot:
    """An edition with its documents, read at first use."""

    def __init__(
        self, edition: Edition, files: Mapping[str, bytes], like: Snapshot | None = None
    ) -> None:
        """``like`` is one before it: what is the same in both is not read anew."""
        self.edition = edition
        self._files = dict(files)
        self._documents: dict[str, tuple[bytes, Document]] = dict(like._documents) if like else {}
        """By path what was read of which bytes, here or in the one before."""
        self._schemas: dict[str, SchemaVersion] = {}
        self._latest: dict[str, SchemaVersion] = {}
        self._roles: dict[str, Role | None] = {}
        self._subjects: dict[str, Subject] = {}
        self._resources: dict[str, SchemaResources] = {}

    @classmethod
    def draft(
        cls,
        files: Mapping[str, bytes],
        *,
        version: int = 1,
        published: float = 0.0,
        expires: float = 253_370_764_800.0,
    ) -> Self:
        """A snapshot of documents that nobody has signed: for checks before, and for tests."""
        listed = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        said = [version, times.to_text(published), times.to_text(expires), listed]
        digest = hashlib.sha256(strict_json.canonical(said)).digest()
        name = f"{version}:{urlsafe_b64encode(digest).rstrip(b'=').decode()}"
        return cls(Edition(version, published, expires, name), files)

    @property
    def name(self) -> str:
        """``VERSION:DIGEST``, as a seal names it."""
        return self.edition.name

    def read(self, *, again: bool = False) -> None:
        """Read what checks rely on now, so that a faulty snapshot is refused before it is used.

        ``again`` leaves for later what was read when it was adopted: of 5,000 schemas few are used.
        """
        _ = self.trust, self.parties, self._by_provider, None if again else self.subjects
        for agreement in self.agreements:
            self.ending(agreement)

    @cached_property
    def instance(self) -> Instance:
        """``instance.yaml``."""
        return read_document(Instance, "instance.yaml", self.file("instance.yaml"))

    @cached_property
    def trust(self) -> Trust:
        """The certificate authorities that the instance trusts."""
        return Trust(
            self._certificates(self.instance.authorities),
            self._certificates(self.instance.intermediates),
            tuple(self.revocation_lists.values()),
        )

    def _certificates(self, paths: Iterable[str]) -> list[bytes]:
        return [der for path in paths for der in read_certificates(self.file(path))]

    @cached_property
    def revocation_lists(self) -> dict[str, RevocationList]:
        """``crls/*``: lists of revocations (CRLs) that outside authorities publish, by path."""
        found = {}
        for path, data in self._below("crls/", ".crl"):
            try:
                found[path] = read_revocation_list(data)
            except KeysError as error:
                raise RegistryError(error.code, f"{path}: {error.message}") from None
        return found

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """All members, by file name."""
        return tuple(
            self._document(Member, path, data) for path, data in self._below("members/", ".yaml")
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The instance's groups, by file name."""
        return tuple(
            self._document(Group, path, data) for path, data in self._below("groups/", ".yaml")
        )

    @cached_property
    def parties(self) -> Parties:
        """Who is registered, and for whom a party of an agreement stands."""
        return Parties(self.members, self.groups, self.instance.instance)

    @cached_property
    def trusted(self) -> dict[str, TrustedInstance]:
        """The other instances that this one trusts, by identifier."""
        files = dict(self._below(TRUSTED, ".yaml"))
        return read_trusted(files, self.instance.instance, self.instance.base)

    def party(self, subsystem: str) -> Party | None:
        """The subsystem with this identifier, if it is registered."""
        return self.parties.get(subsystem)

    @property
    def subsystems(self) -> tuple[str, ...]:
        """The identifiers of all subsystems."""
        return self.parties.subsystems

    @cached_property
    def _agreements(self) -> Agreements:
        files = dict(self._below(AGREEMENTS, (".yaml", ".jws")))
        bases = {name: one.base for name, one in self.trusted.items()}
        read = {
            path: self._document(Agreement, path, data)
            for path, data in files.items()
            if path.endswith(".yaml") and not path.endswith(ENDED)
        }
        return Agreements(files, self.instance.base, self._approvers, read, bases)

    def _approvers(self, party: str) -> list[CertificateEntry] | None:
        return self.parties.approvers(party, self.instance.agreement_certificates)

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """All agreements, by file name."""
        return self._agreements.all

    def agreement_iri(self, agreement: Agreement) -> str:
        """The name by which a seal refers to an agreement's version."""
        return self._agreements.iri(agreement)

    def agreement(self, iri: str) -> Agreement | None:
        """The agreement version with this IRI, if it is here."""
        return self._agreements.get(iri)

    def agreement_data(self, agreement: Agreement) -> bytes:
        """The bytes of an agreement's file: between two instances they are the same in both."""
        return self._agreements.data(agreement)

    def approvals(self, agreement: Agreement) -> list[Approval]:
        """What each party says of an agreement."""
        return self._agreements.approvals(agreement)

    def ending(self, agreement: Agreement) -> tuple[Ending, Approval] | None:
        """The ending of an agreement, if a file says so, and whether its party has approved it."""
        return self._agreements.ending(agreement)

    def force(self, agreement: Agreement) -> Force | str:
        """When an agreement is in force; or, as a sentence, why it never is."""
        return self._agreements.force(agreement)

    @cached_property
    def _by_provider(self) -> dict[tuple[str, str, str], list[Agreement]]:
        index: dict[tuple[str, str, str], list[Agreement]] = {}
        for one in sorted(self.agreements, key=self.agreement_iri):
            own = self.parties.is_own(one.provider)
            for provider in self.parties.standing(one.provider) if own else (one.provider,):
                for type_ in one.types:
                    index.setdefault((one.operation, provider, type_), []).append(one)
        return index

    def agreements_for(self, operation: str, provider: str, type_: str) -> list[Agreement]:
        """Agreements under which ``provider`` publishes, or is asked by, this message type."""
        found = self._by_provider.get((operation, provider, type_), [])
        if self.parties.is_own(provider):
            return found
        member = provider.rpartition("/")[0]  # who stands for a foreign one, its registry says
        return found + self._by_provider.get((operation, member, type_), [])

    def schema_iri(self, type_: str, version: int) -> str:
        """The IRI of a schema version: ``<base>schemas/citizens/birth/2``."""
        return f"{self.instance.base}schemas/{type_.replace('.', '/', 1)}/{version}"

    def schema(self, iri: str) -> SchemaVersion | None:
        """The schema version with this IRI, if it is here; drafts are not."""
        found = self._schemas.get(iri) or self._read_schema(iri)
        if found is not None:  # what is not here is not remembered: anybody can name it
            self._schemas[iri] = found
        return found

    def schemas(self) -> Iterator[SchemaVersion]:
        """Every schema version that is no draft, by type, the oldest first."""
        for type_, subject in sorted(self.subjects.items()):
            for number in sorted(map(int, subject.versions)):
                found = self.schema(self.schema_iri(type_, number))
                if found is not None:
                    yield found

    def latest_schema(self, type_: str) -> SchemaVersion | None:
        """The newest active version of a message type's schema."""
        found = self._latest.get(type_) or self._read_latest(type_)
        if found is not None:
            self._latest[type_] = found
        return found

    def _read_latest(self, type_: str) -> SchemaVersion | None:
        subject = self.subject(type_)
        versions = subject.versions if subject else {}
        active = [int(number) for number, one in versions.items() if one.status == "active"]
        return self.schema(self.schema_iri(type_, max(active))) if active else None

    def role(self, type_: str) -> Role | None:
        """The steward's role that answers for a message type, if its domain is delegated."""
        domain = type_.partition(".")[0]
        if domain not in self._roles:
            if len(self._roles) > len(self.edition.roles) + 1000:  # anybody can name a type
                self._roles.clear()
            self._roles[domain] = self.edition.role(f"schemas/{domain}/any/subject.yaml")
        return self._roles[domain]

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        """All lines of schemas by message type."""
        types = [f"{one[1]}.{one[2]}" for one in map(_SUBJECT.fullmatch, self._files) if one]
        found = {type_: self.subject(type_) for type_ in types}
        return {type_: one for type_, one in found.items() if one is not None}

    def subject(self, type_: str) -> Subject | None:
        """The line of schemas of a message type, if it is here."""
        path = f"schemas/{type_.replace('.', '/', 1)}/subject.yaml"
        if type_ not in self._subjects and path in self._files:
            subject = self._document(Subject, path, self._files[path])
            if subject.type != type_:
                raise RegistryError(
                    "registry.document", f"{path}: type: got {subject.type}, expected {type_}"
                )
            self._subjects[type_] = subject
        return self._subjects.get(type_)

    def _read_schema(self, iri: str) -> SchemaVersion | None:
        prefix = f"{self.instance.base}schemas/"
        parts = iri.removeprefix(prefix).split("/") if iri.startswith(prefix) else []
        if len(parts) != 3:
            return None
        type_, number = f"{parts[0]}.{parts[1]}", parts[2]
        subject = self.subject(type_)
        version = subject.versions.get(number) if subject else None
        if subject is None or version is None or version.status == "draft":
            return None
        path = f"schemas/{'/'.join(parts)}{_ENDINGS[subject.kind]}"
        data = self._files.get(path)
        if data is None:
            return None
        written = read_json(path, data)
        return SchemaVersion(
            iri=iri,
            type=type_,
            version=int(number),
            kind=subject.kind,
            status=version.status,
            document=self._linked("/".join(parts), written, subject.kind),
            sha256=hashlib.sha256(data).hexdigest(),
            written=written,
            references=tuple(version.references),
            content=fingerprint(subject.kind, written, version.references),
        )

    def _linked(self, name: str, written: Any, kind: str) -> Any:
        """A document that its references are put into; ``name`` as ``citizens/birth/2``."""
        type_, _, number = name.rpartition("/")
        subject = self.subject(type_.replace("/", "."))
        version = subject.versions.get(number) if subject else None
        return linked(
            written,
            kind,
            version.references if version else (),
            iri=self.schema_iri,
            read=lambda type_, number: self.schema_resources(kind).named(type_, number),
        )

    def schema_resources(self, kind: str) -> SchemaResources:
        """Every schema of a kind, ``json`` or ``avro``, for references from one to another."""
        if kind not in self._resources:
            ending = _ENDINGS[kind]
            paths = [path for path, _ in self._below("schemas/", ending)]
            names = [path[len("schemas/") : -len(ending)] for path in paths]
            self._resources[kind] = SchemaResources(
                self.instance.base,
                names,
                lambda name: self._linked(
                    name, read_json(path := f"schemas/{name}{ending}", self.file(path)), kind
                ),
            )
        return self._resources[kind]

    @cached_property
    def purposes(self) -> Purposes:
        """Which purposes are narrower than which; none where the registry lists none."""
        data = self._files.get(PURPOSES_PATH)
        return Purposes() if data is None else Purposes.read(data)

    @cached_property
    def vocabulary_files(self) -> dict[str, bytes]:
        """Vocabularies and mappings, path to bytes."""
        return dict(self._below("vocabularies/", (".ttl", ".tsv")))

    def check_succeeds(self, earlier: Snapshot) -> None:
        """Refuse to follow ``earlier`` if a version falls or a published schema has changed.

        Under a new root a version may fall: then a stolen key may have raised it.
        """
        mine, before = self.edition, earlier.edition
        if mine.version <= before.version and mine.root <= before.root:
            raise RegistryError(
                "registry.rollback", f"got snapshot {mine.version} after {before.version}"
            )
        for path, data in earlier._files.items():
            if self._files.get(path, data) == data:
                continue
            if _SCHEMA.fullmatch(path):
                raise RegistryError(
                    "registry.schema_changed",
                    f"{path} was published with another content: a version never changes",
                    hint="publish the change as a new version",
                )
            if _SUBJECT.fullmatch(path):
                self._check_references(earlier, path)

    def _check_references(self, earlier: Snapshot, path: str) -> None:
        subject = read_document(Subject, path, self.file(path))
        for number, before in earlier.subjects[subject.type].versions.items():
            now = subject.versions.get(number)
            if now is not None and before.status != "draft" and now.references != before.references:
                raise RegistryError(
                    "registry.schema_changed",
                    f"{path}: version {number} was published with other references",
                    hint="publish the change as a new version",
                )

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all documents."""
        return tuple(self._files)

    @property
    def files(self) -> dict[str, bytes]:
        """All documents by path."""
        return dict(self._files)

    @cached_property
    def by_digest(self) -> dict[str, bytes]:
        """All documents by SHA-256 (hex), for another snapshot to share."""
        return {hashlib.sha256(data).hexdigest(): data for data in self._files.values()}

    def file(self, path: str) -> bytes:
        """The bytes of one file; ``RegistryError`` if the snapshot has none of that path."""
        data = self._files.get(path)
        if data is None:
            raise RegistryError("registry.missing_file", f"{path} is not in the registry")
        return data

    def _document(self, model: type[_D], path: str, data: bytes) -> _D:
        before = self._documents.get(path)
        if before is None or before[0] != data or not isinstance(before[1], model):
            before = self._documents[path] = data, read_document(model, path, data)
        found = before[1]
        assert isinstance(found, model)
        return found

    def _below(self, folder: str, ending: str | tuple[str, ...]) -> list[tuple[str, bytes]]:
        return sorted(
            (path, data)
            for path, data in self._files.items()
            if path.startswith(folder) and path.endswith(ending)
        )
