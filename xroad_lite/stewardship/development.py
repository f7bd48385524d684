"""A whole instance in one folder, for development: authority, registry, and a folder per node.

Not for production: one hand holds every key here. What it writes are the same documents that a
real instance has, so they are a place to start from.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml
from pydantic import ValidationError

from xroad_lite import times
from xroad_lite.encryption import PrivateKey as EncryptionKey
from xroad_lite.envelope.jws import APPROVAL, sign_detached
from xroad_lite.errors import XRoadError
from xroad_lite.identifiers import GroupId, MemberId, SubsystemId, parse_party, url_path
from xroad_lite.keys import new_key
from xroad_lite.messagelog.log_keys import LogKeys
from xroad_lite.registry import Agreement, RegistryFolder, Snapshot, read_source
from xroad_lite.registry.agreements import CONSUMER, ENDED, FOLDER, PROVIDER, approval_path
from xroad_lite.registry.documents import read_yaml
from xroad_lite.registry.folder import TIMESTAMP
from xroad_lite.registry.metadata import metadata_path
from xroad_lite.registry.models import Lives
from xroad_lite.stewardship.agreement_keys import personal_types, wrapped_key
from xroad_lite.stewardship.authority import Authority, Identity
from xroad_lite.stewardship.publication import bundled_files, publish
from xroad_lite.stewardship.repository import Repository
from xroad_lite.stewardship.signing import RoleKeys, make_role_key
from xroad_lite.stewardship.staging import domain_paths

if TYPE_CHECKING:
    from securesystemslib.signer import Key

_YEAR = 365 * 86_400.0
_TEN_YEARS = "P3650D"
_LIVES = {"root": _TEN_YEARS, "roles": _TEN_YEARS, "snapshot": "P365D", "timestamp": "P365D"}


class DevelopmentInstance:
    """Builds the documents, then publishes them; ``now`` is Unix seconds throughout.

    Below ``folder`` lie ``authority/``, ``source/`` (the registry's documents), ``registry/`` (what
    is published), ``keys/`` (that sign it), ``nodes/<name>/`` with ``node.yaml``, keys and the root
    they trust, and ``bus.sqlite3``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: float,
        instance: str = "DEMO",
        transport: str = "embedded:../../bus.sqlite3",
    ) -> None:
        self.folder = folder
        self.instance = instance
        self.base = f"https://{instance.lower()}.xroad-lite.example/"
        self._now = now
        self._transport = transport
        self.authority = Authority.create(f"{instance} development CA", now=now)
        self._members: dict[str, dict[str, Any]] = {}
        self._identities: dict[str, Identity] = {}
        lead = SubsystemId.parse(f"{instance}/GOV/LEAD/agreements")
        self._lead = self.authority.issue(lead, now=now)
        self.keys = RoleKeys()
        """Every key of the registry's roles, kept in ``keys/`` too."""
        self.source = folder / "source"
        self.authority.write(folder / "authority")
        self._write("authorities/development.pem", self.authority.pem)
        self._write_yaml(
            "instance.yaml",
            {
                "instance": instance,
                "base": self.base,
                "title": {"en": "A development instance", "es": "Una instancia de desarrollo"},
                "authorities": ["authorities/development.pem"],
                "agreement_certificates": [{"sha256": self._lead.sha256}],
                "lives": _LIVES,
            },
        )

    def add_bundled(self, domains: Collection[str] | None = None) -> None:
        """Take in the schemas and vocabularies that come with this package, or those of domains.

        What the bus itself speaks is among them in any case, and mappings between two of them.
        """
        owner = f"owner: {self.instance}/".encode()
        for path, data in bundled_files().items():
            if domains is not None and not _domains(path) <= {*domains, "xroad"}:
                continue
            own = path.endswith("/subject.yaml")
            self._write(path, data.replace(b"owner: DEMO/", owner) if own else data)

    def add_subsystem(
        self,
        subsystem: str,
        *,
        title: Mapping[str, str],
        services: Sequence[Mapping[str, Any]] = (),
        algorithm: str = "ES256",
    ) -> Path:
        """Register a subsystem with a new key; gives its node's folder."""
        identifier = SubsystemId.parse(subsystem)
        identity = self.authority.issue(identifier, now=self._now, algorithm=algorithm)
        member = self._members.setdefault(
            str(identifier.member),
            {
                "member": str(identifier.member),
                "name": dict(title),
                "contact": f"interoperability@{identifier.member_code.lower()}.example",
                "subsystems": [],
                "agreement_certificates": [{"sha256": identity.sha256}],
            },
        )
        self._identities.setdefault(str(identifier.member), identity)
        folder = self._write_node(identifier, identity)
        member["subsystems"].append(
            {
                "code": identifier.subsystem_code,
                "title": dict(title),
                "certificates": [{"sha256": identity.sha256}],
                "log_keys": [(folder / "log-key.vkey").read_text().strip()],
                "encryption_keys": [self._encryption_key(identifier)],
                "services": [dict(one) for one in services],
            }
        )
        self._write_yaml(f"members/{identifier.member_code.lower()}.yaml", member)
        return folder

    def change_instance(self, **fields: Any) -> None:
        """Put fields into ``instance.yaml``; None takes one out."""
        path = self.source / "instance.yaml"
        document = yaml.safe_load(path.read_text()) | fields
        self._write_yaml("instance.yaml", {k: v for k, v in document.items() if v is not None})

    def trust_stamps_of(self, authorities: Mapping[str, bytes]) -> None:
        """Have the logs stamped by these authorities: their addresses, with their roots in PEM."""
        for number, root in enumerate(authorities.values()):
            self._write(f"authorities/stamping-{number}.pem", root)
        named = [f"authorities/stamping-{number}.pem" for number in range(len(authorities))]
        listed = [
            {"url": url, "certificate": path} for url, path in zip(authorities, named, strict=True)
        ]
        self.change_instance(timestamping=listed)

    def witness_one_another(
        self, subsystems: Sequence[str], *, purpose: str, basis_iri: str
    ) -> None:
        """Have these subsystems show one another the checkpoints of their logs, and cosign them."""
        group = {"group": "witnesses", "members": list(subsystems)}
        self._write_yaml("groups/witnesses.yaml", group)
        service = {
            "code": "witness",
            "request": "xroad.checkpoint",
            "response": "xroad.cosignature",
        }
        for member in self._members.values():
            for one in member["subsystems"]:
                if f"{member['member']}/{one['code']}" in subsystems:
                    one["services"].append(service)
            code = MemberId.parse(member["member"]).member_code.lower()
            self._write_yaml(f"members/{code}.yaml", member)
        self.add_agreement(
            "witnesses",
            provider="group:witnesses",
            consumer="group:witnesses",
            operation="request",
            types=["xroad.checkpoint"],
            purposes=[purpose],
            title={"en": "Witnesses of logs", "es": "Testigos de los registros"},
            basis={"en": "Each log is vouched for by the others"},
            basis_iri=basis_iri,
        )

    def add_agreement(
        self,
        name: str,
        *,
        provider: str,
        consumer: str | None,
        operation: str,
        types: Sequence[str],
        purposes: Sequence[str],
        title: Mapping[str, str],
        basis: Mapping[str, str],
        basis_iri: str,
        **more: Any,
    ) -> None:
        """Add version 1 of an agreement, in force for ten years."""
        document: dict[str, Any] = {
            "agreement": name,
            "version": 1,
            "title": dict(title),
            "provider": provider,
            "consumer": consumer,
            "operation": operation,
            "types": list(types),
            "purposes": list(purposes),
            "legal_basis": {"text": dict(basis), "iri": basis_iri},
            "period": {
                "from": times.to_text(self._now - 86_400),
                "until": times.to_text(self._now + 10 * _YEAR),
            },
        }
        document |= more
        document.setdefault("pseudonym_key", self._pseudonym_key(document))
        self._write_yaml(
            f"agreements/{name}-{document['version']}.yaml",
            {key: value for key, value in document.items() if value is not None},
        )

    def _encryption_key(self, identifier: SubsystemId) -> dict[str, str]:
        """Make the key that opens what is for a subsystem; gives its public part."""
        file = self.node_folder(str(identifier)) / "encryption.pem"
        file.unlink(missing_ok=True)
        return EncryptionKey.of(new_key(f"file:{file}")).public.members()

    def _pseudonym_key(self, document: Mapping[str, Any]) -> str | None:
        """A key for the agreement's pseudonyms, where its types name persons."""
        try:
            agreement = Agreement.model_validate(document)
            snapshot = Snapshot.draft(read_source(self.source))
            if agreement.consumer is None or not personal_types(snapshot, agreement):
                return None
            iri = snapshot.agreement_iri(agreement)
            sides = (agreement.provider, agreement.consumer)
            return wrapped_key([snapshot.parties], iri, sides, self._now)
        except (ValidationError, XRoadError):  # whoever checks the documents says what is wrong
            return None

    def approvals(self, documents: Mapping[str, bytes]) -> dict[str, bytes]:
        """The approvals, by path, of every agreement and ending in ``documents``, by all parties.

        Each member's first subsystem's key approves for it; the lead agency's for groups.
        """
        found = {}
        for path, data in documents.items():
            if path.startswith(FOLDER) and path.endswith(".yaml"):
                for role, identity in self._approvers(path, documents):
                    found[approval_path(path, role)] = sign_detached(
                        data, identity.signer, APPROVAL, issued_at=int(self._now)
                    )
        return found

    def _approvers(
        self, path: str, documents: Mapping[str, bytes]
    ) -> Iterator[tuple[str, Identity]]:
        """Each role with the identity that approves for it, as far as the document can be read."""
        agreement = path.removesuffix(ENDED) + ".yaml" if path.endswith(ENDED) else path
        for role in (PROVIDER, CONSUMER):
            try:
                party = parse_party(read_yaml(agreement, documents[agreement])[role])
            except (KeyError, TypeError, AttributeError, XRoadError):
                continue
            if isinstance(party, GroupId):
                member = party.subsystem.member if party.subsystem else None
            else:
                member = party if isinstance(party, MemberId) else party.member
            identity = self._lead if member is None else self._identities.get(str(member))
            if identity is not None:
                yield role, identity

    def publish(self, now: float | None = None, *, expires_in: float = _YEAR) -> Snapshot:
        """Approve, check and publish what the documents say now, as the next snapshot.

        In a development instance nobody stamps the time every day: what is signed holds a year.
        """
        now = self._now if now is None else now
        for path, approval in self.approvals(read_source(self.source)).items():
            self._write(path, approval)
        online = f"PT{expires_in:.0f}S"
        lives = Lives(root=_TEN_YEARS, roles=_TEN_YEARS, snapshot=online, timestamp=online)
        folder = RegistryFolder(self.folder / "registry")
        new = not (folder.path / TIMESTAMP).exists()
        if new:
            self._create(Repository(folder, self.keys, now=now, lives=lives))
        outcome = publish(self.source, folder.path, self.keys, now=now, lives=lives, afresh=True)
        if new:
            for node in (self.folder / "nodes").glob("*"):
                self._pin_root(node)
        assert outcome.snapshot is not None
        return outcome.snapshot

    def _create(self, repository: Repository) -> None:
        """The roles: the lead agency's own, and one for the steward of each domain."""
        keys = {name: [self._key(name)] for name in ("root", "targets", "online")}
        repository.create(
            root=keys["root"],
            targets=keys["targets"],
            snapshot=keys["online"],
            timestamp=keys["online"],
        )
        for domain in sorted(one.name for one in (self.source / "schemas").glob("*")):
            repository.delegate(domain, [self._key(domain)], domain_paths(domain))
        repository.save()

    def _pin_root(self, node: Path) -> None:
        """Give a node the root to trust, by hand as it were."""
        first = self.folder / "registry" / metadata_path("root", 1)
        if first.exists():
            (node / "root.json").write_bytes(first.read_bytes())

    def _key(self, name: str) -> Key:
        return self.keys.add(make_role_key(str(self.folder / "keys" / f"{name}.pem")))

    def copied(self, folder: Path) -> Self:
        """The same instance, with its keys, in another folder, where it goes its own way."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        made = copy.copy(self)
        made.folder, made.source = folder, folder / "source"
        made._members = copy.deepcopy(self._members)
        made._identities = dict(self._identities)
        made.keys = self.keys.copied()
        return made

    def node_folder(self, subsystem: str) -> Path:
        """Where a subsystem's node lies."""
        identifier = SubsystemId.parse(subsystem)
        return self.folder / "nodes" / identifier.member_code.lower()

    def _write_node(self, identifier: SubsystemId, identity: Identity) -> Path:
        folder = self.node_folder(str(identifier))
        identity.write(folder)
        for old in folder.glob("log-key*"):
            old.unlink()
        LogKeys(f"file:{folder / 'log-key.pem'}", folder, url_path(identifier)).make()
        settings = {
            "subsystem": str(identifier),
            "key": "file:key.pem",
            "certificates": "certificates.pem",
            "registry": "../../registry",
            "root": "root.json",
            "transport": self._transport,
        }
        (folder / "node.yaml").write_bytes(_yaml(settings))
        self._pin_root(folder)
        return folder

    def _write_yaml(self, path: str, document: Mapping[str, Any]) -> None:
        self._write(path, _yaml(document))

    def _write(self, path: str, data: bytes) -> None:
        file = self.source / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _domains(path: str) -> set[str]:
    """Of which domains a bundled file is; of none where it is for all."""
    if path.startswith("schemas/"):
        return {path.split("/")[1]}
    name = Path(path)
    return set() if name.suffix == ".yaml" else set(name.stem.split("--"))


def _yaml(document: Mapping[str, Any]) -> bytes:
    text: str = yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=100)
    return text.encode()
