"""Checks a registry's source whole, across its documents; does not publish or need a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from xroad_lite.errors import XRoadError
from xroad_lite.identifiers import MessageType, SubsystemId, percent_encoded
from xroad_lite.keys import read_certificates
from xroad_lite.registry import Agreement, Manifest, Member, SchemaVersion, Snapshot
from xroad_lite.schema import compile_schema, missing_for_projection
from xroad_lite.semantics import load_vocabulary
from xroad_lite.transports import REPLIES

_BROKER_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: where, a stable code, what was got and expected."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return (
            self.message if self.message.startswith(self.path) else f"{self.path}: {self.message}"
        )


def check_registry(documents: Mapping[str, bytes], *, now: float) -> list[Finding]:
    """Every fault of a registry's documents, by path; an empty list means it may be published."""
    manifest = Manifest.read(Manifest.write(1, now, now, documents))
    snapshot = Snapshot(manifest, documents)
    findings: list[Finding] = []
    for part, check in (
        ("instance.yaml", _check_instance),
        ("members/", _check_members),
        ("agreements/", _check_agreements),
        ("schemas/", _check_schemas),
        ("schemas/", _check_schema_ids),
        ("vocabularies/", _check_vocabularies),
    ):
        try:
            findings += check(snapshot)
        except XRoadError as error:
            findings.append(Finding(part, error.code, error.message))
    return findings


def _check_instance(snapshot: Snapshot) -> Iterator[Finding]:
    for path in snapshot.instance.authorities:
        if path not in snapshot.manifest.files:
            yield Finding(
                "instance.yaml", "registry.missing_file", f"authorities: there is no {path}"
            )
        else:
            read_certificates(snapshot.file(path))


def _check_members(snapshot: Snapshot) -> Iterator[Finding]:
    seen: set[str] = set()
    certificates: dict[str, str] = {}
    for member in snapshot.members:
        path = f"members ({member.member})"
        if member.member in seen:
            yield Finding(path, "registry.duplicate", "the member is registered twice")
        seen.add(member.member)
        if not member.member.startswith(snapshot.instance.instance + "/"):
            yield Finding(
                path, "registry.instance", f"is not of the instance {snapshot.instance.instance}"
            )
        yield from _check_subsystems(snapshot, member, path, certificates)


def _check_subsystems(
    snapshot: Snapshot, member: Member, path: str, certificates: dict[str, str]
) -> Iterator[Finding]:
    codes = [one.code for one in member.subsystems]
    for code in {one for one in codes if codes.count(one) > 1}:
        yield Finding(path, "registry.duplicate", f"the subsystem {code} is registered twice")
    for subsystem in member.subsystems:
        name = f"{member.member}/{subsystem.code}"
        for entry in subsystem.certificates:
            other = certificates.setdefault(entry.sha256, name)
            if other != name:
                yield Finding(
                    path,
                    "registry.shared_certificate",
                    f"the certificate {entry.sha256} is listed for {other} and for {name}",
                )
        asked = [one.request for one in subsystem.services]
        for service in subsystem.services:
            if service.request is not None and asked.count(service.request) > 1:
                yield Finding(
                    path,
                    "registry.duplicate",
                    f"two services of {name} are asked by {service.request}",
                )
            for type_ in filter(None, (service.request, service.response)):
                if type_ not in snapshot.subjects:
                    yield Finding(
                        path,
                        "registry.unknown_type",
                        f"service {service.code}: there is no schema of {type_}",
                    )


def _check_agreements(snapshot: Snapshot) -> Iterator[Finding]:
    seen: set[str] = set()
    for agreement in snapshot.agreements:
        iri = snapshot.agreement_iri(agreement)
        path = f"agreements ({agreement.agreement}/{agreement.version})"
        if iri in seen:
            yield Finding(path, "registry.duplicate", "this version is there twice")
        seen.add(iri)
        for code, message in _agreement_faults(snapshot, agreement, iri):
            yield Finding(path, code, message)


def _agreement_faults(
    snapshot: Snapshot, agreement: Agreement, iri: str
) -> Iterator[tuple[str, str]]:
    if len(iri.encode()) > _BROKER_NAME_BYTES:
        yield "registry.too_long", f"its IRI {iri} is longer than {_BROKER_NAME_BYTES} bytes"
    if agreement.confidential:
        yield (
            "registry.confidential",
            "confidential bodies are not encrypted by this version yet, so it would not hold",
        )
    if (agreement.consumer is None) is not agreement.open:
        yield "registry.parties", "an agreement is either open, or has a consumer"
    if agreement.open and agreement.operation != "publish":
        yield "registry.parties", "only a publication can be open to everybody"
    for party in filter(None, (agreement.provider, agreement.consumer)):
        if not snapshot.parties.knows(party):
            yield "registry.unknown_subsystem", f"{party} is not registered"
    for type_ in [*agreement.types, *agreement.fields_]:
        if type_ not in snapshot.subjects:
            yield "registry.unknown_type", f"there is no schema of {type_}"
    yield from _name_faults(snapshot, agreement)
    yield from _service_faults(snapshot, agreement)
    for type_, fields in agreement.fields_.items():
        version = snapshot.latest_schema(type_)
        missing = missing_for_projection(version.document, fields) if version else ()
        if missing:
            yield (
                "registry.projection",
                f"fields of {type_}: the schema requires {', '.join(missing)}, not allowed here",
            )


def _name_faults(snapshot: Snapshot, agreement: Agreement) -> Iterator[tuple[str, str]]:
    for party in filter(None, (agreement.provider, agreement.consumer)):
        for one, type_ in product(sorted(snapshot.parties.standing(party)), agreement.types):
            parts = SubsystemId.parse(one), MessageType.parse(type_)
            name = ".".join(percent_encoded(part) for part in parts)
            if len(name) > _BROKER_NAME_BYTES:
                yield "registry.too_long", f"the broker's name {name} is beyond 255 bytes"


def _service_faults(snapshot: Snapshot, agreement: Agreement) -> Iterator[tuple[str, str]]:
    if agreement.operation != "request":
        return
    for provider in sorted(snapshot.parties.standing(agreement.provider)):
        party = snapshot.party(provider)
        for type_ in agreement.types:
            if party is not None and party.service(type_) is None:
                yield (
                    "registry.unknown_service",
                    f"{provider} has no service that is asked by {type_}",
                )


def _check_schemas(snapshot: Snapshot) -> Iterator[Finding]:
    members = {one.member for one in snapshot.members}
    for type_, subject in snapshot.subjects.items():
        path = f"schemas/{type_.replace('.', '/')}/subject.yaml"
        if type_ == REPLIES:
            yield Finding(path, "registry.reserved", f"{REPLIES} is the lane of all replies")
        if subject.owner not in members:
            yield Finding(path, "registry.unknown_member", f"owner {subject.owner} is no member")
        for number, version in subject.versions.items():
            if version.status == "draft":
                continue
            found = snapshot.schema(snapshot.schema_iri(type_, int(number)))
            if found is None:
                yield Finding(
                    path, "registry.missing_file", f"there is no file of version {number}"
                )
            else:
                yield from _compiles(path, number, found.document, found.kind, snapshot)


def _check_schema_ids(snapshot: Snapshot) -> Iterator[Finding]:
    """Numbers follow from content, so two contents may come to one: see ``schema_ids``."""
    seen: dict[int, SchemaVersion] = {}
    for found in snapshot.schemas():
        other = seen.setdefault(found.id, found)
        if other.content != found.content:
            yield Finding(
                f"schemas/{found.type.replace('.', '/')}/{found.version}",
                "registry.schema_id",
                f"its content comes to the number {found.id}, as that of version {other.version} "
                f"of {other.type} does: change a word of its description",
            )


def _compiles(
    path: str, number: str, document: Any, kind: str, snapshot: Snapshot
) -> Iterator[Finding]:
    try:
        compile_schema(document, kind, resources=snapshot.schema_resources(kind))
    except XRoadError as error:
        yield Finding(path, error.code, f"version {number}: {error.message}")


def _check_vocabularies(snapshot: Snapshot) -> Iterator[Finding]:
    load_vocabulary(snapshot.vocabulary_files)
    return iter(())
