"""The schemas in a registry's source directory, as a steward works on them; does not change them.

Drafts are here too, which no snapshot shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from xroad_lite.errors import RegistryError, SchemaError
from xroad_lite.identifiers import MessageType
from xroad_lite.registry.documents import MAX_DOCUMENT_BYTES, read_document, read_json
from xroad_lite.registry.linking import linked
from xroad_lite.registry.models import Instance, Reference, Subject
from xroad_lite.registry.resources import SchemaResources

ENDINGS = {"json": ".json", "avro": ".avsc"}
IN_USE = ("active", "deprecated")
_FILE = re.compile(r"[1-9][0-9]{0,5}")
_NO_INSTANCE = "https://registry.invalid/"


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One version of a schema as it stands in a source directory; ``document`` is linked."""

    type: str
    version: int
    kind: str
    status: str
    path: Path
    document: Any = field(repr=False)
    references: tuple[Reference, ...] = ()


class SchemaSource:
    """The folder ``schemas/`` of a source directory; each file is read when it is asked for."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.folder = source / "schemas"
        if not source.is_dir():
            raise RegistryError(
                "registry.out_of_reach",
                f"there is no directory {source}: expected one with instance.yaml and schemas/",
                hint="name it with --source",
            )

    @cached_property
    def instance(self) -> Instance | None:
        """``instance.yaml``; None in a directory that holds schemas only."""
        path = self.source / "instance.yaml"
        return read_document(Instance, "instance.yaml", _read(path)) if path.is_file() else None

    @property
    def base(self) -> str:
        """The instance's base IRI."""
        return self.instance.base if self.instance else _NO_INSTANCE

    def types(self) -> list[str]:
        """All message types that have a subject, in order."""
        found = self.folder.glob("*/*/subject.yaml")
        return sorted(f"{one.parent.parent.name}.{one.parent.name}" for one in found)

    def subject_path(self, type_: str) -> Path:
        """Where a message type's ``subject.yaml`` is, or would be."""
        return self.folder / MessageType.parse(type_).subject / "subject.yaml"

    def subject(self, type_: str) -> Subject | None:
        """A message type's line of versions; None where there is none."""
        path = self.subject_path(type_)
        if not path.is_file():
            return None
        name = path.relative_to(self.source).as_posix()
        subject = read_document(Subject, name, _read(path))
        if subject.type != type_:
            raise RegistryError(
                "registry.document", f"{name}: type: got {subject.type}, expected {type_}"
            )
        return subject

    def known(self, type_: str) -> Subject:
        """The same; ``SchemaError`` where there is none."""
        subject = self.subject(type_)
        if subject is None:
            raise SchemaError(
                "schema.unknown_type",
                f"there is no schema of {type_} in {self.source}",
                hint="see what there is with: xroad-lite schema list",
            )
        return subject

    def version_path(self, type_: str, version: int, kind: str) -> Path:
        """Where a version's file is, or would be."""
        return self.subject_path(type_).with_name(f"{version}{ENDINGS[kind]}")

    def version(self, type_: str, version: int) -> SourceVersion:
        """One version; ``SchemaError`` where there is none."""
        subject = self.known(type_)
        entry = subject.versions.get(str(version))
        if entry is None:
            has = ", ".join(subject.versions) or "none yet"
            raise SchemaError(
                "schema.unknown_version", f"{type_} has no version {version}: it has {has}"
            )
        path = self.version_path(type_, version, subject.kind)
        document = self.linked(self._document(path), subject.kind, entry.references)
        references = tuple(entry.references)
        return SourceVersion(type_, version, subject.kind, entry.status, path, document, references)

    def linked(
        self,
        document: Any,
        kind: str,
        references: Sequence[Reference],
        resources: SchemaResources | None = None,
    ) -> Any:
        """A document with what it refers to by name put in place; see ``registry.linking``."""
        if not references:
            return document
        found = resources or self.resources(kind)
        return linked(
            document,
            kind,
            references,
            iri=lambda type_, number: f"{self.base}schemas/{type_.replace('.', '/', 1)}/{number}",
            read=found.named,
        )

    def versions(self, type_: str) -> list[SourceVersion]:
        """All versions of a message type, the oldest first."""
        return [
            self.version(type_, number) for number in sorted(map(int, self.known(type_).versions))
        ]

    def newest(self, type_: str) -> SourceVersion | None:
        """The newest version in use, or else the newest draft, or else the newest of all."""
        entries = self.known(type_).versions
        for statuses in (IN_USE, ("draft",), ("retired",)):
            numbers = [int(n) for n, one in entries.items() if one.status in statuses]
            if numbers:
                return self.version(type_, max(numbers))
        return None

    def resources(self, kind: str) -> SchemaResources:
        """Every schema of a kind, drafts too, for references from one to another."""
        ending = ENDINGS[kind]
        paths = sorted(
            one for one in self.folder.glob(f"*/*/*{ending}") if _FILE.fullmatch(one.stem)
        )
        names = [one.relative_to(self.folder).with_suffix("").as_posix() for one in paths]
        found = SchemaResources(self.base, names, lambda name: self._named(name, kind, found))
        return found

    def _named(self, name: str, kind: str, resources: SchemaResources) -> Any:
        folder, _, number = name.rpartition("/")
        document = self._document(self.folder / f"{name}{ENDINGS[kind]}")
        if not (self.folder / folder / "subject.yaml").is_file():
            return document
        entry = self.known(folder.replace("/", ".")).versions.get(number)
        return self.linked(document, kind, entry.references if entry else (), resources)

    def _document(self, path: Path) -> Any:
        return read_json(path.relative_to(self.source).as_posix(), _read(path))


def _read(path: Path) -> bytes:
    """A file's bytes, one more than may be at most: what reads it says that it is too large."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise RegistryError(
            "registry.missing_file", f"cannot read {path}: {error.strerror}"
        ) from None
