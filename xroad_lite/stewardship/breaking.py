"""What a change of the registry's schemas would break, and for whom; does not publish or refuse.

Compared are the registry as it is published, and the documents that are to follow it. Who reads and
who sends follows from the agreements; which version somebody reads is the newest active one, unless
the subsystem's ``reads`` says another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xroad_lite import times
from xroad_lite.errors import XRoadError
from xroad_lite.registry import RegistryFolder, SchemaVersion, Snapshot, read_source
from xroad_lite.registry.models import Agreement, Subject
from xroad_lite.schema import Incompatibility, check_compatibility
from xroad_lite.stewardship.checking import Finding
from xroad_lite.stewardship.checking.findings import Severity, located

IN_USE = ("active", "deprecated")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Users:
    """Who reads and who sends a message type today: subsystem and the version it uses."""

    readers: dict[str, int] = field(default_factory=dict)
    senders: dict[str, int] = field(default_factory=dict)


def breaking_changes(
    before: Snapshot, documents: Mapping[str, bytes], *, now: float
) -> list[Finding]:
    """What ``documents``, published after ``before``, would break, each with who is concerned.

    ``wrong`` is what the subject's own mode of compatibility forbids, or what takes away a schema
    that somebody uses; a ``warning`` is what the mode allows and somebody will still feel. Only
    schemas that can be read are compared: for the others there is ``check_registry``.
    """
    after = Snapshot.draft(documents, published=now)
    users = _users(before, now)
    findings: list[Finding] = []
    for type_ in sorted({*before.subjects, *after.subjects}):
        try:
            findings += _of_type(before, after, type_, users.get(type_, Users()))
        except XRoadError:
            continue  # told by the check of the documents themselves
    return located(findings, documents)


def base_of(path: Path) -> Snapshot:
    """The state to compare with: a published registry's newest snapshot, or another source."""
    if (path / "instance.yaml").is_file():
        return Snapshot.draft(read_source(path))
    return RegistryFolder(path).newest()


def _users(snapshot: Snapshot, now: float) -> dict[str, Users]:
    """Readers and senders of each message type, by the agreements that have not run out."""
    found: dict[str, Users] = {}
    for agreement in snapshot.agreements:
        if times.to_unix(agreement.period.until) <= now:
            continue
        for type_, reader, sender in _exchanges(snapshot, agreement):
            subject = snapshot.subjects.get(type_)
            version = _newest(subject)
            if subject is None or version is None:
                continue
            users = found.setdefault(type_, Users())
            party = snapshot.party(reader)
            users.readers[reader] = party.subsystem.reads.get(type_, version) if party else version
            users.senders[sender] = version
    return found


def _exchanges(snapshot: Snapshot, agreement: Agreement) -> Iterator[tuple[str, str, str]]:
    """Each message type with who reads it and who sends it."""
    providers = snapshot.parties.standing(agreement.provider)
    consumers = (
        snapshot.parties.standing(agreement.consumer)
        if agreement.consumer
        else frozenset(snapshot.subsystems) - providers
    )
    for type_ in agreement.types:
        for provider in providers:
            party = snapshot.party(provider)
            for consumer in consumers:
                if agreement.operation == "publish":
                    yield type_, consumer, provider
                    continue
                yield type_, provider, consumer
                if party is not None and (service := party.service(type_)) is not None:
                    yield service[1], consumer, provider


def _newest(subject: Subject | None) -> int | None:
    entries = subject.versions.items() if subject else ()
    return max((int(n) for n, one in entries if one.status == "active"), default=None)


def _of_type(before: Snapshot, after: Snapshot, type_: str, users: Users) -> Iterator[Finding]:
    was, now = before.subjects.get(type_), after.subjects.get(type_)
    path = f"schemas/{type_.replace('.', '/', 1)}"
    if now is None:
        if users.readers:
            message = f"{type_} is gone, and {_shown(users.readers)} it today"
            yield Finding("instance.yaml", "schema.removed", message, hint="retire it first")
        return
    used = _in_use(before, was)
    for version in used:
        yield from _taken_away(after, now, path, version, users)
    for version in _in_use(after, now):
        if version.version not in {one.version for one in used} and used:
            yield from _added(after, now, path, version, used, users)


def _in_use(snapshot: Snapshot, subject: Subject | None) -> list[SchemaVersion]:
    if subject is None:
        return []
    found = [
        snapshot.schema(snapshot.schema_iri(subject.type, number))
        for number in sorted(int(n) for n, one in subject.versions.items() if one.status in IN_USE)
    ]
    return [one for one in found if one is not None]


def _taken_away(
    after: Snapshot, now: Subject, path: str, version: SchemaVersion, users: Users
) -> Iterator[Finding]:
    """A version that was in use and is no more, or says something else."""
    entry = now.versions.get(str(version.version))
    readers = {one: number for one, number in users.readers.items() if number == version.version}
    if entry is None or entry.status not in IN_USE:
        if readers:
            how = "is gone" if entry is None else f"becomes {entry.status}"
            message = f"version {version.version} {how}, and {_shown(readers)} it today"
            hint = "deprecate it, and retire it when its readers have moved on"
            yield Finding(f"{path}/subject.yaml", "schema.removed", message, hint=hint)
        return
    same = after.schema(after.schema_iri(now.type, version.version))
    if same is not None and same.sha256 != version.sha256:
        file = f"{path}/{version.version}.{_ENDINGS[now.kind]}"
        message = f"version {version.version} is published with another content"
        hint = "undo the change, and register it as a new version"
        yield Finding(file, "registry.schema_changed", message, hint=hint)


def _added(
    after: Snapshot,
    subject: Subject,
    path: str,
    new: SchemaVersion,
    used: Sequence[SchemaVersion],
    users: Users,
) -> Iterator[Finding]:
    """A version that is new: against the mode, and against who reads and sends what today."""
    file = f"{path}/{new.version}.{_ENDINGS[subject.kind]}"
    transitive = subject.compatibility.endswith("_TRANSITIVE")
    asked = set(used) if transitive else {max(used, key=lambda one: one.version)}
    for old in used:
        readers = [one for one, number in users.readers.items() if number == old.version]
        senders = [one for one, number in users.senders.items() if number == old.version]
        for direction, who, words in (
            ("BACKWARD", senders, f"{_list(senders)} may still send version {old.version}"),
            ("FORWARD", readers, f"{_shown(readers)} version {old.version} today"),
        ):
            forbidden = old in asked and _asks(subject.compatibility, direction)
            if not forbidden and not who:
                continue
            found = check_compatibility(
                new.document,
                old.document,
                subject.kind,
                direction,
                resources=after.schema_resources(subject.kind),
            )
            severity: Severity = "wrong" if forbidden else "warning"
            for one in found:
                yield _finding(file, one, direction, severity, old, new, words if who else "")


def _asks(mode: str, direction: str) -> bool:
    return mode.partition("_")[0] in (direction, "FULL")


def _finding(
    file: str,
    one: Incompatibility,
    direction: str,
    severity: Severity,
    old: SchemaVersion,
    new: SchemaVersion,
    who: str,
) -> Finding:
    said = one.message
    for name, version in (("the new version", new), ("the old version", old)):
        said = said.replace(name, f"version {version.version}")
    place = one.path or "the body"
    concerned = f": {who}" if who else ""
    message = f"{place}: {said}{concerned} ({direction}, {one.change})"
    last = one.path.rpartition("/")[2]
    near = f'"{last}"' if last not in ("", "*") else ""
    return Finding(file, "schema.incompatible", message, severity, one.advice, near=near)


def _shown(readers: Collection[str]) -> str:
    return f"{_list(list(readers))} {'reads' if len(readers) == 1 else 'read'}"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more


_ENDINGS = {"json": "json", "avro": "avsc"}
