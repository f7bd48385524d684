"""A whole instance in one folder, for development: authority, registry, and a folder per node.

Not for production: one hand holds every key here. What it writes are the same documents that a
real instance has, so they are a place to start from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from xroad_lite import times
from xroad_lite.identifiers import SubsystemId
from xroad_lite.registry import Snapshot
from xroad_lite.stewardship.authority import Authority, Identity
from xroad_lite.stewardship.publication import bundled_files, publish

_YEAR = 365 * 86_400.0


class DevelopmentInstance:
    """Builds the documents, then publishes them; ``now`` is Unix seconds throughout.

    Below ``folder`` lie ``authority/``, ``source/`` (the registry's documents), ``registry/`` (what
    is published), ``nodes/<name>/`` with ``node.yaml`` and keys, and ``bus.sqlite3``.
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
            },
        )

    def add_bundled(self) -> None:
        """Take in the schemas and vocabularies that come with this package."""
        for path, data in bundled_files().items():
            self._write(path, data)

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
            },
        )
        member["subsystems"].append(
            {
                "code": identifier.subsystem_code,
                "title": dict(title),
                "certificates": [{"sha256": identity.sha256}],
                "services": [dict(one) for one in services],
            }
        )
        self._write_yaml(f"members/{identifier.member_code.lower()}.yaml", member)
        return self._write_node(identifier, identity)

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
        self._write_yaml(
            f"agreements/{name}-{document['version']}.yaml",
            {key: value for key, value in document.items() if value is not None},
        )

    def publish(self, now: float | None = None, *, expires_in: float = _YEAR) -> Snapshot:
        """Check and publish what the documents say now, as the next snapshot."""
        return publish(
            self.source,
            self.folder / "registry",
            now=self._now if now is None else now,
            expires_in=expires_in,
        )

    def node_folder(self, subsystem: str) -> Path:
        """Where a subsystem's node lies."""
        identifier = SubsystemId.parse(subsystem)
        return self.folder / "nodes" / identifier.member_code.lower()

    def _write_node(self, identifier: SubsystemId, identity: Identity) -> Path:
        folder = self.node_folder(str(identifier))
        identity.write(folder)
        settings = {
            "subsystem": str(identifier),
            "key": "file:key.pem",
            "certificates": "certificates.pem",
            "registry": "../../registry",
            "transport": self._transport,
        }
        (folder / "node.yaml").write_bytes(_yaml(settings))
        return folder

    def _write_yaml(self, path: str, document: Mapping[str, Any]) -> None:
        self._write(path, _yaml(document))

    def _write(self, path: str, data: bytes) -> None:
        file = self.source / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _yaml(document: Mapping[str, Any]) -> bytes:
    text: str = yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=100)
    return text.encode()
