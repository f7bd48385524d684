"""What a registry offers, arranged for those who look for something; knows no output form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from xroad_lite.identifiers import SubsystemId
from xroad_lite.registry import Agreement, Member, SchemaVersion, Snapshot
from xroad_lite.registry.models import Service, Subject, Subsystem
from xroad_lite.registry.purposes import Purposes
from xroad_lite.semantics.avro import json_schema_of

Texts = Mapping[str, str]
USABLE: Final = ("active", "deprecated")
_FIRST: Final = ("en", "es", "pt")


@dataclass(frozen=True, slots=True)
class TypeOffer:
    """A message type: its subject, the versions that may be used, and who answers for it."""

    type: str
    subject: Subject
    versions: tuple[SchemaVersion, ...]
    owner: Member | None
    title: Texts
    description: Texts

    @property
    def newest(self) -> SchemaVersion | None:
        """The newest version that may be used."""
        return self.versions[-1] if self.versions else None


@dataclass(frozen=True, slots=True)
class ServiceOffer:
    """A service of a subsystem, with the institution that answers for it."""

    identifier: SubsystemId
    member: Member
    subsystem: Subsystem
    service: Service

    @property
    def code(self) -> str:
        """Code, and version where it has one: ``person-by-code/v1``."""
        version = self.service.version
        return f"{self.service.code}/{version}" if version else self.service.code


class Catalogue:
    """One registry's members, types, services and agreements, each in a fixed order."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.instance = snapshot.instance
        self.base = snapshot.instance.base

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """All institutions, by identifier."""
        return tuple(sorted(self.snapshot.members, key=lambda one: one.member))

    @cached_property
    def by_identifier(self) -> dict[str, Member]:
        """The same by identifier."""
        return {one.member: one for one in self.members}

    @cached_property
    def agreements(self) -> tuple[Agreement, ...]:
        """All agreements, by name and version."""
        found = self.snapshot.agreements
        return tuple(sorted(found, key=lambda one: (one.agreement, one.version)))

    @cached_property
    def types(self) -> tuple[TypeOffer, ...]:
        """All message types, by name."""
        return tuple(
            self._type(type_, subject) for type_, subject in sorted(self.snapshot.subjects.items())
        )

    @cached_property
    def titles(self) -> dict[str, Texts]:
        """The title of each message type."""
        return {one.type: one.title for one in self.types}

    def _type(self, type_: str, subject: Subject) -> TypeOffer:
        numbers = sorted(int(n) for n, one in subject.versions.items() if one.status in USABLE)
        found = [self.snapshot.schema(self.snapshot.schema_iri(type_, one)) for one in numbers]
        versions = tuple(one for one in found if one is not None)
        document = versions[-1].document if versions else {}
        title = dict(subject.title) or texts_of(document, "title") or {"en": type_}
        return TypeOffer(
            type_,
            subject,
            versions,
            self.by_identifier.get(subject.owner),
            title,
            texts_of(document, "description") or title,
        )

    @cached_property
    def services(self) -> tuple[ServiceOffer, ...]:
        """All services, by subsystem and code."""
        found = [
            ServiceOffer(identifier_of(member, subsystem), member, subsystem, service)
            for member in self.members
            for subsystem in member.subsystems
            for service in subsystem.services
        ]
        return tuple(sorted(found, key=lambda one: (str(one.identifier), one.code)))

    @property
    def purposes(self) -> Purposes:
        """The known purposes with their titles."""
        return self.snapshot.purposes

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages in which the instance, its members or types are named; en, es, pt first."""
        found = {*self.instance.title, *self.instance.languages}
        for member in self.members:
            found |= set(member.name)
        for one in self.types:
            found |= set(one.title)
        known = [one for one in _FIRST if one in found]
        return (*known, *sorted(found - set(known)))

    def agreements_of(self, type_: str) -> tuple[Agreement, ...]:
        """The agreements under which messages of a type travel, answers too."""
        asked = {
            service.service.request
            for service in self.services
            if service.service.response == type_
        }
        return tuple(
            one
            for one in self.agreements
            if type_ in one.types or (one.operation == "request" and asked & set(one.types))
        )

    def agreements_for(self, offer: ServiceOffer) -> tuple[Agreement, ...]:
        """The agreements under which a service may be asked."""
        name, request = str(offer.identifier), offer.service.request
        return tuple(
            one
            for one in self.agreements
            if one.operation == "request"
            and request in one.types
            and name in self.snapshot.parties.standing(one.provider)
        )

    def iri(self, *segments: str) -> str:
        """An address below the instance's base, each segment percent-encoded."""
        from urllib.parse import quote

        return self.base + "/".join(quote(one, safe="") for one in segments)


def identifier_of(member: Member, subsystem: Subsystem) -> SubsystemId:
    """The identifier of a member's subsystem."""
    code = subsystem.code.replace("%", "%25").replace("/", "%2F")
    return SubsystemId.parse(f"{member.member}/{code}")


def texts_of(document: Any, word: str) -> dict[str, str]:
    """A schema's title or description by language; English where it says none."""
    if not isinstance(document, dict):
        return {}
    texts = document.get(f"x-{word}")
    if isinstance(texts, dict):
        found = {str(key): str(text) for key, text in texts.items() if isinstance(text, str)}
        if found:
            return found
    plain = document.get(word) or (document.get("doc") if word == "description" else None)
    return {"en": plain} if isinstance(plain, str) and plain else {}


def text(texts: Texts, language: str = "en") -> str:
    """One text, in a language if there is one, else in the first there is."""
    return texts.get(language) or next(iter(texts.values()), "")


def as_json_schema(version: SchemaVersion) -> Any:
    """The JSON Schema of a version, of an Avro one too where it can be said."""
    return json_schema_of(version.document)
