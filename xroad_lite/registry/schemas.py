"""The schemas of one snapshot: lines of versions, each read and linked at first use.

Does not compile them, or decide which a message may have: ``schema`` and check 8 do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import read_json
from xroad_lite.registry.files import Files
from xroad_lite.registry.linking import linked
from xroad_lite.registry.models import Reference, Subject
from xroad_lite.registry.resources import SchemaResources
from xroad_lite.registry.schema_ids import fingerprint, schema_guid, schema_id

SUBJECT = re.compile(r"schemas/([a-z0-9-]+)/([a-z0-9-]+)/subject\.yaml")
_ENDINGS = {"json": ".json", "avro": ".avsc"}


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


class Schemas:
    """All schemas of a snapshot whose instance has the IRI ``base``."""

    def __init__(self, files: Files, base: str) -> None:
        self._files = files
        self._base = base
        self._read: dict[str, SchemaVersion] = {}
        self._latest: dict[str, SchemaVersion] = {}
        self._subjects: dict[str, Subject] = {}
        self._resources: dict[str, SchemaResources] = {}

    def iri(self, type_: str, version: int) -> str:
        """The IRI of a schema version: ``<base>schemas/citizens/birth/2``."""
        return f"{self._base}schemas/{type_.replace('.', '/', 1)}/{version}"

    def get(self, iri: str) -> SchemaVersion | None:
        """The schema version with this IRI, if it is here; drafts are not."""
        found = self._read.get(iri) or self._read_version(iri)
        if found is not None:  # what is not here is not remembered: anybody can name it
            self._read[iri] = found
        return found

    def all(self) -> Iterator[SchemaVersion]:
        """Every schema version that is no draft, by type, the oldest first."""
        for type_, subject in sorted(self.subjects.items()):
            for number in sorted(map(int, subject.versions)):
                found = self.get(self.iri(type_, number))
                if found is not None:
                    yield found

    def latest(self, type_: str) -> SchemaVersion | None:
        """The newest active version of a message type's schema."""
        found = self._latest.get(type_) or self._read_latest(type_)
        if found is not None:
            self._latest[type_] = found
        return found

    def _read_latest(self, type_: str) -> SchemaVersion | None:
        subject = self.subject(type_)
        versions = subject.versions if subject else {}
        active = [int(number) for number, one in versions.items() if one.status == "active"]
        return self.get(self.iri(type_, max(active))) if active else None

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        """All lines of schemas by message type."""
        types = [f"{one[1]}.{one[2]}" for one in map(SUBJECT.fullmatch, self._files.all) if one]
        found = {type_: self.subject(type_) for type_ in types}
        return {type_: one for type_, one in found.items() if one is not None}

    def subject(self, type_: str) -> Subject | None:
        """The line of schemas of a message type, if it is here."""
        path = f"schemas/{type_.replace('.', '/', 1)}/subject.yaml"
        if type_ not in self._subjects and path in self._files.all:
            subject = self._files.document(Subject, path)
            if subject.type != type_:
                raise RegistryError(
                    "registry.document", f"{path}: type: got {subject.type}, expected {type_}"
                )
            self._subjects[type_] = subject
        return self._subjects.get(type_)

    def _read_version(self, iri: str) -> SchemaVersion | None:
        prefix = f"{self._base}schemas/"
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
            iri=self.iri,
            read=lambda type_, number: self.resources(kind).named(type_, number),
        )

    def resources(self, kind: str) -> SchemaResources:
        """Every schema of a kind, ``json`` or ``avro``, for references from one to another."""
        if kind not in self._resources:
            ending = _ENDINGS[kind]
            paths = [path for path, _ in self._files.below("schemas/", ending)]
            names = [path[len("schemas/") : -len(ending)] for path in paths]
            self._resources[kind] = SchemaResources(
                self._base,
                names,
                lambda name: self._linked(
                    name, read_json(path := f"schemas/{name}{ending}", self._files.file(path)), kind
                ),
            )
        return self._resources[kind]
