"""Registers schema versions in a source directory, and leads them through their life.

Draft, active, deprecated, retired. Does not publish: a version counts for nodes when the source is
published. What was registered never changes; only a draft may be replaced.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xroad_lite.errors import RegistryError, SchemaError
from xroad_lite.identifiers import MemberId
from xroad_lite.registry.documents import check_size, read_json
from xroad_lite.registry.models import Reference, Subject
from xroad_lite.schema import Incompatibility, check_compatibility, compile_schema
from xroad_lite.schema.evolution.modes import MODES
from xroad_lite.stewardship.schema_sources import IN_USE, SchemaSource, SourceVersion
from xroad_lite.stewardship.subject_files import (
    new_subject,
    with_compatibility,
    with_status,
    with_version,
    without_compatibility,
)
from xroad_lite.transports import REPLIES

_NEXT = {"draft": ("active",), "active": ("deprecated",), "deprecated": ("active", "retired")}
_KINDS = {"json": "JSON Schema", "avro": "Avro"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What registering a document would mean; nothing is written yet.

    ``same_as`` is the version that has this content already, ``findings`` why it does not go
    together with earlier versions, ``against`` the numbers of these.
    """

    type: str
    kind: str
    mode: str
    version: int
    against: tuple[int, ...]
    findings: tuple[Incompatibility, ...]
    same_as: int | None


def propose(
    source: Path,
    type_: str,
    document: Any,
    kind: str,
    *,
    mode: str = "",
    references: Sequence[Reference] = (),
) -> Proposal:
    """Judge a document as the next version of a message type's schema, by the subject's mode.

    ``document`` is parsed, or the bytes of a file; ``mode`` asks by another mode than the
    subject's; ``references`` say which versions the names in it mean. A type without a subject has
    no earlier versions. ``SchemaError`` where the document is itself wrong or of another kind,
    ``IdentifierError`` for a type that is no name.
    """
    schemas = SchemaSource(source)
    parsed = schemas.linked(_parsed(type_, document), kind, references)
    return _propose(schemas, type_, parsed, kind, mode)


def register_version(
    source: Path,
    type_: str,
    document: Any,
    kind: str,
    *,
    owner: str = "",
    title: Mapping[str, str] | None = None,
    mode: str = "",
    status: str = "active",
    references: Sequence[Reference] = (),
) -> SourceVersion:
    """Register a document as the next version; gives the version that has this content.

    ``document`` is parsed, or the bytes of a file, which are kept as they are. What is registered
    already is not registered again; a draft as the newest version is replaced. ``owner``, ``title``
    and ``mode`` (BACKWARD unless given) make a subject that is not there yet; ``owner`` is needed
    for it. ``references`` say which versions the document means by names of its own.
    ``SchemaError`` ``schema.incompatible`` where the mode is broken, with all reasons in
    ``propose``; nothing is written then.
    """
    if status not in ("draft", "active"):
        raise ValueError(f"a version is registered as draft or active, not as {status!r}")
    parsed = _parsed(type_, document)
    schemas = SchemaSource(source)
    with _locked(source):
        proposal = _propose(
            schemas,
            type_,
            schemas.linked(parsed, kind, references),
            kind,
            "" if schemas.subject(type_) else mode,
        )
        if proposal.same_as is not None:
            return schemas.version(type_, proposal.same_as)
        if proposal.findings and status != "draft":
            raise _incompatible(proposal)
        text = _subject_text(schemas, proposal, owner, dict(title or {}))
        data = document if isinstance(document, bytes) else _pretty(parsed)
        path = schemas.version_path(type_, proposal.version, kind)
        check_size(path.name, data)
        _check_free(path, parsed, proposal, schemas.subject(type_))
        text = _with(schemas, proposal, text, status, references)
        _write(path, data)
        _write(schemas.subject_path(type_), text.encode())
        return schemas.version(type_, proposal.version)


def set_status(source: Path, type_: str, version: int, status: str) -> SourceVersion:
    """Move a version on in its life; ``SchemaError`` where it cannot go there from where it is.

    A draft that becomes active must keep the subject's mode of compatibility.
    """
    schemas = SchemaSource(source)
    with _locked(source):
        found = schemas.version(type_, version)
        if status == found.status:
            return found
        if status not in _NEXT.get(found.status, ()):
            raise _no_way(found, status)
        if found.status == "draft":
            proposal = _propose(schemas, type_, found.document, found.kind, "")
            if proposal.findings:
                raise _incompatible(proposal)
        path = schemas.subject_path(type_)
        name = path.relative_to(source).as_posix()
        text = with_status(name, path.read_text(encoding="utf-8"), version, status)
        _write(path, text.encode())
        return replace(found, status=status)


def draft_from(source: Path, type_: str, version: int) -> SourceVersion:
    """Begin the next version as a copy of this one; the newest draft, if there is one already.

    Where ``$id`` names the version it names the next one.
    """
    schemas = SchemaSource(source)
    with _locked(source):
        found, last = schemas.version(type_, version), schemas.versions(type_)[-1]
        if last.status == "draft":
            return last
        number = last.version + 1
        name = f"{type_.replace('.', '/', 1)}/"
        data = found.path.read_text(encoding="utf-8")
        data = data.replace(f'{name}{version}"', f'{name}{number}"', 1)
        subject = schemas.subject_path(type_)
        edited = with_version(
            subject.relative_to(source).as_posix(),
            subject.read_text(encoding="utf-8"),
            number,
            "draft",
            found.references,
        )
        path = schemas.version_path(type_, number, found.kind)
        if not path.exists():
            _write(path, data.encode())
        _write(subject, edited.encode())
        return schemas.version(type_, number)


def set_mode(source: Path, type_: str, mode: str | None) -> None:
    """Let a type's schema evolve by another mode from now on; by BACKWARD with None."""
    schemas = SchemaSource(source)
    with _locked(source):
        schemas.known(type_)
        path = schemas.subject_path(type_)
        name, text = path.relative_to(source).as_posix(), path.read_text(encoding="utf-8")
        if mode is None:
            text = without_compatibility(name, text)
        else:
            text = with_compatibility(name, text, _mode(mode))
        _write(path, text.encode())


def _parsed(type_: str, document: Any) -> Any:
    return (
        read_json(f"the schema of {type_}", document) if isinstance(document, bytes) else document
    )


def _propose(schemas: SchemaSource, type_: str, document: Any, kind: str, mode: str) -> Proposal:
    if kind not in _KINDS:
        raise ValueError(f"unknown kind of schema {kind!r}: expected 'json' or 'avro'")
    if type_ == REPLIES:
        raise SchemaError("schema.reserved", f"{REPLIES} is the lane of all replies: choose a name")
    subject = schemas.subject(type_)
    mode = _mode(mode or (subject.compatibility if subject else "BACKWARD"))
    if subject is not None and subject.kind != kind:
        raise SchemaError(
            "schema.other_kind",
            f"{type_} has versions in {_KINDS[subject.kind]}, and this one is {_KINDS[kind]}",
            hint="register it under another name: a line of versions is of one kind",
        )
    resources = schemas.resources(kind)
    compile_schema(document, kind, resources=resources)
    versions = schemas.versions(type_) if subject else []
    earlier = [one for one in versions if one.status in IN_USE]
    same = _same(document, earlier)
    drafts = [one.version for one in versions[-1:] if one.status == "draft"]
    findings, compared = compare(document, earlier, kind, mode, resources)
    return Proposal(
        type_,
        kind,
        mode,
        drafts[0] if drafts else max((one.version for one in versions), default=0) + 1,
        tuple(compared),
        tuple(findings if same is None else ()),
        same,
    )


def compare(
    document: Any,
    earlier: Sequence[SourceVersion],
    kind: str,
    mode: str,
    resources: Mapping[str, Any],
) -> tuple[list[Incompatibility], list[int]]:
    """Why a document does not follow earlier versions in use, and which of them were asked."""
    mode = _mode(mode)
    asked = list(earlier) if mode.endswith("_TRANSITIVE") else list(earlier[-1:])
    olds = [one.document for one in asked]
    found = check_compatibility(document, olds, kind, mode, resources=resources) if olds else []
    return found, [one.version for one in asked]


def _mode(mode: str) -> str:
    if mode.upper() not in MODES:
        raise SchemaError(
            "schema.unknown_mode",
            f"got the mode of compatibility {mode[:40]!r}: expected one of {', '.join(MODES)}",
        )
    return mode.upper()


def _same(document: Any, versions: list[SourceVersion]) -> int | None:
    mine = _canonical(document)
    return next((one.version for one in versions if _canonical(one.document) == mine), None)


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True)  # integers of any size


def _subject_text(
    schemas: SchemaSource, proposal: Proposal, owner: str, title: dict[str, str]
) -> str:
    path = schemas.subject_path(proposal.type)
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if not owner:
        raise SchemaError(
            "schema.unknown_type",
            f"{proposal.type} is new, and nobody owns it yet",
            hint="name the member that answers for it with --owner INSTANCE/CLASS/MEMBER",
        )
    owner = str(MemberId.parse(owner))
    return new_subject(proposal.type, proposal.kind, proposal.mode, owner, title)


def _with(
    schemas: SchemaSource,
    proposal: Proposal,
    text: str,
    status: str,
    references: Sequence[Reference],
) -> str:
    name = schemas.subject_path(proposal.type).relative_to(schemas.source).as_posix()
    subject = schemas.subject(proposal.type)
    draft = subject.versions.get(str(proposal.version)) if subject else None
    if draft is None:
        return with_version(name, text, proposal.version, status, references)
    if draft.references != list(references):
        raise SchemaError(
            "schema.references",
            f"version {proposal.version} of {proposal.type} is a draft with other references",
            hint=f"write them into {name} first",
        )
    return with_status(name, text, proposal.version, status)


def _pretty(document: Any) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _check_free(path: Path, document: Any, proposal: Proposal, subject: Subject | None) -> None:
    """Refuse to write over a file that somebody put there by hand, unless it says the same."""
    if subject is not None and str(proposal.version) in subject.versions:
        return
    if path.exists() and _canonical(read_json(path.name, path.read_bytes())) != _canonical(
        document
    ):
        raise SchemaError(
            "schema.file_exists",
            f"{path} is there with another content, and no version of {proposal.type}",
            hint="register that file, or move it away",
        )


def _incompatible(proposal: Proposal) -> SchemaError:
    first, count = proposal.findings[0], len(proposal.findings)
    more = f" (and {count - 1} more)" if count > 1 else ""
    return SchemaError(
        "schema.incompatible",
        f"version {proposal.version} of {proposal.type} breaks {proposal.mode}: {first}{more}",
        hint=f"see all reasons with: xroad-lite schema check FILE --type {proposal.type}",
    )


def _no_way(found: SourceVersion, status: str) -> SchemaError:
    ways = " or ".join(_NEXT.get(found.status, ())) or "nothing else"
    return SchemaError(
        "schema.lifecycle",
        f"version {found.version} of {found.type} is {found.status}: it can become {ways}, "
        f"not {status}",
    )


@contextmanager
def _locked(source: Path) -> Iterator[None]:
    """One hand at a time in a source directory; the lock leaves no file behind."""
    try:
        folder = os.open(source, os.O_RDONLY)
    except OSError as error:
        raise RegistryError(
            "registry.out_of_reach", f"there is no directory {source}: {error.strerror}"
        ) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
