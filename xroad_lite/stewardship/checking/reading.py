"""Reads all documents of a source that can be read, and tells of those that cannot.

Does not compare documents with each other. What is faulty is left out of the draft snapshot that
the checks ask, so that one fault is told once and hides no other.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from xroad_lite.errors import IdentifierError, RegistryError, XRoadError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.registry import Agreement, Instance, Manifest, Member, Snapshot
from xroad_lite.registry.documents import DocumentError, faults, read_json, read_yaml
from xroad_lite.registry.models import Document, Group, Subject
from xroad_lite.stewardship.checking import layout
from xroad_lite.stewardship.checking.findings import Finding

INSTANCE: Final = "instance.yaml"
_D = TypeVar("_D", bound=Document)
_STAND_IN: Final = (
    b"{instance: X, base: 'https://registry.invalid/', title: {en: X}, authorities: [none.pem]}"
)


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
    subjects: Mapping[str, tuple[str, Subject]]
    """By message type."""
    snapshot: Snapshot = field(repr=False)
    faulty: Mapping[str, bytes] = field(repr=False)
    suggestions: Iterator[int] = field(default_factory=lambda: iter(range(300)), repr=False)

    @property
    def documents(self) -> Iterator[tuple[str, Document]]:
        """All of them."""
        if self.instance is not None:
            yield INSTANCE, self.instance
        yield from self.members
        yield from self.groups
        yield from self.agreements
        yield from self.subjects.values()

    def schema(self, type_: str, number: str, kind: str) -> Any:
        """The linked document of a version, a draft too; None if it is not here, or is faulty."""
        try:
            name = f"{type_.replace('.', '/', 1)}/{number}"
            return self.snapshot.schema_resources(kind).get(name)
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
        return any(
            text.encode() in data for path, data in self.faulty.items() if path.startswith(folder)
        )


def read_all(files: Mapping[str, bytes], now: float, findings: list[Finding]) -> Reading:
    """Read every document; what is wrong with one by itself is added to ``findings``."""
    reader = _Reader(files, findings)
    instance = reader.model(Instance, INSTANCE)
    found = reader.documents()
    subjects = {one.type: (path, one) for path, one in _of(found, Subject)}
    reader.read_versions()
    good = {path: data for path, data in files.items() if path not in reader.faulty}
    if instance is None:
        good[INSTANCE] = _STAND_IN
    return Reading(
        files=files,
        now=now,
        instance=instance,
        members=_of(found, Member),
        groups=_of(found, Group),
        agreements=_of(found, Agreement),
        subjects=subjects,
        snapshot=Snapshot(Manifest.read(Manifest.write(1, now, now, good)), good),
        faulty=reader.faulty,
    )


def _of(found: list[tuple[str, Document]], model: type[_D]) -> tuple[tuple[str, _D], ...]:
    return tuple((path, one) for path, one in found if isinstance(one, model))


@dataclass(slots=True)
class _Reader:
    files: Mapping[str, bytes]
    findings: list[Finding]
    faulty: dict[str, bytes] = field(default_factory=dict)

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
                Finding(path, "registry.document", fault.problem, at=fault.at)
                for fault in faults(error)
            ]
            self.faulty[path] = self.files[path]
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
        self.faulty[path] = self.files[path]

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
            self.faulty[path] = self.files[path]
        return fault is None

    def read_versions(self) -> None:
        """Parse the schemas, so that those that are no JSON are told and left out."""
        for path in sorted(self.files):
            if layout.VERSION.fullmatch(path):
                self._value(path)


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
