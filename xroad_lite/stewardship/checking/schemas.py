"""Checks schemas and their subjects as far as a registry needs it; does not judge their style."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from xroad_lite.errors import XRoadError
from xroad_lite.registry.models import Subject, Version
from xroad_lite.registry.resources import SchemaResources
from xroad_lite.registry.schema_ids import schema_id
from xroad_lite.registry.yaml_values import Path
from xroad_lite.schema import compile_schema
from xroad_lite.schema.evolution.modes import MODES
from xroad_lite.schema.pointers import parsed
from xroad_lite.schema.references import MAX_FILES, addresses, too_many_files
from xroad_lite.stewardship.checking import layout
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import ENDINGS, Reading, version_file
from xroad_lite.stewardship.checking.wording import check_named
from xroad_lite.transports import REPLIES

_REFERS: Final = re.compile(rb"""["']\$(?:ref|dynamicRef)["']\s*:\s*["'](?!#)""")
_POINTER: Final = re.compile(r" at (/[^\s:,]*)")
_REFERENCE: Final = re.compile(r"the reference '([^']+)'")


def check_subjects(reading: Reading) -> Iterator[Finding]:
    """Each message type: its owner, its versions, and the files of these."""
    members = {one.member: one for _, one in reading.members}
    for type_, (path, subject) in reading.subjects.items():
        if type_ == REPLIES:
            message = f"{REPLIES} is the lane of all replies: choose another name"
            yield Finding(path, "registry.reserved", message, at=("type",))
        if subject.compatibility not in MODES:
            message = f"compatibility: got {subject.compatibility[:40]!r}: expected one of "
            yield Finding(
                path, "registry.document", message + ", ".join(MODES), at=("compatibility",)
            )
        if not subject.title and not _has_title(reading, subject):
            yield from check_named(path, subject.title, ("title",))
        if subject.owner not in members and not reading.may_name(subject.owner, "members/"):
            near = reading.nearest(subject.owner, members)
            message = f"owner {subject.owner} is no member{near}"
            hint = "register the institution that answers for it below members/"
            yield Finding(path, "registry.unknown_member", message, hint=hint, at=("owner",))
        elif subject.owner in members and members[subject.owner].status != "active":
            message = f"owner {subject.owner} is suspended: nobody answers for this schema"
            yield Finding(path, "registry.suspended", message, "warning", at=("owner",))
        if not subject.versions:
            message = "no version is registered yet"
            yield Finding(path, "registry.no_version", message, "note", at=("versions",))
        for number, version in subject.versions.items():
            yield from _version_entry(reading, path, subject, number, version)


def _has_title(reading: Reading, subject: Subject) -> bool:
    """Whether the newest schema has a title, or in Avro a name, where its subject has none."""
    for number in sorted(map(int, subject.versions), reverse=True):
        document = reading.schema(subject.type, str(number), subject.kind)
        if isinstance(document, dict):
            return any(document.get(word) for word in ("title", "x-title", "doc", "name"))
    return False


def _version_entry(
    reading: Reading, path: str, subject: Subject, number: str, version: Version
) -> Iterator[Finding]:
    file = version_file(subject.type, number, subject.kind)
    if file not in reading.files:
        message = f"there is no file of version {number}: expected {file}"
        yield Finding(path, "registry.missing_file", message, at=("versions", number))
    for index, one in enumerate(version.references):
        at: Path = ("versions", number, "references", index)
        known = reading.subjects.get(one.type)
        if known is None or str(one.version) not in known[1].versions:
            message = f"version {number} refers to {one.type} version {one.version}: not here"
            yield Finding(path, "registry.reference", message, at=at)
        elif known[1].kind != subject.kind:
            message = f"version {number} refers to {one.type}, which is {known[1].kind}: "
            yield Finding(path, "registry.reference", f"{message}expected {subject.kind}", at=at)


class _Reach:
    """How many other files each schema refers to, counted before any of them is compiled.

    So a line of thousands of schemas, each referring to the one before, is refused at once.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._steps: dict[str, tuple[str, ...]] = {}

    def is_far(self, name: str) -> bool:
        """Whether a JSON schema, named as ``citizens/birth/2``, reaches too many files."""
        met = {name}
        pending = [name]
        while pending and len(met) <= MAX_FILES + 1:
            fresh = [one for one in self._steps_of(pending.pop()) if one not in met]
            met.update(fresh)
            pending += fresh
        return len(met) > MAX_FILES + 1

    def _steps_of(self, name: str) -> tuple[str, ...]:
        if name not in self._steps:
            self._steps[name] = tuple(self._read(name))
        return self._steps[name]

    def _read(self, name: str) -> Iterator[str]:
        data = self._reading.files.get(f"schemas/{name}.json", b"")
        if _REFERS.search(data) is None:
            return
        resources, prefix = self._reading.resources["json"], f"{self._reading.base}schemas/"
        try:
            for one in addresses(resources[name], f"{prefix}{name}"):
                if one in resources:
                    yield one.removeprefix(prefix)
        except XRoadError:
            return  # told where it is compiled


def check_versions(reading: Reading) -> Iterator[Finding]:
    """Each schema file: that it is listed, and that it compiles."""
    reach = _Reach(reading)
    for path in sorted(reading.files):
        match = layout.VERSION.fullmatch(path)
        if match is None or path in reading.faulty:
            continue
        found = reading.subjects.get(f"{match[1]}.{match[2]}")
        if found is None:
            yield from _no_subject(reading, path, f"schemas/{match[1]}/{match[2]}/subject.yaml")
            continue
        subject = found[1]
        if match[3] not in subject.versions or match[4] != ENDINGS[subject.kind]:
            message = f"{found[0]} does not list it: nothing reads this version"
            if match[3] in subject.versions:
                message = f"{found[0]} says kind {subject.kind}: expected .{ENDINGS[subject.kind]}"
            yield Finding(path, "registry.unread", message, "warning")
            continue
        resources = reading.resources[subject.kind]
        name = f"{match[1]}/{match[2]}/{match[3]}"
        if subject.kind == "json" and reach.is_far(name):
            reading.broken.add(path)
            error = too_many_files()
            yield Finding(path, error.code, error.message, hint=error.hint)
            continue
        for finding in _compiles(path, name, subject.kind, resources):
            reading.broken.add(path)
            if not _is_of_another(finding, reading.files[path]):
                yield finding


def _no_subject(reading: Reading, path: str, subject: str) -> Iterator[Finding]:
    if subject not in reading.files:
        message = f"there is no {subject}: nothing reads this schema"
        yield Finding(path, "registry.missing_file", message, hint="add it, with type and owner")


def _compiles(path: str, name: str, kind: str, resources: SchemaResources) -> Iterator[Finding]:
    try:
        document = resources[name]
    except XRoadError as error:
        yield Finding(path, error.code, error.message, hint=error.hint)
        return
    try:
        compile_schema(document, kind, resources=resources)
    except XRoadError as error:
        at, near = None, ""
        if (pointer := _POINTER.search(error.message)) is not None:
            at = steps(document, pointer[1])
        elif (reference := _REFERENCE.search(error.message)) is not None:
            near = f'"{reference[1]}"'
        yield Finding(path, error.code, error.message, hint=error.hint, at=at, near=near)


def _is_of_another(finding: Finding, data: bytes) -> bool:
    """Whether a reference that leads nowhere stands in a file that this one refers to."""
    return bool(finding.near) and finding.near.encode() not in data


def check_numbers(reading: Reading) -> Iterator[Finding]:
    """Numbers follow from content, so two contents may come to one: see ``schema_ids``."""
    seen: dict[int, tuple[bytes, str]] = {}
    for path, content in reading.contents.items():
        number = schema_id(content)
        other = seen.setdefault(number, (content, path))
        if other[0] != content:
            message = (
                f"its content comes to the number {number}, as that of {other[1]} does: change a "
                "word of its description"
            )
            yield Finding(path, "registry.schema_id", message)


def steps(document: Any, pointer: str) -> Path:
    """The path of a JSON Pointer in a document, positions as numbers, as far as it leads."""
    found: list[str | int] = []
    for segment in parsed(pointer):
        if isinstance(document, Mapping) and segment in document:
            found.append(segment)
            document = document[segment]
        elif isinstance(document, list) and segment.isdecimal() and int(segment) < len(document):
            found.append(int(segment))
            document = document[int(segment)]
        else:
            break
    return tuple(found)
