"""Reads all documents of a source that can be read, and tells of those that cannot.

Does not compare documents with each other. What is faulty is left out of what the other checks ask,
so that one fault is told once and hides no other.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from xroad_lite.errors import IdentifierError, RegistryError, XRoadError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import Trust, read_certificates
from xroad_lite.registry import Agreement, Instance, Member, Parties
from xroad_lite.registry.documents import DocumentError, Fault, faults, read_json, read_yaml
from xroad_lite.registry.linking import linked
from xroad_lite.registry.models import Document, Group, Subject
from xroad_lite.registry.resources import SchemaResources
from xroad_lite.registry.schema_ids import fingerprint
from xroad_lite.registry.trusted import TrustedInstance
from xroad_lite.stewardship.checking import layout
from xroad_lite.stewardship.checking.findings import Finding

INSTANCE: Final = "instance.yaml"
ENDINGS: Final = {"json": "json", "avro": "avsc"}
_D = TypeVar("_D", bound=Document)
_NO_BASE: Final = "https://registry.invalid/"
_BASE: Final = re.compile(rb"""^base:[ ]*['"]?(https?://[^\s'"]+/)['"]?[ ]*\r?$""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A source as far as it can be read: each document with its path, in the order of paths.

    ``now`` is Unix seconds; ``faulty`` are the bytes of documents that could not be read.
    """

    files: Mapping[str, bytes]
    now: float
    instance: Instance | None
    members: tuple[tuple[str, Member], ...]
    groups: tuple[tuple[str, Group], ...]
    agreements: tuple[tuple[str, Agreement], ...]
    trusted: tuple[tuple[str, TrustedInstance], ...]
    subjects: Mapping[str, tuple[str, Subject]]
    """By message type."""
    parties: Parties = field(repr=False)
    base: str
    """The instance's base IRI, or its stand-in."""
    resources: Mapping[str, SchemaResources] = field(repr=False)
    """By kind, for references from one schema to another."""
    faulty: frozenset[str]
    """Paths of documents that cannot be read."""
    spoken: Mapping[str, bytes] = field(repr=False)
    """What faulty documents say, together, by the folder they lie in."""
    contents: Mapping[str, bytes] = field(repr=False)
    """The fingerprint (see ``registry.schema_ids``) of each schema file that a subject lists."""
    broken: set[str] = field(default_factory=set, repr=False)
    """Schema files that do not compile, as far as they have been tried."""
    suggestions: Iterator[int] = field(default_factory=lambda: iter(range(300)), repr=False)

    @property
    def documents(self) -> Iterator[tuple[str, Document]]:
        """All of them."""
        if self.instance is not None:
            yield INSTANCE, self.instance
        yield from self.members
        yield from self.groups
        yield from self.agreements
        yield from self.trusted
        yield from self.subjects.values()

    @property
    def trust(self) -> Trust:
        """The authorities and intermediates that can be read; ``KeysError`` is told elsewhere."""

        def certificates(paths: Iterable[str]) -> list[bytes]:
            found = (self.files[path] for path in paths if path in self.files)
            return [der for pem in found for der in read_certificates(pem)]

        if self.instance is None:
            return Trust([])
        return Trust(
            certificates(self.instance.authorities), certificates(self.instance.intermediates)
        )

    def schema(self, type_: str, number: str, kind: str) -> Any:
        """The linked document of a version, a draft too; None if it is not here, or is faulty."""
        if version_file(type_, number, kind) in self.broken:
            return None
        try:
            name = f"{type_.replace('.', '/', 1)}/{number}"
            return self.resources[kind].get(name)
        except XRoadError:
            return None

    def nearest(self, name: str, known: Iterable[str]) -> str:
        """What was probably meant, as the end of a sentence; empty when nothing is near.

        Looking costs, so after some hundred times it is left.
        """
        if next(self.suggestions, None) is None:
            return ""
        alike = [one for one in known if abs(len(one) - len(name)) < 4]
        found = difflib.get_close_matches(name, alike, 1, 0.8)
        return f" (did you mean {found[0]}?)" if found else ""

    def may_name(self, text: str, folder: str) -> bool:
        """Whether a faulty document in a folder speaks of it: then its absence is no news."""
        return text.encode() in self.spoken.get(folder, b"")


def read_all(files: Mapping[str, bytes], now: float, findings: list[Finding]) -> Reading:
    """Read every document; what is wrong with one by itself is added to ``findings``."""
    reader = _Reader(files, findings)
    instance = reader.model(Instance, INSTANCE)
    found = reader.documents()
    members, groups = _of(found, Member), _of(found, Group)
    subjects = {one.type: (path, one) for path, one in _of(found, Subject)}
    schemas = reader.schemas()
    base = instance.base if instance else _base(files.get(INSTANCE, b""))
    spoken: dict[str, bytes] = {}
    for path in sorted(reader.faulty):
        folder = path.partition("/")[0] + "/"
        spoken[folder] = spoken.get(folder, b"") + b"\n" + files[path]
    return Reading(
        files=files,
        now=now,
        instance=instance,
        members=members,
        groups=groups,
        agreements=_of(found, Agreement),
        trusted=_of(found, TrustedInstance),
        subjects=subjects,
        parties=Parties(
            (one for _, one in members),
            (one for _, one in groups),
            instance.instance if instance else None,
        ),
        base=base,
        resources={kind: _resources(kind, base, schemas, subjects) for kind in ENDINGS},
        faulty=frozenset(reader.faulty),
        spoken=spoken,
        contents=dict(_fingerprints(schemas, subjects)),
    )


def _of(found: list[tuple[str, Document]], model: type[_D]) -> tuple[tuple[str, _D], ...]:
    return tuple((path, one) for path, one in found if isinstance(one, model))


def _base(data: bytes) -> str:
    """The base IRI that a faulty instance document gives all the same."""
    found = _BASE.search(data)
    return found[1].decode("utf-8", "replace") if found else _NO_BASE


def _resources(
    kind: str,
    base: str,
    schemas: Mapping[str, Any],
    subjects: Mapping[str, tuple[str, Subject]],
) -> SchemaResources:
    """The schemas of a kind, by the names that references use, linked when asked for."""
    ending = f".{ENDINGS[kind]}"
    names = [path[len("schemas/") : -len(ending)] for path in schemas if path.endswith(ending)]

    def read(name: str) -> Any:
        type_, _, number = name.rpartition("/")
        _, subject = subjects.get(type_.replace("/", "."), ("", None))
        version = subject.versions.get(number) if subject else None
        return linked(
            schemas[f"schemas/{name}{ending}"],
            kind,
            version.references if version else (),
            iri=lambda of, number: f"{base}schemas/{of.replace('.', '/', 1)}/{number}",
            read=lambda of, number: resources.named(of, number),
        )

    resources = SchemaResources(base, names, read)
    return resources


def _fingerprints(
    schemas: Mapping[str, Any], subjects: Mapping[str, tuple[str, Subject]]
) -> Iterator[tuple[str, bytes]]:
    for _, subject in subjects.values():
        for number, version in subject.versions.items():
            file = version_file(subject.type, number, subject.kind)
            if file in schemas:
                yield file, fingerprint(subject.kind, schemas[file], version.references)


def version_file(type_: str, number: str, kind: str) -> str:
    """The path of a version's file."""
    return f"schemas/{type_.replace('.', '/', 1)}/{number}.{ENDINGS[kind]}"


@dataclass(slots=True)
class _Reader:
    files: Mapping[str, bytes]
    findings: list[Finding]
    faulty: set[str] = field(default_factory=set)

    def documents(self) -> list[tuple[str, Document]]:
        found: list[tuple[str, Document]] = []
        for path in sorted(self.files):
            for pattern, model in layout.MODELS:
                if pattern.fullmatch(path):
                    document = self.model(model, path)
                    if document is not None and self._is_in_place(path, document):
                        found.append((path, document))
        return found

    def model(self, model: type[_D], path: str) -> _D | None:
        if path not in self.files:
            self.findings.append(
                Finding(path, "registry.missing_file", "the source has no such file", hint=_BEGIN)
            )
            return None
        value = self._value(path)
        try:
            return model.model_validate(value) if path not in self.faulty else None
        except ValidationError as error:
            self.findings += [
                Finding(
                    path, "registry.document", fault.problem + _meant(value, fault), at=fault.at
                )
                for fault in faults(error)
            ]
            self.faulty.add(path)
            return None

    def _value(self, path: str) -> Any:
        read = read_json if path.endswith((".json", ".avsc")) else read_yaml
        try:
            return read(path, self.files[path])
        except DocumentError as error:
            self._refuse(path, error.code, error.problem, error.line, error.column)
        except RegistryError as error:
            self._refuse(path, error.code, error.message.removeprefix(f"{path} "))
        return None

    def _refuse(self, path: str, code: str, message: str, line: int = 0, column: int = 0) -> None:
        self.findings.append(Finding(path, code, message, line=line, column=column))
        self.faulty.add(path)

    def _is_in_place(self, path: str, document: Document) -> bool:
        """Whether the names that a file and its fields give together are names."""
        fault: Finding | None = None
        if (match := layout.SUBJECT.fullmatch(path)) and isinstance(document, Subject):
            expected = f"{match[1]}.{match[2]}"
            if document.type != expected:
                message = f"type: got {document.type}, expected {expected}, as its folders say"
                fault = Finding(path, "registry.document", message, at=("type",))
        elif isinstance(document, Member):
            fault = _subsystem_fault(path, document)
        if fault is not None:
            self.findings.append(fault)
            self.faulty.add(path)
        return fault is None

    def schemas(self) -> dict[str, Any]:
        """Every schema that is JSON, by path."""
        paths = [path for path in sorted(self.files) if layout.VERSION.fullmatch(path)]
        found = {path: self._value(path) for path in paths}
        return {path: value for path, value in found.items() if path not in self.faulty}


def _meant(value: Any, fault: Fault) -> str:
    """For what is missing, a field that is probably meant by it, as the end of a sentence."""
    if not fault.is_missing:
        return ""
    for step in fault.at[:-1]:
        value = value[step]
    found = difflib.get_close_matches(str(fault.at[-1]), value, 1, 0.7)
    return f" (is it meant by {found[0]}?)" if found else ""


def _subsystem_fault(path: str, member: Member) -> Finding | None:
    for index, subsystem in enumerate(member.subsystems):
        try:
            SubsystemId.parse(
                f"{member.member}/{subsystem.code.replace('%', '%25').replace('/', '%2F')}"
            )
        except IdentifierError as error:
            at = ("subsystems", index, "code")
            return Finding(path, error.code, error.message, hint=error.hint, at=at)
    return None


_BEGIN: Final = "begin a source with: xroad-lite init"
