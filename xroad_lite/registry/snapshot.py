"""One published state of the registry, indexed for questions; does no input or output.

Does not verify what it is given: ``metadata`` does that before a snapshot is made.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Self

from xroad_lite import strict_json, times
from xroad_lite.errors import KeysError, RegistryError
from xroad_lite.keys import RevocationList, Trust, read_certificates, read_revocation_list
from xroad_lite.registry.agreements import ENDED, Agreements, Approval, Force
from xroad_lite.registry.agreements import FOLDER as AGREEMENTS
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.edition import Edition, Role
from xroad_lite.registry.files import Files
from xroad_lite.registry.models import (
    Agreement,
    CertificateEntry,
    Ending,
    Group,
    Instance,
    Member,
    Subject,
)
from xroad_lite.registry.parties import Parties, Party
from xroad_lite.registry.purposes import PATH as PURPOSES_PATH
from xroad_lite.registry.purposes import Purposes
from xroad_lite.registry.resources import SchemaResources
from xroad_lite.registry.schemas import Schemas, SchemaVersion
from xroad_lite.registry.trusted import FOLDER as TRUSTED
from xroad_lite.registry.trusted import TrustedInstance, read_trusted


class Snapshot:
    """An edition with its documents, read at first use."""

    def __init__(
        self, edition: Edition, files: Mapping[str, bytes], like: Snapshot | None = None
    ) -> None:
        """``like`` is one before it: what is the same in both is not read anew."""
        self.edition = edition
        self._files: Files = Files(files, like._files if like else None)
        self._roles: dict[str, Role | None] = {}

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
        for path, data in self._files.below("crls/", ".crl"):
            try:
                found[path] = read_revocation_list(data)
            except KeysError as error:
                raise RegistryError(error.code, f"{path}: {error.message}") from None
        return found

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """All members, by file name."""
        return self._files.documents(Member, "members/")

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The instance's groups, by file name."""
        return self._files.documents(Group, "groups/")

    @cached_property
    def parties(self) -> Parties:
        """Who is registered, and for whom a party of an agreement stands."""
        return Parties(self.members, self.groups, self.instance.instance)

    @cached_property
    def trusted(self) -> dict[str, TrustedInstance]:
        """The other instances that this one trusts, by identifier."""
        files = dict(self._files.below(TRUSTED, ".yaml"))
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
        files = dict(self._files.below(AGREEMENTS, (".yaml", ".jws")))
        bases = {name: one.base for name, one in self.trusted.items()}
        read = {
            path: self._files.document(Agreement, path)
            for path in files
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

    @cached_property
    def _schemas(self) -> Schemas:
        return Schemas(self._files, self.instance.base)

    def schema_iri(self, type_: str, version: int) -> str:
        """The IRI of a schema version: ``<base>schemas/citizens/birth/2``."""
        return self._schemas.iri(type_, version)

    def schema(self, iri: str) -> SchemaVersion | None:
        """The schema version with this IRI, if it is here; drafts are not."""
        return self._schemas.get(iri)

    def schemas(self) -> Iterator[SchemaVersion]:
        """Every schema version that is no draft, by type, the oldest first."""
        return self._schemas.all()

    def latest_schema(self, type_: str) -> SchemaVersion | None:
        """The newest active version of a message type's schema."""
        return self._schemas.latest(type_)

    @property
    def subjects(self) -> dict[str, Subject]:
        """All lines of schemas by message type."""
        return self._schemas.subjects

    def subject(self, type_: str) -> Subject | None:
        """The line of schemas of a message type, if it is here."""
        return self._schemas.subject(type_)

    def schema_resources(self, kind: str) -> SchemaResources:
        """Every schema of a kind, ``json`` or ``avro``, for references from one to another."""
        return self._schemas.resources(kind)

    def role(self, type_: str) -> Role | None:
        """The steward's role that answers for a message type, if its domain is delegated."""
        domain = type_.partition(".")[0]
        if domain not in self._roles:
            if len(self._roles) > len(self.edition.roles) + 1000:  # anybody can name a type
                self._roles.clear()
            self._roles[domain] = self.edition.role(f"schemas/{domain}/any/subject.yaml")
        return self._roles[domain]

    @cached_property
    def purposes(self) -> Purposes:
        """Which purposes are narrower than which; none where the registry lists none."""
        data = self._files.get(PURPOSES_PATH)
        return Purposes() if data is None else Purposes.read(data)

    @cached_property
    def vocabulary_files(self) -> dict[str, bytes]:
        """Vocabularies and mappings, path to bytes."""
        return dict(self._files.below("vocabularies/", (".ttl", ".tsv")))

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all documents."""
        return tuple(self._files.all)

    @property
    def files(self) -> dict[str, bytes]:
        """All documents by path."""
        return dict(self._files.all)

    @property
    def by_digest(self) -> dict[str, bytes]:
        """All documents by SHA-256 (hex), for another snapshot to share."""
        return self._files.by_digest

    def file(self, path: str) -> bytes:
        """The bytes of one file; ``RegistryError`` if the snapshot has none of that path."""
        return self._files.file(path)
