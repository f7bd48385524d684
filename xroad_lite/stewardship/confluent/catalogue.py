"""A snapshot's schemas as Confluent's API asks for them: by subject, version, id and reference.

A retired version is what Confluent calls soft-deleted. Drafts are not here. Does not judge schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import SchemaError
from xroad_lite.identifiers import MessageType
from xroad_lite.registry import SchemaVersion, Snapshot
from xroad_lite.registry.models import Reference, Subject
from xroad_lite.schema.outside import OutsideNames
from xroad_lite.stewardship.confluent.answers import (
    Refusal,
    invalid_version,
    no_subject,
    no_version,
)
from xroad_lite.stewardship.confluent.names import message_type, subject_of

SCHEMA_TYPES = {"avro": "AVRO", "json": "JSON"}
MAX_VERSION = 2**31 - 1
_LATEST = ("latest", "-1")


class Catalogue:
    """All schema versions of one snapshot, indexed at the first question."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._references: dict[bytes, tuple[Reference, ...]] = {}
        self._names = {
            kind: OutsideNames(kind, snapshot.schema_resources(kind)) for kind in SCHEMA_TYPES
        }

    @cached_property
    def versions(self) -> dict[str, list[SchemaVersion]]:
        """The versions of every type, the oldest first."""
        found: dict[str, list[SchemaVersion]] = {}
        for one in self.snapshot.schemas():
            found.setdefault(one.type, []).append(one)
        return found

    @cached_property
    def _by_id(self) -> dict[int, list[SchemaVersion]]:
        found: dict[int, list[SchemaVersion]] = {}
        for versions in self.versions.values():
            for one in versions:
                found.setdefault(one.id, []).append(one)
        return found

    @cached_property
    def _by_guid(self) -> dict[str, SchemaVersion]:
        return {versions[0].guid: versions[0] for versions in self._by_id.values()}

    @cached_property
    def _referring(self) -> dict[tuple[str, int], list[SchemaVersion]]:
        found: dict[tuple[str, int], list[SchemaVersion]] = {}
        for versions in self.versions.values():
            for one in versions:
                for target in self.references(one):
                    found.setdefault((target.type, target.version), []).append(one)
        return found

    @property
    def largest_id(self) -> int:
        """The largest number that any version has; 0 where there is none."""
        return max(self._by_id, default=0)

    def with_id(self, number: int) -> list[SchemaVersion]:
        """The versions whose content comes to this number."""
        return self._by_id.get(number, [])

    def with_guid(self, guid: str) -> SchemaVersion | None:
        """A version whose content comes to this UUID."""
        return self._by_guid.get(guid.lower())

    def type_of(self, subject: str) -> str | None:
        """The type that a subject means; None where it cannot be one."""
        return message_type(subject, self.versions)

    def subject(self, type_: str) -> Subject | None:
        """A type's ``subject.yaml``."""
        return self.snapshot.subjects.get(type_)

    def of(self, subject: str, *, deleted: bool = False) -> list[SchemaVersion]:
        """The versions of a subject; 40401 where there is none to be seen."""
        versions = alive(self.versions.get(self.type_of(subject) or "", ()), deleted=deleted)
        if not versions:
            raise no_subject(subject)
        return versions

    def version(self, subject: str, text: str, *, deleted: bool = False) -> SchemaVersion:
        """One version by its number, ``latest`` or ``-1``; 42202, 40401 or 40402."""
        number = version_number(text)
        if number is None:
            versions = self.of(subject, deleted=deleted)
            return latest(versions)
        known = self.of(subject, deleted=True)
        if not deleted and not alive(known):
            raise no_subject(subject)
        for one in alive(known, deleted=deleted):
            if one.version == number:
                return one
        raise no_version(number)

    def references(self, version: SchemaVersion) -> tuple[Reference, ...]:
        """What a version refers to: by the names that it lists, and by the registry's addresses."""
        if version.content not in self._references:
            listed = {(one.type, one.version): one for one in version.references}
            for name, target in self._outside(version):
                found = Reference(name=name, type=target[0], version=target[1])
                listed.setdefault(target, found)
            self._references[version.content] = tuple(listed.values())
        return self._references[version.content]

    def referring(self, version: SchemaVersion) -> list[SchemaVersion]:
        """The versions that refer to this one."""
        return self._referring.get((version.type, version.version), [])

    def _outside(self, version: SchemaVersion) -> Iterator[tuple[str, tuple[str, int]]]:
        try:
            names = self._names[version.kind].of(version.document)
        except SchemaError:  # it was not published by us: then it refers to nothing we know
            return
        for name, key in names.items():
            domain, of, number = key.removeprefix(self._prefix).split("/")
            yield name, (f"{domain}.{of}", int(number))

    @property
    def _prefix(self) -> str:
        return f"{self.snapshot.instance.base}schemas/"

    def schema(self, version: SchemaVersion, *, resolved: bool = False) -> dict[str, Any]:
        """The fields that say what a schema is; AVRO is what is not said."""
        shown: dict[str, Any] = {}
        if version.kind != "avro":
            shown["schemaType"] = SCHEMA_TYPES[version.kind]
        references = () if resolved else self.references(version)
        if references:
            shown["references"] = [
                {"name": one.name, "subject": subject_of(one.type), "version": one.version}
                for one in references
            ]
        document = version.document if resolved else version.written
        return shown | {"schema": strict_json.dumps(document).decode()}


def alive(versions: Iterable[SchemaVersion], *, deleted: bool = False) -> list[SchemaVersion]:
    """The versions in use; with ``deleted`` the retired ones too."""
    return [one for one in versions if deleted or one.status != "retired"]


def latest(versions: list[SchemaVersion]) -> SchemaVersion:
    """The newest active version, as messages are sent by it; else the newest."""
    active = [one for one in versions if one.status == "active"]
    return (active or versions)[-1]


def version_number(text: str) -> int | None:
    """A version's number; None for the latest; 42202 for anything else."""
    if text in _LATEST:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    if not 1 <= number <= MAX_VERSION:
        raise invalid_version(text)
    return number


def checked_type(subject: str, catalogue: Catalogue) -> str:
    """The type that a subject means; 42208 where it cannot be one."""
    type_ = catalogue.type_of(subject)
    if type_ is None:
        raise Refusal(
            42208,
            f"The specified subject '{subject[:200]}' is not valid: expected domain/name, "
            "lower-case letters, digits and hyphens, as in citizens/birth-registered",
        )
    return str(MessageType.parse(type_))
